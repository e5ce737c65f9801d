"""Leave one class out: whether intervals and errors say something of a kind of run that none of
them has seen.

For each class of held-out runs the intervals are made anew, by the method of `model.interval`
(split conformal prediction), from the residuals of all other classes; then the runs of the class
are asked whether they are within. The coverage has the exact interval of a binomial share (Clopper
and Pearson, 1934). The error is shown with a correction as well, the median ratio of the other
classes: if it made errors smaller, the model would be off in one direction everywhere.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from model.interval import COVERAGE, Residual, half_width
from publish.output import Table

__all__ = ["LeftOut", "leave_one_out", "leaveout_summary", "leaveout_table"]


class LeftOut(NamedTuple):
    """A class, judged by all others."""

    name: str
    runs: int
    within: int
    """Runs in intervals that the others' residuals give."""
    width: float
    """Mean half width of these, in per cent."""
    error: float
    """Mean error of the class without sign, in per cent."""
    corrected: float
    """The same, of cycles times the median ratio of the others."""


def leave_one_out(rows: Sequence[dict]) -> list[LeftOut]:
    """Each class of the rows of `publish.validation.heldout.compared` by the rows of all others.

    Raises
    ------
    ValueError
        If no other class has a run with the bound of one.
    """
    return [_left_out(name, rows) for name in dict.fromkeys(row["class"] for row in rows)]


def _left_out(name: str, rows: Sequence[dict]) -> LeftOut:
    others = [_residual(row) for row in rows if row["class"] != name]
    own = [_residual(row) for row in rows if row["class"] == name]
    widths = {bound: half_width(others, bound) for bound in {one.bound for one in own}}
    wide = np.array([widths[one.bound] for one in own])
    ratios = np.array([one.ratio for one in own])
    further = np.maximum(ratios, 1 / ratios) - 1
    shift = float(np.median([one.ratio for one in others]))
    return LeftOut(
        name,
        len(own),
        int((further <= wide).sum()),
        100 * float(wide.mean()),
        100 * float(np.abs(1 / ratios - 1).mean()),
        100 * float(np.abs(shift / ratios - 1).mean()),
    )


def _residual(row: dict) -> Residual:
    return Residual(row["bound"], row["rtl_cycles"] / row["cycles"])


def leaveout_summary(rows: Sequence[dict]) -> dict[str, float]:
    """Coverage over all classes, and its exact 95 % interval, by keys of build/validate."""
    parts = leave_one_out(rows)
    within, runs = sum(part.within for part in parts), sum(part.runs for part in parts)
    share = binomtest(within, runs).proportion_ci(method="exact")
    return {
        "leave_one_out_coverage_percent": 100 * within / runs,
        "leave_one_out_coverage_low_percent": 100 * share.low,
        "leave_one_out_coverage_high_percent": 100 * share.high,
        "leave_one_out_mean_error_percent": sum(part.runs * part.error for part in parts) / runs,
        "leave_one_out_corrected_error_percent": sum(part.runs * part.corrected for part in parts)
        / runs,
    }


def leaveout_table(rows: Sequence[dict]) -> Table:
    """A line a class, and what all of them say together."""
    lines = []
    for part in leave_one_out(rows):
        share = binomtest(part.within, part.runs).proportion_ci(method="exact")
        lines.append(
            (
                part.name,
                f"{part.within} of {part.runs}",
                f"{100 * part.within / part.runs:.0f} %",
                f"{100 * share.low:.0f} .. {100 * share.high:.0f} %",
                f"{part.width:.2f}",
                f"{part.error:.2f}",
                f"{part.corrected:.2f}",
            )
        )
    said = leaveout_summary(rows)
    note = (
        f"All: {said['leave_one_out_coverage_percent']:.0f} % within {COVERAGE:.0%} intervals "
        f"(exact 95 % interval {said['leave_one_out_coverage_low_percent']:.0f} .. "
        f"{said['leave_one_out_coverage_high_percent']:.0f} %); mean error "
        f"{said['leave_one_out_mean_error_percent']:.2f} %, "
        f"{said['leave_one_out_corrected_error_percent']:.2f} % corrected by the others' median."
    )
    heads = ("class left out", "within", "coverage", "exact 95 %", "half width %", "mean error %")
    return Table("leave one class out", (*heads, "corrected %"), lines, note)
