"""`make formal`: proves the properties of the network's parts, and shows that each proof notices a
fault.
"""

import argparse
import os
import sys
import time
from dataclasses import asdict
from fnmatch import fnmatch

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from isa.errors import UserError
from publish.output import write_result
from scripts.options import main, positive
from tb.runner import ROOT
from verify.formal.catalogue import Property, properties
from verify.formal.catalogue import run as prove_all
from verify.formal.prove import Proof
from verify.formal.solve import version


def run() -> int:
    """Prove what the options select."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "select",
        nargs="*",
        help="modules (fork-5) or properties (fork-5.once, fifo-*.order); all if none",
    )
    parser.add_argument("--list", action="store_true", help="only list the properties")
    default = os.environ.get("JOBS") or str(os.cpu_count() or 1)
    parser.add_argument("--jobs", default=default, help="proofs at a time (JOBS)")
    options = parser.parse_args()
    jobs = positive("JOBS", options.jobs, least=1)
    chosen = select(properties(), options.select)
    if options.list:
        print("\n".join(item.title for item in chosen))
        return 0
    started = time.monotonic()
    outcomes = _prove(chosen, jobs)
    result = summary(outcomes, time.monotonic() - started)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table(outcomes))
    # A part of the proofs is not the result of `make formal`.
    path = write_result("formal/selected" if options.select else "formal", result)
    print(
        f"{result['proved']} of {result['properties']} properties proved, "
        f"{result['mutations_caught']} of {result['mutations']} faults caught, {result['seconds']:.0f} s"
    )
    print(f"result: {path.relative_to(ROOT)}")
    for outcome in outcomes:
        if not outcome.good:
            print(f"flatmesh: {explain(outcome)}", file=sys.stderr)
    return 0 if all(outcome.good for outcome in outcomes) else 1


def select(items: list[Property], patterns: list[str]) -> list[Property]:
    """Those whose module or title matches a pattern; all if there is no pattern."""
    for pattern in patterns:
        if not any(_matches(item, pattern) for item in items):
            raise UserError(f"no property matches {pattern!r}: `--list` lists them")
    return [
        item
        for item in items
        if not patterns or any(_matches(item, pattern) for pattern in patterns)
    ]


def _matches(item: Property, pattern: str) -> bool:
    return fnmatch(item.module, pattern) or fnmatch(item.title, pattern)


def _prove(items: list[Property], jobs: int) -> list[Proof]:
    """Outcomes in the order of `items`."""
    console = Console(stderr=True)
    found: dict[str, Proof] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(
            "starting Yosys (the first time ever, this takes a minute)", total=len(items)
        )
        for item, outcome in prove_all(items, jobs):
            found[item.title] = outcome
            bar.update(task, advance=1, description=f"{item.title}: {verdict(outcome)}")
            if not console.is_terminal:
                console.print(
                    f"{len(found)} of {len(items)}: {item.title}: {verdict(outcome)}",
                    highlight=False,
                )
    return [found[item.title] for item in items]


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
    return f"{title}: {outcome.subject}: not so: {outcome.says} ({outcome.method}; trace: {outcome.trace})"


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
    shown = Table(title="formal proofs", title_justify="left")
    for name in ("module", "property", "method", "depth", "result", "fault", "s"):
        shown.add_column(
            name, justify="right" if name in ("depth", "s") else "left", no_wrap=name != "property"
        )
    before = ""
    for outcome in outcomes:
        module = outcome.module if outcome.module != before else ""
        fault = "" if outcome.caught is None else "caught" if outcome.caught else "MISSED"
        if outcome.caught_at is not None:
            fault += f" in {outcome.caught_at}"
        depth = "" if outcome.method in ("structure", "all inputs") else str(outcome.depth)
        text = f"[bold]{outcome.name}[/]: [dim]{outcome.says}[/]"
        shown.add_row(
            module,
            text,
            outcome.method,
            depth,
            verdict(outcome),
            fault,
            f"{outcome.seconds:.1f}",
            end_section=False,
            style=None if outcome.good else "red",
        )
        before = outcome.module
    return shown


if __name__ == "__main__":
    main(run)
