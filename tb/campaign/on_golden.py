"""A run of a campaign on the golden machine alone: bits and accuracy, no cycles."""

import time

from isa.errors import UserError
from isa.formats import decode
from programs.compiler import compile_workload
from tb.accuracy import judge
from tb.campaign.trial import Trial, refused, verdict
from tb.experiment import commit, golden_output

__all__ = ["run_golden"]


def run_golden(trial: Trial) -> dict:
    """Its mapping, HBM traffic by the formula, and accuracy; statuses as `tb.campaign.rtl`."""
    machine = trial.machine
    try:
        trial.demand("golden", array="rtl", costs="ours")
        tensors = trial.tensors()
        compiled = compile_workload(
            machine, tensors.workload, trial.dataflow or None, **trial.overrides
        )
        started = time.perf_counter()
        seen = golden_output(machine, tensors, compiled, tensors.scatter(compiled))
    except UserError as error:
        return refused(str(error))
    accuracy = judge(decode(seen, tensors.workload.o_fmt), tensors)
    return {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "dataflow": compiled.dataflow,
        "mapping": compiled.describe(),
        "hbm_ideal_bytes": compiled.hbm_ideal_read_bytes + compiled.hbm_ideal_write_bytes,
        "golden_seconds": time.perf_counter() - started,
        **tensors.dtypes,
        "file_formats": tensors.file_formats,
        "commit": commit(),
        **accuracy.result(),
        **verdict(True, accuracy),
    }
