"""What `make formal` found: the result, the table of a run, and that of the page."""

from dataclasses import asdict

from publish.output import Table
from verify.formal.prove import Proof
from verify.formal.solve import version

__all__ = ["explain", "page_table", "summary", "table", "verdict"]


def page_table(r: dict) -> str:
    """Proofs, and the faults that they notice."""
    keys = ("properties", "proved", "mutations", "mutations_caught")
    heads = ("properties", "proved", "faults put in", "caught")
    return Table("", heads, [tuple(str(r[key]) for key in keys)]).markdown()


def verdict(outcome: Proof) -> str:
    """One word."""
    if not outcome.holds:
        return "FAILED"
    return "proved" if outcome.caught is not False else "VACUOUS"


def explain(outcome: Proof) -> str:
    """One line about what is not good."""
    title = f"{outcome.module}.{outcome.name}".replace(" ", "-")
    if outcome.holds:
        return f"{title}: holds for a faulty design too, so that it proves nothing"
    how = f"{outcome.method}; trace: {outcome.trace}"
    return f"{title}: {outcome.subject}: not so: {outcome.says} ({how})"


def summary(outcomes: list[Proof], seconds: float) -> dict:
    """What goes into result.json."""
    mutations = [outcome for outcome in outcomes if outcome.caught is not None]
    return {
        "properties": len(outcomes),
        "proved": sum(outcome.good for outcome in outcomes),
        "failed": sum(not outcome.good for outcome in outcomes),
        "unbounded": sum(
            outcome.good and outcome.method in ("induction", "all inputs", "structure")
            for outcome in outcomes
        ),
        "covers": sum(outcome.method == "reached" for outcome in outcomes),
        "mutations": len(mutations),
        "mutations_caught": sum(bool(outcome.caught) for outcome in mutations),
        "seconds": seconds,
        "tools": version(),
        "list": [asdict(outcome) for outcome in outcomes],
    }


def table(outcomes: list[Proof]) -> Table:
    """All outcomes; seconds are those that the answers took when they were found."""
    rows, before = [], ""
    for outcome in outcomes:
        module = outcome.module if outcome.module != before else ""
        fault = "" if outcome.caught is None else "caught" if outcome.caught else "MISSED"
        if outcome.caught_at is not None:
            fault += f" in {outcome.caught_at}"
        depth = "" if outcome.method in ("structure", "all inputs") else str(outcome.depth)
        told = (f"{outcome.name}: {outcome.says}", outcome.method, depth, verdict(outcome), fault)
        rows.append((module, *told, f"{outcome.seconds:.1f}"))
        before = outcome.module
    heads = ("module", "property", "method", "depth", "result", "fault", "s")
    return Table("formal proofs", heads, rows)
