"""A VCD becomes the recording of exactly what it shows, by either reader."""

import shutil
import subprocess
from collections import defaultdict
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isa.errors import UserError
from isa.instructions import Queue
from tests.waves.rebuild.build import FLITS, MACHINE, code, signals, vcd, write
from waves.read.recording import Link, Recording
from waves.read.vcd import read

EAST = "tile_0_0.data_east"
MATRIX = "tile_0_0.matrix"


def same(one: Recording, other: Recording) -> bool:
    """Whether two recordings are equal in every number."""

    def plain(value):
        if isinstance(value, np.ndarray):
            return value.dtype, value.tolist()
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return (
            plain({field.name: getattr(value, field.name) for field in fields(value)})
            if is_dataclass(value)
            else value
        )

    return plain(one) == plain(other)


def test_facts_links_and_window(recorded):
    recording = recorded(
        [{}] * 3, columns=3, rows=2, first=700, channels=[("west", 0, 1), ("north", 2, 1)]
    )
    facts = recording.facts
    assert (facts.columns, facts.rows, facts.channels) == (3, 2, (("west", 0, 1), ("north", 2, 1)))
    assert facts.hbm_latency == MACHINE["hbm_latency"]
    assert (recording.first, recording.last, recording.cycles, recording.flits) == (700, 702, 3, 0)
    assert len(recording.engines) == 4 * 6
    # 14 ports to neighbours in each of 3 networks, 5 local ones a tile, and two of a channel each.
    assert len(recording.traffic) == 3 * 14 + 5 * 6 + 2 + 2
    assert (
        Link("request", (2, 1), "north") in recording.traffic
        and Link("data", (2, 1), "hbm_north") in recording.traffic
    )
    assert all(len(traffic) == 0 for traffic in recording.traffic.values())


def test_a_flit_that_waits_and_equal_flits_in_a_row(recorded):
    flit = {
        f"{EAST}.{name}": value
        for name, value in {"valid": 1, "x0": 1, "x1": 1, "addr": 0x8001, "tag": 7}.items()
    }
    recording = recorded(
        [
            {},
            flit,  # waits
            {f"{EAST}.ready": 1},  # taken in cycle 12
            {},  # an equal one, taken in cycle 13
            {f"{EAST}.addr": 0x8002, f"{EAST}.ready": 0},
            {f"{EAST}.ready": 1, f"{EAST}.bump": 1},
            {f"{EAST}.valid": 0},
            {f"{EAST}.valid": 1, f"{EAST}.tag": 8, f"{EAST}.ready": 0},
            {},
        ],
        first=10,
    )
    traffic = recording.traffic[Link("data", (0, 0), "east")]
    assert traffic.offered.tolist() == [11, 13, 14, 17] and traffic.taken.tolist() == [
        12,
        13,
        15,
        -1,
    ]
    assert traffic.header["addr"].tolist() == [0x8001, 0x8001, 0x8002, 0x8002]
    assert traffic.header["bump"].tolist() == [0, 0, 1, 1] and traffic.header["tag"].tolist() == [
        7,
        7,
        7,
        8,
    ]
    assert traffic.header["x1"].tolist() == [1, 1, 1, 1]
    assert set(traffic.header) == FLITS["data"].keys() - {"valid", "ready"}
    assert recording.flits == 3


def test_a_flit_under_way_when_the_window_begins(recorded):
    recording = recorded([{f"{EAST}.valid": 1}, {f"{EAST}.ready": 1}], first=5)
    traffic = recording.traffic[Link("data", (0, 0), "east")]
    assert (traffic.offered.tolist(), traffic.taken.tolist()) == ([5], [6])


