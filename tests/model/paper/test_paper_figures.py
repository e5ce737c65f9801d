"""The papers' figures: what is kept keeps its bounds, and the quick points come out the same."""

import json

import pytest

from model.paper.figures import best_groups, compare_point, mean_error
from model.paper.published import FIGURES, published_points
from publish.results import RESULTS

KEPT = json.loads((RESULTS / "paper.json").read_text())
QUICK = [
    point
    for figure in FIGURES
    for point in published_points(figure)
    if not point.dataflow.startswith("flash") and (figure == "fig3" or point.s == 512)
]
MOST = 15
"""Percent that any point may be off."""


def kept_row(point):
    """What is kept of a point."""
    group = f"{point.group[0]}x{point.group[1]}"
    key = point.figure, point.d, point.s, point.dataflow, group
    names = "figure", "d", "s", "dataflow", "group"
    return next(row for row in KEPT if tuple(row[name] for name in names) == key)


def test_every_published_point_is_kept():
    points = [point for figure in FIGURES for point in published_points(figure)]
    assert len(KEPT) == len(points) == 20 + 8
    for point in points:
        assert kept_row(point)["published_cycles"] == round(point.cycles)


@pytest.mark.parametrize(("figure", "most"), [("fig3", 5), ("fig4", 8)])
def test_mean_errors(figure, most):
    assert mean_error(KEPT, figure) <= most


def test_no_point_is_further_off():
    wrong = [row for row in KEPT if abs(row["error_percent"]) > MOST]
    assert not wrong


def test_the_fastest_groups_are_the_published_ones():
    assert best_groups(KEPT) == {512: ("8x8", "8x8"), 4096: ("16x16", "16x16")}


@pytest.mark.parametrize("point", QUICK, ids=lambda point: f"{point.figure} {point.name}")
def test_quick_points_come_out_as_kept(point):
    now, kept = compare_point(point, parts=False), kept_row(point)
    assert {name: kept[name] for name in now} == now


@pytest.mark.parametrize("figure", FIGURES)
def test_parts_of_a_published_point_add_up_to_its_time(figure):
    """To what can be read off a drawing."""
    for point in published_points(figure):
        assert sum(point.parts.values()) == pytest.approx(point.cycles, rel=0.01), point.name
