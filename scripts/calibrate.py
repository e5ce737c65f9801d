"""`make calibrate`: RTL microbenchmarks over tile parameters, and the model's laws held to them."""

import time

from publish.calibration.page import law_table, machine_table, summary, worst_table
from publish.calibration.run import calibrated, planned
from publish.output import progress_console, wide_console, write_result
from scripts.front import main
from scripts.options import target_parser, workers_of
from tb import toolchain
from tb.runner import ROOT

__all__ = ["run"]


def run() -> int:
    """Run what was not run yet on this hardware, and show each law beside the RTL."""
    options = target_parser("calibrate", __doc__).parse_args()
    toolchain.environment()  # says what is missing before anything takes time
    started = time.monotonic()
    small = options.quick == "1"
    runs = planned(lambda varied: not small or varied.name == "default")
    rows = calibrated(runs, workers_of(options), progress_console())
    console = wide_console()
    for table in (law_table(rows), machine_table(rows), worst_table(rows)):
        table.show(console)
    result = summary(rows) | {"seconds": time.monotonic() - started, "rows": rows}
    path = write_result("calibrate", result)
    print(
        f"{result['runs']} microbenchmarks of {result['laws']} laws: {result['exact_runs']} to the "
        f"cycle, mean error {result['mean_error_percent']:.2f} %, largest difference "
        f"{result['largest_difference_cycles']} cycles"
    )
    print(f"result: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
