"""The matrix engine against its reference, on Verilator, its PEs as Verilog, as C++ made of their
netlist, and as a model: long random sequences, and full blocks at full speed.
"""

import json

import pytest

from hw.matrix.engine import MatrixEngine
from hw.sim.grid_model import MODELS
from isa.machine import MACHINES
from tb.grids import with_grid
from tb.runner import build, run, unit_sources

TILE = MACHINES["tiny"].tile
SHAPES = {
    "8x8": {},
    "6x4": {
        "matrix_rows": 6,
        "matrix_columns": 4,
        "l1_banks": 2,
        "vector_lanes": 4,
        "mac_latency": 4,
    },
}


ARRAYS = ("verilog", *MODELS)


def cases():
    """Every shape with every array. What is not 6x4 is slow, but for the Verilog: in `make test` a
    whole tile has it (`tests/tb/test_same_mesh.py`).
    """
    for shape in SHAPES:
        for array in ARRAYS:
            slow = [pytest.mark.slow] if array in MODELS and shape == "8x8" else []
            yield pytest.param((shape, array), id=f"{shape}-{array}", marks=slow)


@pytest.fixture(scope="module", params=cases())
def compiled(request):
    """The engine with PEs of every kind: the reference demands every bit and the cycles of all."""
    shape, array = request.param
    tile = TILE.model_validate(TILE.model_dump() | SHAPES[shape])
    engine, ports = unit_sources(MatrixEngine(tile=tile), "matrix")
    if array in MODELS:
        engine = with_grid(engine, tile, array, "matrix")
    environment = {"FLATMESH_TILE": json.dumps(SHAPES[shape])}
    return build(engine, "matrix", public={"matrix": ports}), environment


@pytest.mark.parametrize("seed", [1])
def test_random_instructions(compiled, seed, tmp_path):
    engine, environment = compiled
    run(
        engine,
        "tb.units.matrix",
        testcase="random_instructions",
        workdir=tmp_path,
        environment=environment | {"FLATMESH_SEED": str(seed)},
    )


@pytest.mark.parametrize("testcase", ["every_pair_of_formats", "full_blocks"])
def test_testcase(compiled, testcase, tmp_path):
    engine, environment = compiled
    run(engine, "tb.units.matrix", testcase=testcase, workdir=tmp_path, environment=environment)
