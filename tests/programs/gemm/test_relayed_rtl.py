"""Relayed mappings on the RTL: every bit is golden's, cycles are the committed ones, and the model
is near them.
"""

import pytest

from isa.machine import load_machine
from model.predict import predict
from programs.compiler import compile_workload
from programs.tensors import load_workload
from tb.experiment import run_experiment

NEAR = 0.03


def south(mesh: str):
    """mesh4 with channels at the south edge only."""
    machine = load_machine("mesh4", mesh)
    hbm = machine.hbm.model_copy(update={"west_pitch": 0})
    return machine.model_copy(update={"name": "south", "hbm": hbm})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mesh", "spec", "dtype", "split", "cycles"),
    [
        ("4x4", "gemm:M=64,N=512,K=512", "fp16", 1, 21652),
        ("4x4", "gemm:M=64,N=64,K=1024", "bf16", 2, 9814),
        ("4x4", "gemm:M=128,N=512,K=256", "e4m3", 1, 18536),
        ("4x4", "gemm:B=8,M=32,N=32,K=128", "fp16", 1, 5216),
        ("4x4", "gemm:M=45,N=77,K=523", "e5m2", 4, 4145),
        ("2x2", "gemm:M=16,N=40,K=1000", "fp16", 2, 7988),
    ],
)
def test_relayed_products_are_exact_and_as_fast_as_the_model_says(mesh, spec, dtype, split, cycles):
    machine, tensors = south(mesh), load_workload(spec, dtype, 7)
    compiled = compile_workload(machine, tensors.workload)
    assert compiled.mapping.relayed and compiled.mapping.split == split
    seen = run_experiment(machine, tensors)
    assert seen.passed, seen.why
    assert seen.result["cycles"] == cycles
    assert abs(predict(compiled).cycles / cycles - 1) < NEAR
