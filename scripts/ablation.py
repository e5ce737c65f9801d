"""`make ablation`: what two features of the network gain: reads that multicast, and all-reduces
that turn at the root's router.
"""

import os
import sys
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from isa.errors import UserError
from programs.tensors import load_workload
from publish.output import write_result
from scripts.options import common_parser, machine_of, main, overrides, positive
from tb.experiment import run_experiment
from tb.mesh import Settings

SMALL = "mha:S=128,D=32,H=2"


class Case(NamedTuple):
    """A way to compile the same workload."""

    key: str
    title: str
    options: dict[str, str]


CASES = (
    Case("full", "as it is: reads multicast, maxima turn at the root's router", {}),
    Case(
        "forward", "loading tiles read into their own L1 and pass slices on", {"reads": "forward"}
    ),
    Case(
        "memory",
        "maxima are combined in the root's L1 and sent from there",
        {"all_reduce": "memory"},
    ),
    Case("neither", "both", {"reads": "forward", "all_reduce": "memory"}),
)


def run() -> int:
    """Run all cases on the same data, compare each with golden, and print cycles and gains."""
    parser = common_parser(__doc__)
    parser.add_argument(
        "--small",
        default=os.environ.get("SMALL") or "0",
        choices=["0", "1"],
        help=f"1: {SMALL} (SMALL)",
    )
    options = parser.parse_args()
    machine, seed = machine_of(options), positive("SEED", options.seed)
    dataflow = options.dataflow or "flat-async"
    if dataflow not in ("flat-async", "flat"):
        raise UserError(
            f"DATAFLOW must be flat-async or flat, whose tiles share what they read, not {dataflow!r}"
        )
    stall = positive("STALL", options.stall)
    settings = Settings(stall_rate=min(stall * 256 // 100, 243), stall_seed=seed & 0xFFFF)
    spec = SMALL if options.small == "1" else options.workload
    tensors = load_workload(spec, options.dtype, seed, options.ptype, options.otype)
    console = Console(stderr=True)
    seen = {}
    for number, case in enumerate(CASES, 1):
        console.print(f"{number} of {len(CASES)}: {case.title}", highlight=False)
        experiment = run_experiment(
            machine,
            tensors,
            dataflow,
            dtype=options.dtype,
            seed=seed,
            settings=settings,
            overrides={**overrides(options), **case.options},
        )
        seen[case.key] = experiment.result
        verdict = "bit-exact" if experiment.passed else f"WRONG: {experiment.first_mismatch}"
        console.print(f"  {experiment.result['cycles']:,} cycles, {verdict}", highlight=False)
    result = summary(seen)
    path = write_result("ablation", result)
    title = f"{result['workload']} ({options.dtype}), {dataflow} on {machine.name} {result['mesh']}, {result['mapping']}"
    Console().print(table(title, seen))
    print(f"result: {path.relative_to(path.parents[2])}")
    if not result["bit_exact"]:
        print("flatmesh: an output differs from the golden machine's, see above", file=sys.stderr)
    return 0 if result["bit_exact"] else 1


def summary(seen: dict[str, dict]) -> dict:
    """One flat object; a gain is the cycles without a feature over the cycles with it."""
    full = seen["full"]
    same = (
        "machine",
        "mesh",
        "dataflow",
        "workload",
        "dtype",
        "p_dtype",
        "o_dtype",
        "seed",
        "commit",
        "mapping",
    )
    result = {key: full[key] for key in same}
    for case in CASES:
        result[f"cycles_{case.key}"] = seen[case.key]["cycles"]
        result[f"matrix_utilization_{case.key}"] = seen[case.key]["matrix_utilization"]
    result["gain_multicast_reads"] = seen["forward"]["cycles"] / full["cycles"]
    result["gain_turn"] = seen["memory"]["cycles"] / full["cycles"]
    result["gain_both"] = seen["neither"]["cycles"] / full["cycles"]
    result["bit_exact"] = all(one["bit_exact"] for one in seen.values())
    return result


def table(title: str, seen: dict[str, dict]) -> Table:
    """Cycles of each case, and what the features that it does without gain."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("case")
    for name in ("cycles", "gain", "matrix utilisation", "bit-exact"):
        shown.add_column(name, justify="right")
    full = seen["full"]["cycles"]
    for case in CASES:
        one = seen[case.key]
        gain = "" if case.key == "full" else f"{one['cycles'] / full:.3f}"
        exact = "yes" if one["bit_exact"] else f"NO, {one['mismatches']} differ"
        shown.add_row(
            case.title, f"{one['cycles']:,}", gain, f"{one['matrix_utilization']:.1%}", exact
        )
    return shown


if __name__ == "__main__":
    main(run)
