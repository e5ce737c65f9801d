"""What is too large to simulate is refused in one line, before anything is built."""

from itertools import pairwise
from operator import lt

import pytest

from isa.errors import UserError
from isa.machine import MACHINES, load_machine
from programs.tensors import load_workload
from tb.boot import boots_directly
from tb.estimate import estimate, refuse_if_too_large
from tb.experiment import run_experiment

TOO_LARGE = (
    r"^MACHINE paper-2026 with 32x32 tiles is too large to simulate: about [0-9.]+ GB of [0-9.]+, "
    r"[0-9]+ minutes to build, [0-9]+ s for each thousand cycles \(up to 60\); take a smaller "
    r"MESH, or ANYSIZE=1 to do it all the same$"
)


PAPERS = {"paper-2025", "paper-2026", "paper-4tb"}
"""32x32 tiles with 32x16 MACs."""


@pytest.mark.parametrize("name", sorted(MACHINES.keys() - PAPERS))
def test_machines_that_are_simulated(name):
    refuse_if_too_large(MACHINES[name])


@pytest.mark.parametrize("mesh", ["1x1", "2x2", "4x4", "8x8"])
def test_the_tile_of_the_papers_in_small_meshes(mesh):
    refuse_if_too_large(load_machine("paper-tile", mesh))


def test_a_mesh_that_takes_for_ever():
    machine = MACHINES["paper-2026"]
    with pytest.raises(UserError, match=TOO_LARGE):
        refuse_if_too_large(machine)
    with pytest.raises(UserError, match=TOO_LARGE):
        run_experiment(machine, load_workload("mha:S=128,D=16,H=1", "fp16", 1))


def test_a_mesh_that_does_not_fit_memory():
    machine = MACHINES["mesh8"]
    channel = {"channel_bytes": 1 << 38}
    huge = machine.model_copy(update={"hbm": machine.hbm.model_copy(update=channel)})
    with pytest.raises(UserError, match=r"^MACHINE mesh8 with 8x8 tiles is too large to simulate"):
        refuse_if_too_large(huge)


def test_more_tiles_cost_more():
    costs = [estimate(MACHINES[name]) for name in ("tiny", "mesh4", "mesh8")]
    for one, other in pairwise(costs):
        assert all(map(lt, one, other))


def test_only_large_meshes_boot_directly():
    """Images of 512 instructions."""
    direct = {name for name, m in MACHINES.items() if boots_directly(m, 16384 // m.tile.word_bytes)}
    assert direct == {"mesh16", "mesh32"} | PAPERS & direct
