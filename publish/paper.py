"""The papers' figures by the papers' own costs: the part of docs/extrapolation.md."""

from collections.abc import Callable, Sequence
from typing import Any

from isa.errors import UserError
from model.paper.figures import PARTS, best_groups, mean_error
from model.paper.published import FIGURES, published_points
from publish.output import Table

__all__ = ["MAKERS"]

_HEADS = ("D", "S", "dataflow", "group", "published", "model", "error", "HBM published", "model")
_SHORT = ("matrix", "vector", "HBM", "multicast", "max", "sum", "other")


def _checked(rows: Sequence[dict[str, Any]]) -> None:
    points = sum(len(published_points(figure)) for figure in FIGURES)
    if len(rows) != points:
        raise UserError(f"docs/results/paper.json must have {points} points, not {len(rows)}")


def _point(row: dict[str, Any]) -> tuple[str, ...]:
    published = row["published_hbm_percent"]
    return (
        f"{row['d']}",
        f"{row['s']}",
        row["dataflow"],
        row["group"],
        f"{row['published_cycles']:,}",
        f"{row['cycles']:,}",
        f"{row['error_percent']:+.1f} %",
        "" if published is None else f"{published:.1f} %",
        f"{row['hbm_percent']:.1f} %",
    )


def figures(rows: Sequence[dict[str, Any]]) -> str:
    """Every point, the mean of each figure, and the fastest groups."""
    _checked(rows)
    means = " and ".join(f"{mean_error(rows, one):.1f} % ({one})" for one in FIGURES)
    groups = "; ".join(
        f"S={s}: {published} published, {ours} here"
        for s, (published, ours) in best_groups(rows).items()
    )
    table = Table("", _HEADS, [_point(row) for row in rows])
    return f"{table.markdown()}\n\nMean error without sign: {means}. Fastest group at {groups}."


def breakdown(rows: Sequence[dict[str, Any]]) -> str:
    """Published and modelled parts of every point, thousands of cycles."""
    _checked(rows)
    made = [
        (
            f"D={row['d']} S={row['s']} {row['dataflow']} {row['group']}",
            *(f"{row[f'published_{part}'] / 1000:.1f} / {row[part] / 1000:.1f}" for part in PARTS),
        )
        for row in rows
    ]
    return Table("", ("published / model, kcycles", *_SHORT), made).markdown()


def slices(rows: Sequence[dict[str, Any]]) -> str:
    """Utilisation of the matrix engine while it is active, by slice."""
    _checked(rows)
    made = [
        (row["slice"], f"{row['published_active_percent']:.0f} %", f"{row['active_percent']:.1f} %")
        for row in rows
        if row["published_active_percent"] is not None and row["s"] == 512
    ]
    return Table("", ("slice, D=128", "published", "model"), made).markdown()


MAKERS: dict[str, Callable[[Any], str]] = {
    "paper figures": figures,
    "paper breakdown": breakdown,
    "paper slices": slices,
}
"""Marker to its maker."""
