"""`make races`: no shipped program has a data race, and what is said when a wait or a signal is
left out.
"""

import sys
import time

from isa.words import counted
from publish.output import progress_console, wide_console, write_result
from publish.races import messages, program_table, removal_table
from publish.results import kept
from scripts.front import main
from scripts.options import target_parser, workers_of
from tb.runner import ROOT
from tb.waiting import ahead
from verify.races.survey import summary, survey

__all__ = ["run"]


def run() -> int:
    """Check everything, and say which of it is not as it should be."""
    options = target_parser("races", __doc__).parse_args()
    started = time.monotonic()
    ahead("shipped programs, and each without one wait or signal", kept("races")["seconds"])
    found = survey(workers_of(options), progress_console())
    result = summary(found) | {"seconds": time.monotonic() - started}
    path = write_result("races", result)
    console = wide_console()
    program_table(found.checks).show(console)
    removal_table(found.removed).show(console)
    for title, message in messages(result):
        console.print(f"\n[bold]{title}[/]\n{message}", highlight=False)
    print(
        f"\n{counted(result['programs'], 'program')}, {counted(result['races'], 'race')}; "
        f"of {result['removed']} waits and signals left out, {result['found']} were found, "
        f"{result['harmless']} are harmless, {result['unexplained']} are unexplained"
    )
    print(f"result: {path.relative_to(ROOT)}")
    for name, seen in found.checks.items():
        if seen["races"]:
            print(f"flatmesh: {name}: {seen['first']}", file=sys.stderr)
    return 1 if result["races"] or result["unexplained"] else 0


if __name__ == "__main__":
    main(run)
