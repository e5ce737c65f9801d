"""The vector engine against its reference, on Verilator."""

import pytest

from hw.vector.engine import VectorEngine
from isa.machine import MACHINES
from tb.runner import build_unit, run

TILE = MACHINES["tiny"].tile


@pytest.fixture(scope="module")
def compiled():
    return build_unit(VectorEngine(tile=TILE), "vector")


@pytest.mark.parametrize("seed", [1])
def test_random_instructions(compiled, seed):
    run(compiled, "tb.units.vector", environment={"FLATMESH_SEED": str(seed)})
