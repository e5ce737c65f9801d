"""Whole reduction networks on Verilator: bit-exact in the order of the tree, no hang in a legal
order, else an error.
"""

import pytest

from hw.network.reduce_router import ReduceRouter
from isa.machine import MACHINES
from tb.runner import run
from tb.units.network import build_network

SMALL = pytest.mark.slow  # the trees on these meshes are tested in test_route


@pytest.mark.parametrize(
    "mesh", ["4x4", *(pytest.param(mesh, marks=SMALL) for mesh in ("3x2", "4x1"))]
)
def test_reduction_network(mesh):
    machine = MACHINES["mesh4"].with_mesh(mesh)
    router = ReduceRouter(machine=machine)
    run(
        build_network(router, machine),
        "tb.units.reduce_router",
        environment={"FLATMESH_BENCH_MESH": mesh},
    )
