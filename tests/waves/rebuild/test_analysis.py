"""Collectives rebuilt from the VCD of a real run, and from one that was tampered with."""

import random
from collections import Counter

import pytest

from golden.dry import list_collectives
from isa.errors import UserError
from isa.geometry import Rectangle
from isa.machine import MACHINES
from isa.status import Event
from programs.compiler import compile_workload
from programs.tensors import load_workload
from tests.waves.rebuild.edit import Vcd
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.expected import Expectation, listed

TINY = MACHINES["tiny"]


@pytest.fixture(scope="module")
def inspection(tiny_run):
    return inspect(read(tiny_run[1]))


@pytest.fixture(scope="module")
def golden():
    compiled = compile_workload(
        TINY, load_workload("mha:S=40,D=24,H=2", "fp16", 1).workload, "flat-async"
    )
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    return Counter(list_collectives(TINY, images))


@pytest.fixture
def vcd(tiny_run):
    return Vcd(tiny_run[1])


def found(vcd, path, **window):
    return inspect(read(vcd.save(path / "edited.vcd", **window))).problems


def test_the_collectives_are_those_of_the_golden_machine(inspection, golden):
    assert not inspection.problems
    assert Counter(listed(c) for c in inspection.collectives) == golden
    assert {c.kind for c in inspection.collectives} == {"load", "reduce", "allreduce"}
    assert all(transfer.whole for transfer in inspection.transfers)


def test_nothing_beats_its_bound(inspection):
    assert all(transfer.rho >= 1 for transfer in inspection.transfers if transfer.bound)


def test_members_and_bytes(inspection):
    for c in inspection.collectives:
        assert set(c.completed) == ({c.root} if c.kind == "reduce" else set(c.rectangle.tiles()))
        assert "reduce" not in c.kind or set(c.issued) == set(c.rectangle.tiles())
        assert c.bytes == 16 * c.words
        assert all(issue < hop.first for issue in [min(c.issued.values())] for hop in c.hops)


def test_issues_and_writes_are_those_of_the_event_log(inspection, tiny_run):
    """The last word is written to L1 within a few cycles of leaving the network."""
    events = tiny_run[0].events
    for c in inspection.collectives:
        for (x, y), cycle in c.issued.items():
            mine = events[
                (events["x"] == x)
                & (events["y"] == y)
                & (events["cycle"] == cycle)
                & (events["tag"] == c.tag)
            ]
            assert {Event.ISSUE_LOAD, Event.ISSUE_OUT} & set(mine["kind"].tolist())
        for (x, y), cycle in c.completed.items():
            kinds = (Event.WRITE_REDUCE,) if c.kind == "reduce" else (Event.WRITE_DATA,)
            late = events[
                (events["x"] == x)
                & (events["y"] == y)
                & (events["tag"] == c.tag)
                & (events["cycle"] > cycle)
            ]
            writes = [event["cycle"] for event in late if event["kind"] in kinds]
            assert min(writes) - cycle <= 6


def test_hops_of_a_multicast_make_its_tree(inspection):
    load = next(
        c
        for c in inspection.collectives
        if c.kind == "load" and c.rectangle == Rectangle(0, 0, 1, 0)
    )
    data = [hop for hop in load.hops if hop.link.network == "data"]
    assert [str(hop.link) for hop in data] == [
        "data (0,0) hbm west",
        "data (0,0) east",
        "data (0,0) eject",
        "data (1,0) eject",
    ]
    assert {hop.flits for hop in data} == {load.words}
    assert data[1].first == data[0].first + 1


@pytest.mark.parametrize("seed", range(6))
def test_no_window_of_a_good_run_has_problems(vcd, tmp_path, seed):
    chance = random.Random(seed)
    for length in (1, 7, 60, 400, 1500):
        first = chance.randrange(len(vcd.cycles) - length)
        assert not found(vcd, tmp_path, first=first, last=first + length - 1), (first, length)


def taken(vcd, scope):
    return vcd.when(f"{scope}.valid", f"{scope}.ready")


def test_a_dropped_flit(vcd, tmp_path):
    cycle = taken(vcd, "tile_0_0.data_east")[20]
    vcd.set(cycle, {"tile_0_0.data_east.valid": 0})
    first, second, *_ = found(vcd, tmp_path)
    assert (first.cycle, first.tile) == (cycle - 1, (0, 0))
    assert "never leaves by east" in first.what
    assert second.tile == (1, 0) and "never came in" in second.what


