"""The tables of docs/validation.md."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from isa.words import counted
from model.interval import BOUNDS, COVERAGE, Residual, half_width
from publish.output import Table
from publish.validation.development import FIRST
from publish.validation.heldout import choices, regrets, summary
from publish.validation.leaveout import leaveout_table

__all__ = ["MAKERS", "class_table", "development_table", "predictions_told", "trust", "worst_table"]

_LARGE, _LISTED = 3.0, 10
"""Per cent above which an error is listed, and so many in any case."""


def development_table(rows: Sequence[dict]) -> Table:
    """Errors on the development set by class, and the interval that follows for each bound."""
    residuals = [Residual(row["bound"], row["rtl_cycles"] / row["cycles"]) for row in rows]
    count = Counter(row["bound"] for row in rows)
    widths = ", ".join(
        f"{bound} {100 * half_width(residuals, bound):.1f} % ({counted(count[bound], 'run')})"
        for bound in BOUNDS
        if count[bound]
    )
    note = f"Half width of the {COVERAGE:.0%} interval by what bounds a run: {widths}."
    return Table("development set", ("runs of", *_HEADS), _by_class(rows), note)


def first_table(rows: Sequence[dict]) -> str:
    """The first held-out set: how far it was off as it was predicted, and is now."""
    rows = [row for row in rows if row["class"] == FIRST]
    kinds = dict.fromkeys(row["kind"] for row in rows)
    parts = {kind: [row for row in rows if row["kind"] == kind] for kind in kinds} | {"all": rows}
    lines = [
        (kind, str(len(part)), *_size(part, "error_then_percent"), *_size(part, "error_percent"))
        for kind, part in parts.items()
    ]
    heads = ("runs of", "runs", "mean then %", "largest %", "mean now %", "largest %")
    return Table("", heads, lines).markdown()


def _size(rows: Sequence[dict], name: str) -> tuple[str, str]:
    """Mean and largest error without sign."""
    errors = np.abs([row[name] for row in rows])
    return f"{errors.mean():.2f}", f"{errors.max():.1f}"


def predictions_told(rows: Sequence[dict]) -> str:
    """How many predictions there are, and of which commit."""
    commits = sorted({row["commit"] for row in rows})
    return f"{counted(len(rows), 'prediction')} made at commit {', '.join(commits)}."


def class_table(rows: Sequence[dict]) -> Table:
    """Errors on the held-out runs by class, with the coverage of the intervals."""
    found = summary(rows)
    costs = regrets(rows)
    wrong = {name: cost for name, cost in costs.items() if cost > 0}
    note = (
        f"{found['interval_coverage_percent']:.0f} % of the runs are within their {COVERAGE:.0%} "
        f"intervals. Rank correlation of dataflows {found['rank_correlation']:.3f} over "
        f"{len(choices(rows))} sets; the model's choice is not the fastest in {len(wrong)} of them"
        + (f", and costs {max(wrong.values()):.1f} % at most." if wrong else ".")
    )
    return Table("held-out runs", ("runs of", *_HEADS, "within"), _by_class(rows), note)


def trust(rows: Sequence[dict]) -> str:
    """README's sentence on the model."""
    found = summary(rows)
    papers = [abs(row["error_percent"]) for row in rows if row["class"] == "papers' tile"]
    return (
        "**How far beyond:** a timing model runs the same programs on meshes too large to "
        f"simulate. On {found['heldout_runs']} RTL runs that it had not\nseen it was off by "
        f"{found['heldout_mean_error_percent']:.1f} % on average and "
        f"{found['heldout_max_error_percent']:.1f} % at most, on the papers' tile by "
        f"{np.mean(papers):.2f} %."
    )


def worst_table(rows: Sequence[dict]) -> Table:
    """The `_LISTED` runs with the largest errors and all above `_LARGE` per cent, the worst first,
    and what else is off.
    """
    worst = sorted(rows, key=lambda row: -abs(row["error_percent"]))
    lines = [
        (
            f"{row['machine']} {row['mesh']} {row['workload']} {row['dtype']}",
            row["dataflow"],
            f"{row['rtl_cycles']:,}",
            f"{row['cycles']:,}",
            f"{row['error_percent']:+.1f}",
            f"{row['matrix_active_points']:+.1f}",
            f"{row['vector_busy_points']:+.1f}",
        )
        for at, row in enumerate(worst)
        if at < _LISTED or abs(row["error_percent"]) > _LARGE
    ]
    heads = ("run", "dataflow", "RTL", "model", "error %", "matrix points", "vector points")
    return Table("largest errors", heads, lines)


def large_table(rows: Sequence[dict]) -> str:
    """RTL runs on many tiles and on the papers' tile."""
    lines = [
        (
            f"{row['machine']} {row['mesh']}",
            row["workload"],
            f"{row['cycles']:,}",
            f"{row['matrix_utilization']:.1%}",
            "yes" if row["bit_exact"] else "NO",
        )
        for row in rows
    ]
    heads = ("machine", "workload", "cycles", "matrix utilisation", "bit-exact")
    return Table("", heads, lines).markdown()


def cycles_table(rows: Sequence[dict]) -> str:
    """The runs whose cycles are guarded."""
    return Table("", ("run", "cycles"), [(r["case"], f"{r['cycles']:,}") for r in rows]).markdown()


_HEADS = ("runs", "mean absolute error %", "mean error %", "largest error %")


def _by_class(rows: Sequence[dict]) -> list[tuple[str, ...]]:
    names = list(dict.fromkeys(row["class"] for row in rows))
    parts = {name: [row for row in rows if row["class"] == name] for name in names}
    within = all("within" in row for row in rows)
    return [_line(name, part, within) for name, part in {**parts, "all": list(rows)}.items()]


def _line(name: str, rows: Sequence[dict], within: bool) -> tuple[str, ...]:
    errors = np.array([row["error_percent"] for row in rows])
    largest = errors[np.abs(errors).argmax()]
    line: tuple[str, ...] = (
        name,
        str(len(rows)),
        f"{np.abs(errors).mean():.2f}",
        f"{errors.mean():+.2f}",
    )
    line += (f"{largest:+.1f}",)
    if within:
        line += (f"{sum(row['within'] for row in rows)} of {len(rows)}",)
    return line


def _markdown(table: Table) -> str:
    return "\n\n".join(filter(None, (table.markdown(), table.note)))


MAKERS = {
    "development": {
        "development errors": lambda rows: _markdown(development_table(rows)),
        "first set": first_table,
    },
    "predictions": {"predictions": predictions_told},
    "validation": {
        "held-out errors": lambda rows: _markdown(class_table(rows)),
        "trust": trust,
        "leave one out": lambda rows: _markdown(leaveout_table(rows)),
        "largest errors": lambda rows: worst_table(rows).markdown(),
    },
    "large": {"large runs": large_table},
    "cycles": {"guarded cycles": cycles_table},
}
"""Set to marker to maker."""
