"""The timing model's word on a mapping, in place of a run on the RTL."""

from typing import Any

from isa.machine import Machine
from model.predict import predict
from programs.compiler import compile_workload_mapping
from programs.tensors import load_workload
from tb.tuner.run import facts_of

__all__ = ["judge"]


def judge(
    machine: Machine, spec: str, dtypes: tuple[str, str, str], seed: int, mapping: Any
) -> dict:
    """Predict a mapping: what `tb.tuner.run.measure` gives, but for what the model does not know,
    which is conflicts in L1, and whether the result is right; ``cycles`` is None where programs do
    not fit.
    """
    dtype, p_dtype, o_dtype = dtypes
    workload = load_workload(spec, dtype, seed, p_dtype, o_dtype).workload
    compiled = compile_workload_mapping(machine, workload, mapping)
    known = facts_of(compiled)
    if compiled.longest > machine.tile.program_instructions:
        return {**known, "cycles": None}
    seen = predict(compiled)
    return {
        **known,
        "cycles": seen.cycles,
        "seconds": seen.seconds,
        "matrix_utilization": compiled.useful_macs / (seen.cycles * machine.macs),
        "hbm_utilization": seen.hbm_bandwidth_utilization,
        "matrix_active": seen.matrix_active,
        "vector_busy": seen.vector_busy,
    }