def test_a_channels_flits_and_a_read_request(recorded):
    hbm, request = "hbm_0_west_0_0.data", "tile_0_0.request_west"
    recording = recorded(
        [
            {
                f"{request}.valid": 1,
                f"{request}.ready": 1,
                f"{request}.rows": 3,
                f"{request}.words": 4,
                f"{request}.addr": 0xFFFFFFF,
            },
            {f"{request}.valid": 0, f"{hbm}.valid": 1, f"{hbm}.ready": 1, f"{hbm}.kind": 1},
        ],
        channels=[("west", 0, 0)],
    )
    asked = recording.traffic[Link("request", (0, 0), "west")]
    assert (asked.header["rows"][0], asked.header["words"][0], asked.header["addr"][0]) == (
        3,
        4,
        0xFFFFFFF,
    )
    assert recording.traffic[Link("data", (0, 0), "hbm_west")].header["kind"].tolist() == [1]


@pytest.mark.parametrize("above", [(), ("a", "very", "deep", "bench")])
@pytest.mark.parametrize("ranges", ["", " "])
def test_scope_and_names_of_other_simulators(recorded, above, ranges):
    recording = recorded(
        [{f"{EAST}.valid": 1, f"{EAST}.ready": 1, f"{EAST}.addr": 5}], above=above, ranges=ranges
    )
    assert recording.traffic[Link("data", (0, 0), "east")].header["addr"].tolist() == [5]


def test_signals_that_share_an_identifier_code(reader, tmp_path):
    widths = signals(2, 1, ())
    codes = {name: code(index) for index, name in enumerate(widths)}
    path = tmp_path / "waves.vcd"
    text = vcd([{f"{EAST}.valid": 1, f"{EAST}.ready": 1}, {f"{EAST}.ready": 0}])
    shared = codes[f"{EAST}.valid"], codes["tile_1_0.data_eject.valid"]
    path.write_text(
        text.replace(f" {shared[1]} valid", f" {shared[0]} valid").replace(
            f"\n0{shared[1]}\n", "\n"
        )
    )
    recording = read(path, reader=reader)
    assert recording.traffic[Link("data", (1, 0), "eject")].offered.tolist() == [0]


def test_a_dump_that_begins_late_and_is_turned_off(reader, tmp_path):
    """Other simulators show what was there before the first clock edge, and nothing but x after the
    last one.
    """
    names = [code(index) for index in range(len(signals(2, 1, ())))]
    text = vcd([{f"{EAST}.valid": 1}, {f"{EAST}.ready": 1}], first=8)
    text = text.replace(
        "#10\n", "#10\n$dumpvars\n" + "".join(f"x{name}\n" for name in names) + "$end\n"
    )
    path = tmp_path / "waves.vcd"
    path.write_text(text + "#14\n$dumpoff\n" + "".join(f"x{name}\n" for name in names) + "$end\n")
    recording = read(path, reader=reader)
    assert (recording.first, recording.last) == (8, 9)
    assert recording.traffic[Link("data", (0, 0), "east")].taken.tolist() == [9]


def test_other_signals_and_texts(reader, tmp_path):
    """Numbers, strings, arrays, comments and blank lines of what else is in a VCD."""
    text = vcd([{}, {f"{EAST}.valid": 1, f"{EAST}.ready": 1}])
    others = (
        "$comment\n two lines: \u00fc $end\n$var real 64 ~~ r $end\n$var wire 8 ~a m[3] $end\n"
        "$var wire 1 ~b b [0] $end\n"
    )
    values = "$comment\n 1! $end\nr-1.5e3 ~~\n\nb1x0z ~a\nB1 ~b\nX~b\n"
    path = tmp_path / "waves.vcd"
    path.write_text(
        text.replace(
            "$scope", f"$scope module other $end\n{others}$upscope $end\n$scope", 1
        ).replace("#12\n", f"#12\n{values}")
    )
    assert read(path, reader=reader).flits == 1


