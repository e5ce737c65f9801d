"""Machines around one: axes, what is not possible, fronts, and what is kept."""

import pytest
from rich.console import Console

from isa.errors import UserError
from isa.machine import MACHINES, load_machine
from model.energy import Energy
from model.predict import Prediction
from publish.explore.axes import AXES, machine_at, parse_vary, places
from publish.explore.front import PRICES, front, undecided
from publish.explore.report import picture, point_table, told, write_sweep
from publish.explore.sweep import SweepPoint, run_sweep
from tb.campaign.trial import Trial
from tb.tasks import Workers

PAPER = MACHINES["paper-2025"]


@pytest.mark.parametrize("tiles", ["16x16", "32x32", "64x64"])
def test_other_tiles_make_the_same_machine(tiles):
    machine = machine_at(PAPER, {"tiles": tiles})
    assert machine.macs == PAPER.macs
    assert machine.hbm_bytes_per_cycle == PAPER.hbm_bytes_per_cycle
    for name in ("vector_lanes", "l1_bytes"):
        of_all = machine.mesh.tiles * getattr(machine.tile, name)
        assert of_all == PAPER.mesh.tiles * getattr(PAPER.tile, name), name
    across = machine.mesh.rows * machine.tile.link_bits
    assert across == PAPER.mesh.rows * PAPER.tile.link_bits
    assert sum(one.edge == "west" for one in machine.channels) == min(16, machine.mesh.rows)


def test_the_machine_itself_is_among_the_points():
    place = {"tiles": "32x32", "hbm": "2048", "link": "1024", "lanes": "64", "l1": "384"}
    assert machine_at(PAPER, place) == PAPER


def test_a_narrower_link_leaves_l1_its_bandwidth():
    machine = machine_at(PAPER, {"link": "512"})
    assert machine.tile.link_bits == 512 and machine.tile.line_bytes == PAPER.tile.line_bytes


def test_every_axis_has_values_of_its_own():
    axes = parse_vary(PAPER, " ".join(AXES))
    assert all(len(values) > 1 for values in axes.values())
    assert axes["tiles"] == ["16x16", "32x32", "64x64"] and axes["hbm"][-1] == "2048"
    few = parse_vary(PAPER, "hbm=512,256,512 link")
    assert [dict(place) for place in places(few)] == [
        {"hbm": hbm, "link": link} for hbm in ("512", "256") for link in ("512", "1024")
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "VARY must name an axis: tiles, link"),
        ("tile=4x4", "VARY: there is no axis 'tile': did you mean 'tiles'"),
        ("hbm=1 hbm=2", "VARY: hbm must be there once"),
        ("hbm=", "VARY: hbm must be a whole number from 1 up, not ''"),
        ("l1=-1", "VARY: l1 must be a whole number from 1 up, not '-1'"),
        ("tiles=8", "VARY: tiles must be COLUMNSxROWS, not '8'"),
    ],
)
def test_what_is_no_axis_is_one_line(text, line):
    with pytest.raises(UserError) as caught:
        parse_vary(PAPER, text)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ({"tiles": "16x32"}, "tiles=16x32: mesh.columns and mesh.rows must be as 32 to 32"),
        ({"tiles": "12x12"}, "tiles=12x12: tile.matrix_rows must be a whole number, not 256/3"),
        ({"tiles": "8x8"}, "tiles=8x8: tile: vector_lanes must divide the 512 FP32 elements"),
        ({"tiles": "128x128"}, "tiles=128x128: mesh.columns = 128"),
        ({"link": "500"}, "link=500: tile: link_bits must be a power of two"),
        ({"lanes": "48"}, "lanes=48: tile: vector_lanes must divide the 128 FP32 elements"),
        ({"hbm": "100"}, "hbm=100: hbm.bytes_per_cycle must be a whole number: 32 channels"),
        ({"link": "256"}, "link=256: machine: hbm.bytes_per_cycle must be at most the link's 32"),
    ],
)
def test_an_impossible_machine_names_its_field(place, line):
    with pytest.raises(UserError) as caught:
        machine_at(PAPER, place)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


def point(name: str, hbm: int, used: float) -> SweepPoint:
    machine = machine_at(PAPER, {"hbm": str(hbm)})
    seen = Prediction(1000, used, 0.0, 0.0, 1, 0, 0.1, 1, 0.0)
    return SweepPoint(name, machine, "", "", used, seen, Energy(1.0, 0.0, 0.0, 0.0, 0.0))


def test_a_front_has_what_nothing_beats_at_its_price():
    points = [
        point("dear, worse", 2048, 0.6),
        point("cheap", 512, 0.5),
        point("cheap, worse", 512, 0.4),
        point("dear, as good", 2048, 0.7),
        point("middle", 1024, 0.7),
        point("middle as well", 1024, 0.7),
    ]
    on = [one.point for one in front(points, PRICES["HBM"])]
    assert on == ["cheap", "middle", "middle as well"]
    assert "dear, as good" in [one.point for one in undecided(points, PRICES["HBM"])]
    assert "cheap, worse" not in [one.point for one in undecided(points, PRICES["HBM"])]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    base = tmp_path_factory.mktemp("explore") / "campaign"
    trial = Trial(load_machine("tiny"), "mha:S=32,D=16,H=2", "flat-async")
    where = places(parse_vary(trial.machine, "tiles=1x1,2x2,4x4 hbm=16,32 group=1x1,2x2"))
    return [run_sweep(trial, where, Workers(), Console(quiet=True), base=base) for _ in range(2)]


def test_a_sweep_counts_what_is_not_possible_and_is_computed_once(sweep):
    first, again = sweep
    names = [one.point for one in first.points]
    assert "tiles=2x2 hbm=32 group=2x2" in names and first.kept == 0
    assert len(names) + len(first.impossible) == 12 and not first.failed
    whys = {one.point: one.why for one in first.impossible}
    assert whys["tiles=4x4 hbm=16 group=1x1"].startswith("tiles=4x4 hbm=16: tile.link_bits = 64")
    assert "group" in whys["tiles=1x1 hbm=16 group=2x2"].lower()
    assert again.points == first.points and again.kept > 0


def test_more_bandwidth_is_never_slower_here(sweep):
    cycles = {one.point: one.seen.cycles for one in sweep[0].points}
    assert cycles["tiles=2x2 hbm=32 group=2x2"] < cycles["tiles=2x2 hbm=16 group=2x2"]


def test_a_report_has_every_point_its_interval_and_its_mark(sweep, tmp_path):
    done = sweep[0]
    path = write_sweep("tiny", done, {"machine": "tiny"}, tmp_path)
    text = path.read_text()
    assert "{{" not in text and "data:image/png" in text
    for one in done.points:
        row = one.row()
        assert row["cycles_low"] < row["cycles"] < row["cycles_high"]
        assert f"{one.seen.cycles:,}" in text
    table = point_table("", done.points, done.points)
    for one, cells in zip(done.points, table.rows, strict=True):
        assert cells[9].endswith("*") == (not one.within.checked)
    assert any("points not possible" in line for line in told(done))
    assert len(picture("", done.points).axes) == len(PRICES)


def test_nothing_possible_is_refused(tmp_path):
    trial = Trial(load_machine("tiny"), "mha:S=32,D=16,H=2")
    with pytest.raises(UserError, match="none of 1 points is possible: tiles=3x3: tile"):
        run_sweep(trial, [{"tiles": "3x3"}], Workers(), Console(quiet=True), base=tmp_path)
