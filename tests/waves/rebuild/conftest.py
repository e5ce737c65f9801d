"""A real run that the tests of the inspection share."""

import pytest

from isa.machine import MACHINES
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tb.mesh import Settings, Window


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A run on the RTL of the tiny mesh, with its events, and the VCD of all of it."""
    path = tmp_path_factory.mktemp("mesh") / "waves.vcd"
    tensors = load_workload("mha:S=40,D=24,H=2", "fp16", 1)
    settings = Settings(waves=Window(path), events=True)
    return run_experiment(
        MACHINES["tiny"], tensors, "flat-async", dtype="fp16", seed=1, settings=settings
    ).run, path
