"""The tables of docs/calibration.md."""

from collections.abc import Sequence

from isa.words import counted
from publish.calibration.laws import LAWS
from publish.calibration.run import by_law, largest
from publish.output import Table

__all__ = ["MAKERS", "law_table", "machine_table", "summary", "worst_table"]

_LISTED = 12


def summary(rows: Sequence[dict]) -> dict[str, float]:
    """What a calibration says, by the keys of build/calibrate/result.json."""
    differences = [abs(row["difference"]) for row in rows]
    return {
        "runs": len(rows),
        "laws": len(by_law(rows)),
        "exact_runs": sum(not difference for difference in differences),
        "largest_difference_cycles": max(differences),
        "mean_error_percent": sum(_error(row) for row in rows) / len(rows),
        "max_error_percent": max(map(_error, rows)),
    }


def _error(row: dict) -> float:
    return 100 * abs(row["difference"]) / row["rtl_cycles"]


def law_table(rows: Sequence[dict]) -> Table:
    """A line a law: runs, those to the cycle, the largest and the mean difference."""
    lines = [(law, *_told(part)) for law, part in by_law(rows).items()]
    said = summary(rows)
    note = (
        f"{counted(len(rows), 'run')}, of which {said['exact_runs']} to the cycle. Differences are "
        "cycles of the model less those of the RTL."
    )
    return Table("laws", ("law", *_HEADS), lines, note)


def mechanism_table() -> str:
    """What each law is, and where it is written."""
    lines = [(name, law.mechanism, "cycles", law.where) for name, law in LAWS.items()]
    return Table("", ("law", "mechanism", "unit", "written in"), lines).markdown()


_HEADS = ("runs", "to the cycle", "largest, cycles", "mean %", "largest in")


def _told(rows: Sequence[dict]) -> tuple[str, ...]:
    worst = largest(rows)
    exact = sum(not row["difference"] for row in rows)
    mean = f"{sum(map(_error, rows)) / len(rows):.2f}"
    if not worst["difference"]:
        return str(len(rows)), str(exact), "0", mean, ""
    what = f"{worst['law']}: {worst['run']}, {worst['machine']}"
    told = f"{worst['difference']:+} of {worst['rtl_cycles']:,}"
    return str(len(rows)), str(exact), told, mean, what


def machine_table(rows: Sequence[dict]) -> Table:
    """A line a machine."""
    names = dict.fromkeys(row["machine"] for row in rows)
    parts = {name: [row for row in rows if row["machine"] == name] for name in names}
    lines = [(name, *_told(part)) for name, part in parts.items()]
    return Table("machines", ("unlike the default", *_HEADS), lines)


def worst_table(rows: Sequence[dict]) -> Table:
    """The runs that are off by the largest share."""
    worst = sorted((row for row in rows if row["difference"]), key=lambda row: -_error(row))
    lines = [
        (
            f"{row['law']}: {row['run']}",
            row["machine"],
            f"{row['rtl_cycles']:,}",
            f"{row['model_cycles']:,}",
            f"{100 * row['difference'] / row['rtl_cycles']:+.1f}",
        )
        for row in worst[:_LISTED]
    ]
    return Table("largest differences", ("run", "machine", "RTL", "model", "%"), lines)


def _markdown(table: Table) -> str:
    return "\n\n".join(filter(None, (table.markdown(), table.note)))


MAKERS = {
    "calibration": {
        "calibration mechanisms": lambda rows: mechanism_table(),
        "calibration laws": lambda rows: _markdown(law_table(rows)),
        "calibration machines": lambda rows: _markdown(machine_table(rows)),
        "calibration worst": lambda rows: _markdown(worst_table(rows)),
    }
}
"""Set to marker to maker."""
