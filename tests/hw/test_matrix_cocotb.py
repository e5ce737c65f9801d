"""The matrix engine against its reference, on Verilator: long random sequences, and full blocks at
full speed.
"""

import json

import pytest

from hw.matrix.engine import MatrixEngine
from isa.machine import MACHINES
from tb.runner import build_unit, run

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


@pytest.fixture(scope="module", params=SHAPES, ids=list(SHAPES))
def compiled(request):
    changes = SHAPES[request.param]
    tile = TILE.model_validate(TILE.model_dump() | changes)
    return build_unit(MatrixEngine(tile=tile), "matrix"), {"FLATMESH_TILE": json.dumps(changes)}


@pytest.mark.parametrize("seed", [1])
def test_random_instructions(compiled, seed, tmp_path):
    build, environment = compiled
    run(
        build,
        "tb.units.matrix",
        testcase="random_instructions",
        workdir=tmp_path,
        environment=environment | {"FLATMESH_SEED": str(seed)},
    )


@pytest.mark.parametrize("testcase", ["every_pair_of_formats", "full_blocks"])
def test_testcase(compiled, testcase, tmp_path):
    build, environment = compiled
    run(build, "tb.units.matrix", testcase=testcase, workdir=tmp_path, environment=environment)
