"""The papers' figures by the papers' own schedule and costs, point by point."""

from collections.abc import Iterable, Sequence
from typing import Any

from isa.machine import load_machine
from model.paper.graph import Part
from model.paper.mapping import mapped
from model.paper.predict import paper_breakdown, predict_paper
from model.paper.published import FIGURES, PublishedPoint, published_points

__all__ = ["best_groups", "compare_point", "compare_points", "mean_error"]

MACHINE = "paper-2025"


def compare_point(point: PublishedPoint, *, parts: bool = True) -> dict[str, Any]:
    """What is published of a point and what the model says, as a flat row; `parts`: the breakdown
    too, which takes seven runs.
    """
    machine = load_machine(MACHINE)
    asked = machine, point.work, point.dataflow, point.group
    seen = predict_paper(*asked)
    mapping = mapped(*asked)
    costs, blocks = mapping.costs, mapping.blocks
    ideal = 2 * blocks.m * blocks.n * blocks.d / (machine.macs / machine.mesh.tiles)
    engine = costs.product(blocks.m, blocks.n, blocks.d) + costs.product(
        blocks.m, blocks.d, blocks.n
    )
    row: dict[str, Any] = {
        "figure": point.figure,
        "d": point.d,
        "s": point.s,
        "dataflow": point.dataflow,
        "group": f"{point.group[0]}x{point.group[1]}",
        "slice": f"{blocks.m}x{blocks.n}",
        "published_cycles": round(point.cycles),
        "cycles": seen.cycles,
        "error_percent": round(100 * (seen.cycles / point.cycles - 1), 2),
        "published_hbm_percent": point.hbm_percent,
        "hbm_percent": round(100 * seen.hbm_bandwidth_utilization, 1),
        "published_active_percent": point.active_percent,
        "active_percent": round(100 * ideal / engine, 1),
    }
    if parts:
        group = (1, 1) if blocks.columns == 1 else point.group
        for part, cycles in paper_breakdown(*asked[:3], group).items():
            row[f"published_{part.value}"] = round(point.parts[part])
            row[part.value] = cycles
    return row


def compare_points(figures: Iterable[str] = FIGURES) -> list[dict[str, Any]]:
    """All points of figures."""
    return [compare_point(point) for figure in figures for point in published_points(figure)]


def mean_error(rows: Sequence[dict[str, Any]], figure: str) -> float:
    """Mean of the errors of a figure without their signs, in percent."""
    errors = [abs(row["error_percent"]) for row in rows if row["figure"] == figure]
    return sum(errors) / len(errors)


def best_groups(rows: Sequence[dict[str, Any]]) -> dict[int, tuple[str, str]]:
    """By S, the fastest group as it is published and in the model."""
    rows = [row for row in rows if row["figure"] == "fig4"]
    found = {}
    for s in sorted({row["s"] for row in rows}):
        here = [row for row in rows if row["s"] == s]
        published, ours = (
            min(here, key=lambda row: row[name]) for name in ("published_cycles", "cycles")
        )
        found[s] = published["group"], ours["group"]
    return found


PARTS = tuple(part.value for part in Part)
"""Columns of the breakdown."""
