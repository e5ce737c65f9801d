"""The vector engine against its reference, on Verilator: random instructions, with an L1 that
refuses at random.
"""

import pytest

from hw.vector.engine import VectorEngine
from isa.machine import MACHINES
from tb.runner import build_unit, run


@pytest.fixture(scope="module")
def compiled():
    return build_unit(VectorEngine(tile=MACHINES["tiny"].tile), "vector")


@pytest.mark.parametrize("seed", [1, 2])
def test_random_instructions(compiled, seed, tmp_path):
    run(compiled, "tb.units.vector", environment={"FLATMESH_SEED": str(seed)}, workdir=tmp_path)