def test_a_flit_that_is_dropped_on_its_way_when_the_window_begins(vcd, tmp_path):
    """The load was asked for before the window; its words are followed all the same."""
    cycles = taken(vcd, "tile_0_0.data_east")
    cycle = cycles[30]
    vcd.set(cycle, {"tile_0_0.data_east.valid": 0})
    told = found(vcd, tmp_path, first=cycles[20], last=cycles[20] + 400)
    assert any(
        problem.tile == (0, 0) and "never leaves by east" in problem.what for problem in told
    )


def test_a_doubled_flit(vcd, tmp_path):
    idle = set(range(len(vcd.cycles))) - set(vcd.when("tile_0_0.data_eject.valid"))
    cycle = next(c + 1 for c in taken(vcd, "tile_0_0.data_eject") if c + 1 in idle)
    vcd.set(cycle, {"tile_0_0.data_eject.valid": 1, "tile_0_0.data_eject.ready": 1})
    [first, *_] = found(vcd, tmp_path)
    assert (first.cycle, first.tile) == (cycle, (0, 0))
    assert "doubled" in first.what


def test_a_wrong_root(vcd, tmp_path):
    """One tile sends one word of its part of a reduction to another root."""
    scope = "tile_1_0.reduce_inject"
    cycle = next(c for c in taken(vcd, scope) if vcd.value(f"{scope}.root_x", c) == 0)
    vcd.set(cycle, {f"{scope}.root_x": 1})
    told = [problem for problem in found(vcd, tmp_path) if problem.cycle == cycle]
    assert any("to (1,0)" in problem.what for problem in told)


def test_a_missing_contribution(vcd, tmp_path):
    cycle = taken(vcd, "tile_1_0.reduce_inject")[3]
    vcd.set(cycle, {"tile_1_0.reduce_inject.valid": 0})
    told = [problem for problem in found(vcd, tmp_path) if "without the part from" in problem.what]
    assert told and all(problem.tile[1] == 0 for problem in told)


def test_a_wrong_way(vcd, tmp_path):
    cycle = taken(vcd, "tile_0_0.data_east")[5]
    vcd.set(cycle, {"tile_0_0.data_east.y0": 1, "tile_0_0.data_east.y1": 1})
    assert found(vcd, tmp_path)


def test_alike_problems_are_told_once(vcd, tmp_path):
    for cycle in taken(vcd, "tile_0_0.data_east")[20:40]:
        vcd.set(cycle, {"tile_0_0.data_east.valid": 0})
    told = [problem for problem in found(vcd, tmp_path) if "never leaves by east" in problem.what]
    assert len(told) < 4 and "more flits until cycle" in told[0].what


@pytest.mark.parametrize("seed", range(4))
def test_damage_never_ends_in_an_exception(tiny_run, tmp_path, seed):
    """Whatever single bit is wrong: a line that says so, or an inspection."""
    chance = random.Random(seed)
    lines = tiny_run[1].read_text().splitlines()
    body = next(index for index, line in enumerate(lines) if line.startswith("$enddefinitions")) + 1
    seen = Counter()
    for _ in range(12):
        index = chance.choice(
            [
                i
                for i in chance.sample(range(body, len(lines)), 50)
                if lines[i] and lines[i][0] in "01b"
            ]
        )
        line, edited = lines[index], list(lines)
        at = chance.randrange(1, line.index(" ")) if line[0] == "b" else 0
        edited[index] = line[:at] + ("0" if line[at] == "1" else "1") + line[at + 1 :]
        path = tmp_path / "damaged.vcd"
        path.write_text("\n".join(edited) + "\n")
        try:
            seen["found" if inspect(read(path)).problems else "not seen"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            seen["found"] += 1
    assert seen["found"] > seen["not seen"]


def test_golden_misses_and_surpluses(inspection, golden):
    key = next(iter(golden))
    for change, says in (
        (-1, f"seen {golden[key]} times, the golden machine says {golden[key] - 1}"),
        (1, f"says {golden[key] + 1}"),
    ):
        counts = golden.copy()
        counts[key] += change
        [problem] = Expectation("", counts).compare(inspection)
        assert says in problem.what
    assert not Expectation("", golden).compare(inspection)
