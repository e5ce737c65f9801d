"""Of `make conformance`: the cycles of cases, and faults that no program shows, as tables."""

from collections.abc import Mapping, Sequence
from statistics import median

from publish.output import Table
from verify.conformance.cases import ConformanceCase
from verify.conformance.cycles import Pace, difference
from verify.mutants.unseen import UNSEEN

__all__ = ["cycle_failure", "floor_table", "pace_said", "pace_table"]
__all__ += ["unseen_table"]

MOST = 12
"""Cases out of line that are listed on a terminal."""


def cycle_failure(outcome: Mapping, ours: Mapping[str, int], *, foreign: bool) -> str:
    """What is wrong with the cycles of a case that passed otherwise; empty if nothing is.

    Those of our hardware must be the committed ones. None may be fewer than the least.
    """
    name, cycles, least = outcome["case"], outcome["cycles"], outcome.get("floor", 0)
    if not outcome["passed"] or not cycles:
        return ""
    if cycles < least:
        return f"{cycles:,} cycles, at least {least:,} are needed for its words and products"
    return "" if foreign or name not in ours else difference(name, ours[name], cycles)


def pace_said(pace: Pace, *, foreign: bool) -> str:
    """How the cycles compare with the committed ones, in a line."""
    unknown = (
        f"; {pace.unknown} cases have no committed count, and are not compared"
        if pace.unknown
        else ""
    )
    if not pace.ratios:
        return f"cycles: nothing committed to compare with{unknown}"
    if not foreign:
        same = sum(ratio == 1 for ratio in pace.ratios.values())
        return f"cycles: {same} of {len(pace.ratios)} cases as committed{unknown}"
    return (
        f"cycles: median {pace.median:.3f} of ours, {min(pace.ratios.values()):.3f} to "
        f"{max(pace.ratios.values()):.3f}, {len(pace.out_of_line)} of {len(pace.ratios)} cases out "
        f"of line{unknown}"
    )


def pace_table(
    pace: Pace, cases: Sequence[ConformanceCase], outcomes: Mapping[str, dict], *, short: bool
) -> Table:
    """The cases of another tile that are out of line with the others, the furthest first."""
    named = {case.name: case for case in cases}
    rows = []
    for name, ratio in [*pace.out_of_line.items()][: MOST if short else None]:
        case, outcome = named[name], outcomes[name]
        what = case.workload or f"instructions, {case.numbers}"
        cycles, least = outcome["cycles"], outcome.get("floor", 0)
        rows.append((name, what, f"{cycles:,}", f"{least:,}", f"{ratio:.3f}"))
    return Table(
        "Cycles out of line",
        ("case", "workload", "cycles", "least", "of ours"),
        rows,
        pace_said(pace, foreign=True),
    )


def floor_table(result: dict) -> Table:
    """The committed counts by kind of case, beside the least there could be."""
    kinds: dict[str, list[tuple[int, int]]] = {}
    for mesh, counts in result["cycles"].items():
        for name, cycles in counts.items():
            kind = _KINDS.get(name[:1], "others")
            kinds.setdefault(kind, []).append((cycles, result["floor"][mesh][name]))
    rows = [
        (
            kind,
            f"{len(counts)}",
            f"{min(c for c, _ in counts):,} to {max(c for c, _ in counts):,}",
            f"{median(ratios):.1f}"
            if (ratios := [c / least for c, least in counts if least])
            else "",
        )
        for kind, counts in kinds.items()
    ]
    return Table("Committed cycles", ("cases", "number", "cycles", "of the least, median"), rows)


def _typical(ratios: list[float]) -> str:
    return f"{median(ratios):.1f}" if ratios else ""


def unseen_table() -> str:
    """The faults that no program can show, as Markdown."""
    rows = [(one.mutation.what, one.proof) for one in UNSEEN]
    return Table("Unseen", ("fault", "why no program can show it"), rows).markdown()


_KINDS = {
    "a": "attention",
    "d": "attention, directed",
    "g": "matrix products",
    "t": "instruction programs",
    "e": "edges and errors",
    "m": "meetings",
}
