"""What the tests of recordings share: readers, and a real run."""

import pytest

from isa.machine import MACHINES
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tb.mesh import Settings, Window
from tests.waves.rebuild.build import write
from waves.read.changes import READERS
from waves.read.vcd import read


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A run on the RTL of the tiny mesh, with its events, and the VCD of all of it."""
    path = tmp_path_factory.mktemp("mesh") / "waves.vcd"
    tensors = load_workload("mha:S=40,D=24,H=2", "fp16", 1)
    settings = Settings(waves=Window(path), events=True)
    return run_experiment(MACHINES["tiny"], tensors, "flat-async", settings=settings).run, path


@pytest.fixture(params=READERS)
def reader(request):
    return pytest.importorskip(request.param).__name__


@pytest.fixture
def recorded(reader, tmp_path):
    """Reads the recording of a VCD with these cycles, by each reader."""
    return lambda *args, **kwargs: read(
        write(tmp_path / "waves.vcd", *args, **kwargs), reader=reader
    )
