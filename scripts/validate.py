"""`make validate`: what the timing model said of the held-out runs before the RTL ran them, and
what it says of them now.
"""

import time

from publish.output import progress_console, wide_console, write_result
from publish.results import kept
from publish.validation.heldout import now, predicted, summary
from publish.validation.leaveout import leaveout_summary, leaveout_table
from publish.validation.page import class_table, worst_table
from scripts.front import main
from scripts.options import target_parser, workers_of
from tb.runner import ROOT

__all__ = ["run"]


def run() -> int:
    """Predict all held-out runs again, and show both errors beside the committed RTL cycles."""
    options = target_parser("validate", __doc__).parse_args()
    started = time.monotonic()
    rows = kept("validation")
    again = now(rows, predicted(workers_of(options), progress_console()))
    console = wide_console()
    class_table(rows).show(console)
    worst_table(rows).show(console)
    leaveout_table(rows).show(console)
    result = summary(rows) | leaveout_summary(rows)
    today = {f"{name}_now": value for name, value in summary(again).items() if "runs" not in name}
    path = write_result("validate", result | today | {"seconds": time.monotonic() - started})
    print(
        f"{result['heldout_runs']} held-out runs: mean error "
        f"{result['heldout_mean_error_percent']:.2f} %, largest "
        f"{result['heldout_max_error_percent']:.1f} %, as predicted before the RTL ran; "
        f"{today['heldout_mean_error_percent_now']:.2f} % and "
        f"{today['heldout_max_error_percent_now']:.1f} % with the model as it is now"
    )
    print(f"result: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
