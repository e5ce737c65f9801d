"""Points of the papers' machines: how they are computed, what is said of them, and the page."""

import json
from dataclasses import asdict
from math import nan
from pathlib import Path

import pytest
from rich.console import Console

from isa.errors import UserError
from isa.machine import load_machine
from publish.extrapolation.beside import beside
from publish.extrapolation.claims import PaperClaim, claims
from publish.extrapolation.points import Grid32, ModelPoint
from publish.extrapolation.report import page, summary
from publish.extrapolation.run import GRID, run
from publish.extrapolation.target import GRID_TARGETS, MANY, run_steady, run_whole
from publish.results import kept
from tb.campaign.spec import plan, read_spec
from tb.campaign.trial import Trial
from tb.tasks import Workers
from waves.report.browser import Missing, chromium


@pytest.fixture(scope="module")
def grid():
    return Grid32(kept("extrapolation"))


def test_some_turns_and_a_line_are_worth_all_of_them():
    trial = Trial(load_machine("tiny"), "mha:S=64,D=16,H=32", "flat-async", group="2x2")
    some, every = run_steady(trial), run_whole(trial)
    assert some["turns"] > MANY and every["turns"] == 0
    assert some["events"] < every["events"]
    assert some["hbm_bytes"] == every["hbm_bytes"] == every["hbm_ideal_bytes"]
    assert some["cycles"] == pytest.approx(every["cycles"], rel=0.01)
    for name in ("matrix_active", "vector_active"):
        assert some[name] == pytest.approx(every[name], rel=0.03), name
    # Busy counts the cycles in which it waits for L1, which are others in the first turns.
    assert some["vector_busy"] == pytest.approx(every["vector_busy"], rel=0.05)


def test_what_is_not_many_turns_is_run_whole():
    trial = Trial(load_machine("tiny"), "mha:S=64,D=16,H=3", "flat")
    some, every = run_steady(trial), run_whole(trial)
    assert some["turns"] == 0 and some["cycles"] == every["cycles"]


def test_a_grid_is_computed_once(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(
        'name = "g"\n[[grid]]\nmachine = "tiny"\nworkload = "mha:S=32,D=16,H=2"\n'
        'group = ["2x2", "3x3"]\ndataflow = "flat-async"\ntarget = "steady"\n'
    )
    console = Console(quiet=True)
    first = run(Workers(), console, grid=path, base=tmp_path)
    again = run(Workers(), console, grid=path, base=tmp_path)
    assert first["points"] == again["points"] and again["kept"] == 2
    assert [point["asked_group"] for point in first["points"]] == ["2x2"]
    assert len(first["refused"]) == 1 and "3x3" in first["refused"][0]["run"]
    assert first["cpu_seconds"] > 0


def test_what_is_kept_is_the_grid(grid):
    planned = plan(read_spec(GRID, GRID_TARGETS))
    asked = [(p.target, Path(p.machine).stem, p.trial.workload, p.trial.group) for p in planned]
    seen = [(p.target, p.machine, p.workload, p.asked_group) for p in grid.points]
    assert len(asked) == len(seen) + len(grid.result["refused"])
    assert [one for one in asked if one in seen] == seen


def test_no_point_is_impossible(grid):
    for point in grid.points:
        assert 0 < point.matrix_utilization < point.matrix_active + 1e-9 < 1, point
        assert point.hbm_bandwidth_utilization <= 1 and point.roofline > 0.005, point
        assert point.hbm_bytes == point.hbm_ideal_bytes, point
        assert point.on.name == point.machine


def test_the_gh200_is_there_kernel_by_kernel(grid):
    rows = beside(grid)
    assert len(rows) == len(grid.some(machine="paper-4tb", asked_group="")) >= 10
    known = {"mha prefill", "mha decode", "gqa decode", "mla decode"}
    assert {row.kernel for row in rows} <= known


def test_a_claim_agrees_by_share_or_by_interval():
    def claim(ours, low=0, high=0):
        return PaperClaim("", "", 2.0, ours, low, high, "x", "up", "down", "same")

    assert claim(2.1).verdict == "agrees" and claim(2.1).why == "same"
    assert claim(3.0).verdict == "higher" and claim(3.0).why == "up"
    assert claim(1.0).why == "down"
    assert claim(nan).verdict == "not computed" and claim(nan).why == ""
    assert claim(3.0, 1.9, 3.5).verdict == "agrees"
    assert claim(3.0, 2.5, 3.5).verdict == "higher"


def test_every_claim_that_differs_says_why(grid):
    for claim in claims(grid):
        assert claim.verdict in ("agrees", "not computed") or claim.why, claim


def test_a_point_that_is_missing_is_named(grid):
    with pytest.raises(UserError, match=r"no point of .*'workload': 'mha:S=1'"):
        grid.one(workload="mha:S=1")


def test_the_result_is_of_the_points(grid):
    seen = summary(grid)
    assert 0.5 < seen["utilization_s4096_d128"] <= 1
    assert seen["points"] == len(grid.points)
    assert seen["speedup_over_flash3"] > 1 and seen["hbm_traffic_ratio"] > 1


def test_sliders_answer_from_the_points(grid, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page(grid, {}))
    try:
        with chromium() as browser:
            context = browser.new_context(offline=True)
            opened = context.new_page()
            complaints = []
            opened.on("pageerror", lambda error: complaints.append(str(error)))
            opened.goto(path.as_uri())
            opened.wait_for_selector("body[data-ready]")
            for place, group in enumerate(("4x4", "8x8", "16x16", "32x32")):
                choose(opened, machine="0", s="0", group=str(place))
                point = grid.one(
                    machine="paper-2025", workload="mha:S=512,D=128,H=32,B=4", asked_group=group
                )
                assert f"{point.cycles:,}" in opened.inner_text("#answer")
                assert opened.inner_text("output[for=group]") == group
                assert opened.inner_text("#mapping") == point.mapping
            assert complaints == []
    except Missing as missing:
        pytest.skip(str(missing))


def choose(page, **places):
    for name, place in places.items():
        page.locator(f"#{name}").fill(place)


def test_a_point_is_what_is_kept_of_it(grid):
    assert json.loads(json.dumps(asdict(grid.points[0]))) == grid.result["points"][0]
    assert ModelPoint(**grid.result["points"][0]) == grid.points[0]