def test_unknown_until_the_first_known_value(recorded):
    recording = recorded(
        [
            {f"{EAST}.valid": "x", f"{EAST}.addr": "x", f"{MATRIX}.state": "zzz"},
            {f"{EAST}.valid": 1, f"{EAST}.ready": 1, f"{EAST}.addr": 3},
            {f"{EAST}.addr": "x", f"{EAST}.valid": 0},
        ]
    )
    assert recording.traffic[Link("data", (0, 0), "east")].taken.tolist() == [1]
    assert recording.engines[(0, 0), Queue.MATRIX].states.tolist() == [(0, 3, 0)]


def test_recordings_of_both_readers_compare(tmp_path):
    """The comparison below means something."""
    paths = [
        write(tmp_path / f"{tag}.vcd", [{f"{EAST}.valid": 1, f"{EAST}.tag": tag}]) for tag in (1, 2)
    ]
    assert same(read(paths[0]), read(paths[0])) and not same(read(paths[0]), read(paths[1]))


@pytest.mark.skipif(not shutil.which("vcd2fst"), reason="needs vcd2fst, which comes with GTKWave")
def test_fst_and_what_another_tool_makes_of_it(tmp_path):
    pytest.importorskip("pywellen")
    wave = {f"{EAST}.valid": 1, f"{EAST}.tag": 9}
    path = write(
        tmp_path / "waves.vcd",
        [{}, wave, {f"{EAST}.ready": 1}, {f"{EAST}.valid": 0}],
        channels=[("west", 0, 0)],
    )
    fst, back = path.with_suffix(".fst"), tmp_path / "back.vcd"
    subprocess.run(["vcd2fst", path, fst], check=True)
    subprocess.run(["fst2vcd", fst, "-o", back], check=True)
    recording = read(path, reader="vcdvcd")
    assert recording.flits == 1
    assert same(recording, read(fst)) and same(recording, read(back, reader="vcdvcd"))
    damaged = bytearray(fst.read_bytes())
    for at in range(len(damaged) // 2, len(damaged), 7):
        damaged[at] ^= 0xFF
    fst.write_bytes(damaged)
    with pytest.raises(UserError):
        read(fst)


BITS = st.integers(0, 1)
STREAM = st.lists(st.tuples(BITS, BITS, st.integers(0, 2)), min_size=1, max_size=40)


def reference(cycles: list[tuple[int, int, int]], first: int) -> list[tuple[int, int, int]]:
    """Flits of a stream, cycle by cycle: offered, taken, address."""
    flits, offered = [], None
    for cycle, (valid, ready, address) in enumerate(cycles, first):
        if valid and offered is None:
            offered = cycle
        if valid and ready:
            flits.append((offered, cycle, address))
            offered = None
    return flits if offered is None else [*flits, (offered, -1, cycles[-1][2])]


@settings(max_examples=40, deadline=None)
@given(streams=st.lists(STREAM, min_size=1, max_size=3), first=st.integers(0, 1000))
def test_random_streams(tmp_path_factory, streams, first):
    scopes = {
        "data_east": Link("data", (0, 0), "east"),
        "reduce_eject": Link("reduce", (0, 0), "eject"),
        "request_inject": Link("request", (0, 0), "inject"),
    }
    length = min(len(stream) for stream in streams)
    cycles: list[dict[str, int]] = [defaultdict(int) for _ in range(length)]
    for scope, stream in zip(scopes, streams, strict=False):
        for signals_, values in zip(cycles, stream, strict=False):
            signals_ |= {
                f"tile_0_0.{scope}.{name}": v
                for name, v in zip(("valid", "ready", "addr"), values, strict=True)
            }
    path = write(tmp_path_factory.mktemp("random") / "waves.vcd", cycles, first=first)
    recording = read(path, reader="vcdvcd")
    for link, stream in zip(scopes.values(), streams, strict=False):
        traffic = recording.traffic[link]
        found = zip(
            traffic.offered.tolist(),
            traffic.taken.tolist(),
            traffic.header["addr"].tolist(),
            strict=True,
        )
        assert list(found) == reference(stream[:length], first)
    pytest.importorskip("pywellen")
    assert same(recording, read(path, reader="pywellen"))
