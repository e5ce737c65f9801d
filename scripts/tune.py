"""`make tune`: the mapping of a workload, chosen by running the best candidates on the RTL, or with
JUDGE=model in the timing model; with EXHAUSTIVE=1, against all of them.
"""

from publish.judge import judge
from publish.output import progress_console, wide_console, write_result
from publish.tuning import summary, table
from scripts.front import main
from scripts.options import machine_of, overrides, positive, target_parser, tensors_of, workers_of
from tb import toolchain
from tb.runner import ROOT
from tb.tuner.run import measure
from tb.tuner.tune import ALL, Search, tune


def run() -> int:
    """Tune one workload as the options say."""
    options = target_parser("tune", __doc__).parse_args()
    on_rtl = options.judge == "rtl"
    if on_rtl:
        toolchain.environment()  # says what is missing before anything takes time
    tensors = tensors_of(options)
    search = Search(
        machine_of(options),
        options.workload,
        (tensors.dtypes["dtype"], options.ptype, options.otype),
        tensors.seed,
        options.dataflow or None,
        overrides(options),
    )
    most = positive("MOST", options.most, least=1) if options.most else ALL
    tuned = tune(
        search,
        top=positive("TOP", options.top, least=1),
        most=most if options.exhaustive == "1" else 0,
        workers=workers_of(options),
        console=progress_console(),
        judge=measure if on_rtl else judge,
    )
    path = write_result("tune", {**tuned.result, "judge": options.judge})
    table(tuned).show(wide_console())
    print(summary(tuned.result))
    print(f"result: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
