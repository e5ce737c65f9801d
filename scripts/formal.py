"""`make formal`: proves the properties of the network's parts, and shows that each proof notices a
fault.
"""

import sys
import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from isa.words import counted
from publish.formal import explain, summary, table, verdict
from publish.output import progress_console, wide_console, write_result
from publish.results import kept
from scripts.front import main
from scripts.options import positive, target_parser
from tb.runner import ROOT
from tb.waiting import ahead
from verify.formal.catalogue import Property, properties, select
from verify.formal.catalogue import run as prove_all
from verify.formal.prove import Proof


def run() -> int:
    """Prove what the options select."""
    parser = target_parser("formal", __doc__)
    parser.add_argument(
        "select",
        nargs="*",
        help="modules (fork-5) or properties (fork-5.once, fifo-*.order); all if none",
    )
    parser.add_argument("--list", action="store_true", help="only list the properties")
    options = parser.parse_args()
    jobs = positive("JOBS", options.jobs, least=1)
    chosen = select(properties(), options.select)
    if options.list:
        print("\n".join(item.title for item in chosen))
        return 0
    started = time.monotonic()
    share = len(chosen) / len(properties())
    ahead(counted(len(chosen), "proof"), share * kept("formal")["seconds"])
    outcomes = _prove(chosen, jobs)
    result = summary(outcomes, time.monotonic() - started)
    table(outcomes).show(wide_console())
    # A part of the proofs is not the result of `make formal`.
    path = write_result("formal/selected" if options.select else "formal", result)
    print(
        f"{result['proved']} of {result['properties']} properties proved, "
        f"{result['mutations_caught']} of {result['mutations']} faults caught, "
        f"{result['seconds']:.0f} s"
    )
    print(f"result: {path.relative_to(ROOT)}")
    for outcome in outcomes:
        if not outcome.good:
            print(f"flatmesh: {explain(outcome)}", file=sys.stderr)
    return 0 if all(outcome.good for outcome in outcomes) else 1


def _prove(items: list[Property], jobs: int) -> list[Proof]:
    """Outcomes in the order of `items`."""
    console = progress_console()
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
        task = bar.add_task("starting Yosys (takes a minute the first time)", total=len(items))
        for item, outcome in prove_all(items, jobs):
            found[item.title] = outcome
            bar.update(task, advance=1, description=f"{item.title}: {verdict(outcome)}")
            if not console.is_terminal:
                console.print(
                    f"{len(found)} of {len(items)}: {item.title}: {verdict(outcome)}",
                    highlight=False,
                )
    return [found[item.title] for item in items]


if __name__ == "__main__":
    main(run)
