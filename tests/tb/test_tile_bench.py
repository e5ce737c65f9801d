"""The bench of a whole tile notices what is wrong, and refuses what it cannot play."""

from types import SimpleNamespace

import pytest

from examples.tile import LISTING
from programs.text.reader import read_listing
from tb.runner import ROOT
from tb.units.neighbours import neighbour_flits
from tb.units.tile import TileBench, run_tile


def test_faults_are_noticed():
    run_tile(LISTING, "tests.tb.tile_faults")


@pytest.mark.parametrize(
    ("mesh", "tile"), [("2x2", (0, 0)), ("3x1", (0, 0)), ("4x1", (1, 0)), ("1x1", (0, 1))]
)
def test_a_mesh_that_is_no_neighbourhood(mesh, tile):
    listing = read_listing(ROOT / "examples" / "put.s", "tiny", "2x1")
    listing.machine = listing.machine.with_mesh(mesh)
    with pytest.raises(ValueError, match="must be a row or a column of tile"):
        TileBench(SimpleNamespace(), listing, tile=tile)


def test_a_neighbour_that_waits():
    listing = read_listing(ROOT / "examples" / "put.s", "tiny")
    with pytest.raises(ValueError, match=r"put.s:21 'widen': a neighbour .* must only put and"):
        list(neighbour_flits(listing, (1, 0), None))
