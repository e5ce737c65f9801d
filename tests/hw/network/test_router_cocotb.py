"""Whole data networks on Verilator: exactly once, in order, no hang, at the stated rates and
latencies.
"""

import pytest

from hw.layouts import data_flit
from hw.network.router import Router
from isa.machine import MACHINES
from tb.runner import run
from tb.units.network import build_network

SMALL = pytest.mark.slow  # the routes on these meshes are tested in test_route


@pytest.mark.parametrize(
    "mesh", ["4x4", *(pytest.param(mesh, marks=SMALL) for mesh in ("3x2", "1x4", "4x1"))]
)
def test_data_network(mesh):
    machine = MACHINES["mesh4"].with_mesh(mesh)
    router = Router(machine=machine, payload=data_flit(machine.tile), multicast=True)
    run(
        build_network(router, machine), "tb.units.router", environment={"FLATMESH_BENCH_MESH": mesh}
    )
