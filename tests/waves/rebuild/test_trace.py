"""A Chrome trace is well-formed, and shows no more and no less than the inspection."""

import gzip
import json
from collections import Counter, defaultdict

import numpy as np
import pytest

from isa.geometry import Rectangle
from isa.instructions import Opcode, Queue
from isa.status import QueueState
from tests.waves.rebuild.build import write
from tests.waves.rebuild.trace_check import check, identity
from waves.read.recording import Link
from waves.read.vcd import read
from waves.rebuild.inspection import Inspection, Problem, Transfer
from waves.report.trace import perfetto, write_trace

FIRST, CYCLES = 100, 60


def cycles() -> list[dict[str, int]]:
    """Two tiles: overlapping matmuls, waits, stalls of two causes, a put and an all-reduce."""
    found: list[dict[str, int]] = [defaultdict(int) for _ in range(CYCLES)]

    def pulse(scope: str, name: str, begin: int, end: int, value: int = 1) -> None:
        found[begin][f"{scope}.{name}"] = value
        found[end][f"{scope}.{name}"] = 0

    matrix, out = "tile_0_0.matrix", "tile_1_0.out"
    found[0] |= {f"{scope}.state": QueueState.FETCH for scope in (matrix, out)} | {
        f"{matrix}.opcode": Opcode.MATMUL
    }
    found[0]["tile_0_0.out.opcode"] = Opcode.REDUCE
    for issued, done in ((2, 20), (6, 30), (25, 31)):
        pulse(matrix, "issue", issued, issued + 1)
        pulse(matrix, "done", done, done + 1)
    pulse(matrix, "issue", 50, 51)
    pulse(matrix, "operand_stall", 8, 15)
    pulse("tile_0_0.l1", "waits", 12, 18, 0b001000)
    found[32] |= {f"{matrix}.state": QueueState.WAIT0, f"{matrix}.wait_sem": 1}
    found[40] |= {f"{matrix}.state": QueueState.DRAIN}
    found[45] |= {f"{matrix}.state": QueueState.ENGINE}
    for issued, done, opcode in ((5, 9, Opcode.PUT), (10, 30, Opcode.REDUCE)):
        pulse(out, "issue", issued, issued + 1)
        pulse(out, "done", done, done + 1)
        found[issued] |= {
            f"{out}.opcode": opcode,
            f"{out}.slot": issued,
            f"{out}.tag": 3,
            f"{out}.rows": 2,
            f"{out}.words": 2,
        }
    pulse("tile_0_0.out", "issue", 12, 13)
    pulse("tile_1_0.data_west", "valid", 7, 10)
    pulse("tile_1_0.data_west", "ready", 7, 10)
    return found


@pytest.fixture
def inspection(tmp_path) -> Inspection:
    recording = read(write(tmp_path / "waves.vcd", cycles(), first=FIRST), reader="vcdvcd")
    both, at = Rectangle(0, 0, 1, 0), {(0, 0): FIRST + 12, (1, 0): FIRST + 10}
    transfers = [
        Transfer(
            0,
            3,
            "put",
            None,
            (1, 0),
            both,
            4,
            64,
            {(1, 0): FIRST + 5},
            {(0, 0): FIRST + 9, (1, 0): FIRST + 8},
            bound=5,
            begin=FIRST + 5,
            end=FIRST + 9,
            whole=True,
        ),
        Transfer(
            1,
            4,
            "allreduce",
            "max",
            (0, 0),
            both,
            4,
            64,
            at,
            {(0, 0): FIRST + 29, (1, 0): FIRST + 30},
            bound=9,
            begin=FIRST + 10,
            end=FIRST + 30,
            whole=True,
        ),
        Transfer(
            2, 5, "reduce", "sum", (0, 0), both, 4, 64, {(1, 0): FIRST + 41}, {}, begin=FIRST + 41
        ),
        Transfer(
            3,
            6,
            "store",
            None,
            (0, 0),
            Rectangle(0, 0, 0, 0),
            4,
            64,
            {(0, 0): FIRST + 2},
            {},
            begin=FIRST + 2,
        ),
    ]
    return Inspection(recording, transfers, [Problem(FIRST + 41, (0, 0), "a member is missing", 2)])


@pytest.fixture
def events(inspection) -> list[dict]:
    return perfetto(inspection)["traceEvents"]


def test_well_formed(inspection, events):
    check(events, inspection.recording)
    assert json.loads(json.dumps(events)) == events


