"""Collectives in software on the RTL: bit-exact, with links that stall too."""

import pytest

from isa.machine import MACHINES
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tb.mesh import Settings


@pytest.mark.parametrize("stall_rate", [0, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dataflow", ["flat-seq", "flat-tree"])
def test_the_rtl_gives_the_golden_bits(dataflow, stall_rate):
    tensors = load_workload("mha:S=70,D=24,H=2,causal=1", "fp16", 1)
    experiment = run_experiment(
        MACHINES["tiny"],
        tensors,
        dataflow,
        overrides={"rows": 16, "columns": 16},
        settings=Settings(stall_rate=stall_rate),
    )
    assert experiment.passed, experiment.first_mismatch
    assert (
        experiment.result["hbm_read_bytes"] + experiment.result["hbm_write_bytes"]
        == experiment.result["hbm_ideal_bytes"]
    )
