"""`make measure SET=...`: runs a set of measurements, writes docs/results/<set>.json, and rewrites
the pages that show it.
"""

import os
import sys
from typing import Any

from isa.errors import UserError
from publish import attention
from publish.measure import SETS, Order, measure, right
from publish.output import progress_console, wide_console
from scripts.front import main
from scripts.options import positive, target_parser, workers_of
from scripts.variables import VARIABLES
from tb import toolchain
from tb.studies import variants

PASSED = ("JOBS", "SCHEDULER", "PYTHON")
"""Variables that a published result does not depend on; of others it has the defaults."""


def run() -> int:
    """Measure a set; with --only, print some of the variants and publish nothing."""
    parser = target_parser("measure", __doc__)
    parser.add_argument(
        "--only", default="", help="variants whose name or table has this; publishes nothing"
    )
    options = parser.parse_args()
    if options.set not in SETS:
        raise UserError(f"SET must be one of {', '.join(SETS)}, not {options.set!r}")
    if options.only and options.set != "variants":
        raise UserError(f"--only is for SET=variants, not {options.set!r}")
    order = Order(
        workers_of(options),
        positive("MOST", options.most, least=1),
        progress_console(),
    )
    for name in VARIABLES.keys() - PASSED:
        os.environ.pop(name, None)
    toolchain.environment()  # says what is missing before anything takes time
    if options.only:
        result = variants.run(order.workers, order.console, only=options.only)
    else:
        result = measure(options.set, order)
    return _end(options.set, result, published=not options.only)


def _end(name: str, result: Any, *, published: bool) -> int:
    if name == "variants":
        for table in attention.variants(result).values():
            table.show(wide_console())
    if published:
        print(f"result: docs/results/{name}.json")
    if not right(result):
        print("flatmesh: at least one run is wrong: see the tables", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main(run)
