"""`make ablation`: what two features of the network gain: reads that multicast, and all-reduces
that turn at the root's router.
"""

import sys

from isa.errors import UserError
from publish.ablation import table
from publish.output import progress_console, wide_console, write_result
from scripts.front import main
from scripts.options import machine_of, overrides, settings_of, target_parser, tensors_of
from tb.runner import ROOT
from tb.studies import ablation

SMALL = "mha:S=128,D=32,H=2"
DATAFLOWS = ("flat-async", "flat")


def run() -> int:
    """Run all cases on the same data, compare each with golden, and print cycles and gains."""
    options = target_parser("ablation", __doc__).parse_args()
    machine = machine_of(options)
    dataflow = options.dataflow
    if dataflow not in DATAFLOWS:
        raise UserError(
            "DATAFLOW must be flat-async or flat, whose tiles share what they read, "
            f"not {dataflow!r}"
        )
    settings = settings_of(options)
    spec = SMALL if options.small == "1" else options.workload
    tensors = tensors_of(options, spec)
    seen = ablation.run(
        machine,
        tensors,
        dataflow,
        console=progress_console(),
        settings=settings,
        overrides=overrides(options),
    )
    result = ablation.summary(seen)
    path = write_result("ablation", result)
    table(result, seen).show(wide_console())
    print(f"result: {path.relative_to(ROOT)}")
    if not result["bit_exact"]:
        print("flatmesh: an output differs from the golden machine's, see above", file=sys.stderr)
    return 0 if result["bit_exact"] else 1


if __name__ == "__main__":
    main(run)
