"""A run of a campaign in the timing model: cycles and shares, no bits."""

from dataclasses import asdict

from isa.errors import UserError
from model.interval import interval
from model.predict import predict
from programs.compiler import compile_workload
from tb.campaign.targets import TARGETS, Target, Targets
from tb.campaign.trial import Trial, host, refused
from tb.experiment import commit

__all__ = ["WITH_MODEL", "run_model"]


def run_model(trial: Trial) -> dict:
    """What the model says of the programs that the RTL would run; ``refused`` if they cannot be
    made. Stalls of the links are not modelled, and refused.
    """
    machine = trial.machine
    try:
        if trial.stall:
            raise UserError("stall must be 0 in the model, which has no random back-pressure")
        tensors = trial.tensors()
        compiled = compile_workload(
            machine, tensors.workload, trial.dataflow or None, **trial.overrides
        )
    except UserError as error:
        return refused(str(error))
    seen = predict(compiled)
    within = interval(machine, seen)
    return {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "dataflow": compiled.dataflow,
        "mapping": compiled.describe(),
        **tensors.dtypes,
        "file_formats": tensors.file_formats,
        "matrix_utilization": compiled.useful_macs / (seen.cycles * machine.macs),
        **asdict(seen),
        "cycles_low": within.low,
        "cycles_high": within.high,
        "interval_checked": within.checked,
        "commit": commit(),
        "status": "passed",
        "error": "",
        **host(),
    }


WITH_MODEL: Targets = {**TARGETS, "model": Target(run_model, seconds=1.0)}
"""Targets of `tb.campaign`, and the model."""
