"""What two features of the network gain: reads that multicast, and all-reduces that turn at the
root's router.
"""

from typing import NamedTuple

from rich.console import Console

from isa.machine import Machine
from programs.tensors import Tensors
from tb.experiment import run_experiment

__all__ = ["CASES", "Feature", "run", "summary"]


class Feature(NamedTuple):
    """A way to compile the same workload."""

    key: str
    title: str
    options: dict[str, str]


CASES = (
    Feature("full", "as it is: reads multicast, maxima turn at the root's router", {}),
    Feature(
        "forward", "loading tiles read into their own L1 and pass slices on", {"reads": "forward"}
    ),
    Feature(
        "memory",
        "maxima are combined in the root's L1 and sent from there",
        {"all_reduce": "memory"},
    ),
    Feature("neither", "both", {"reads": "forward", "all_reduce": "memory"}),
)


def run(
    machine: Machine, tensors: Tensors, dataflow: str, *, console: Console, **options
) -> dict[str, dict]:
    """Run all cases on the same data, and compare each with golden: the flat result of each.

    `options` are those of `run_experiment`.
    """
    seen, fixed = {}, options.pop("overrides", {})
    for number, case in enumerate(CASES, 1):
        console.print(f"{number} of {len(CASES)}: {case.title}", highlight=False)
        experiment = run_experiment(
            machine, tensors, dataflow, overrides={**fixed, **case.options}, **options
        )
        seen[case.key] = experiment.result
        verdict = "bit-exact" if experiment.passed else f"WRONG: {experiment.why}"
        console.print(f"  {experiment.result['cycles']:,} cycles, {verdict}", highlight=False)
    return seen


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