def test_the_check_sees_faults(inspection, events):
    recording = inspection.recording
    slices = [event for event in events if event["ph"] == "X"]
    crossing = {**slices[0], "ts": slices[0]["ts"] + 1}
    unended = [event for event in events if event["ph"] != "e"]
    arrow = {
        "ph": "s",
        "cat": "c",
        "name": "n",
        "id": 999,
        "pid": slices[0]["pid"],
        "tid": 99,
        "ts": recording.last,
    }
    for wrong in (
        [*events, crossing],
        unended,
        [*events, arrow, {**arrow, "ph": "f"}],
        [*events, {**slices[0], "pid": 99}],
    ):
        with pytest.raises(AssertionError):
            check(wrong, recording)


def test_instructions(inspection, events):
    found = [event for event in events if event.get("cat") == "instruction"]
    executed = [row for engine in inspection.recording.engines.values() for row in engine.executed]
    assert Counter(event["name"] for event in found) == Counter(
        Opcode(row["opcode"]).name.lower() for row in executed
    )
    matmuls = [(e["ts"] - FIRST, e["dur"]) for e in found if e["name"] == "matmul"]
    assert matmuls == [(2, 19), (21, 10), (31, 1), (50, 10)]
    [put] = [event for event in found if event["name"] == "put"]
    assert put["args"] == {
        "issued": FIRST + 5,
        "done": FIRST + 9,
        "slot": 5,
        "tag": 3,
        "rows": 2,
        "words": 2,
    }


def test_waits_and_stalls(inspection, events):
    found = [
        (e["cat"], e["name"], e["ts"] - FIRST, e["dur"])
        for e in events
        if e.get("cat") in ("wait", "stall")
    ]
    assert found == [
        ("wait", "semaphore 1", 32, 8),
        ("wait", "drain", 40, 5),
        ("stall", "operand", 8, 4),
        ("stall", "operand + l1", 12, 3),
        ("stall", "l1", 15, 3),
    ]


def test_collectives_and_arrows(inspection, events):
    begins = {identity(e): e for e in events if e["ph"] == "b"}
    ends = {identity(e): e["ts"] - FIRST for e in events if e["ph"] == "e"}
    assert sorted(
        (e["pid"], e["name"], e["args"]["number"], e["ts"] - FIRST, ends[key])
        for key, e in begins.items()
    ) == [
        (1, "allreduce max", 1, 10, 31),
        (1, "put", 0, 5, 10),
        (1, "reduce sum", 2, 41, CYCLES),
        (3, "allreduce max", 1, 12, 30),
        (3, "put", 0, 5, 10),
        (4, "allreduce max", 1, 10, 31),
        (4, "put", 0, 5, 9),
        (4, "reduce sum", 2, 41, CYCLES),
    ]
    rho = {c.number: round(c.rho, 3) if c.whole else None for c in inspection.collectives}
    assert all(e["args"].get("rho") == rho[e["args"]["number"]] for e in begins.values())
    completions = Counter(event["name"] for event in events if event.get("cat") == "completion")
    assert completions == {"put 0": 2, "allreduce 1": 2}
    arrows = {
        event["id"]: (event["pid"], event["ts"] - FIRST) for event in events if event["ph"] == "s"
    }
    heads = {
        event["id"]: (event["pid"], event["ts"] - FIRST) for event in events if event["ph"] == "f"
    }
    assert Counter((arrows[key], heads[key]) for key in arrows) == Counter(
        [
            ((4, 5), (3, 9)),
            ((4, 5), (4, 8)),
            ((3, 12), (3, 29)),
            ((3, 12), (4, 30)),
            ((4, 10), (3, 29)),
        ]
    )


def test_busy_links(inspection, events):
    recording = inspection.recording
    for network in ("data", "request", "reduce"):
        values = [
            event["args"]["busy %"]
            for event in events
            if event["ph"] == "C" and event["name"] == f"{network} network"
        ]
        links = [
            link
            for link in recording.traffic
            if link.network == network and link.port in ("west", "east")
        ]
        flits = sum(int((recording.traffic[link].taken >= 0).sum()) for link in links)
        assert np.isclose(sum(values) * len(links) / 100, flits) and flits == (
            3 if network == "data" else 0
        )
    assert recording.traffic[Link("data", (1, 0), "west")].taken.tolist() == [107, 108, 109]


def test_a_problem_is_marked(events):
    [mark] = [event for event in events if event["ph"] == "i"]
    assert (mark["name"], mark["ts"]) == ("a member is missing", FIRST + 41)


def test_files(inspection, tmp_path):
    plain, packed = tmp_path / "trace.json", tmp_path / "trace.json.gz"
    write_trace(plain, inspection)
    write_trace(packed, inspection)
    assert (
        json.loads(plain.read_text())
        == perfetto(inspection)
        == json.loads(gzip.decompress(packed.read_bytes()))
    )
    assert packed.stat().st_size < plain.stat().st_size / 3
    assert {queue.name.lower() for queue in Queue} < {
        event["args"].get("name")
        for event in perfetto(inspection)["traceEvents"]
        if event["ph"] == "M"
    }
