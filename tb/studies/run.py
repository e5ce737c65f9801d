"""One run of a listed set. When this file changes, all run again: the lists are elsewhere."""

from isa.machine import Machine
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tb.mesh import Settings

__all__ = ["run_published"]

VOLATILE = (
    *("golden_seconds", "build_seconds", "run_seconds", "kcycles_per_second"),
    *("peak_megabytes", "commit"),
)
"""Keys that differ from run to run; `make bench` measures speed properly."""


def run_published(
    machine: Machine,
    workload: str,
    dataflow: str,
    *,
    dtype: str = "fp16",
    settings: Settings = Settings(),
    overrides: dict | None = None,
) -> dict:
    """What ``make sim`` writes of this run with seed 1, but for what differs from time to time.

    Parameters
    ----------
    dataflow
        By the tiling rule if empty.
    overrides
        Decisions that the tiling rule does not make.

    Raises
    ------
    UserError
        As `run_experiment`.
    """
    seen = run_experiment(
        machine,
        load_workload(workload, dtype, 1),
        dataflow or None,
        overrides=overrides,
        settings=settings,
    )
    return {key: value for key, value in seen.result.items() if key not in VOLATILE}
