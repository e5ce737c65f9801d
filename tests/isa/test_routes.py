"""Rectangles, and the way of every flit: a multicast reaches every member once, a request its
channel, every member's word the root, once.
"""

import itertools

import pytest

from isa.geometry import OPPOSITE, STEP, Rectangle
from isa.machine import Mesh
from isa.packets import Port
from isa.routes import forked, hops, joined, mask_of, reduction_tree, requested, towards

EXTENT = 4
TILES = list(itertools.product(range(EXTENT), repeat=2))


def test_a_rectangle_has_both_its_ends():
    rectangle = Rectangle(1, 2, 2, 3)
    assert rectangle.tiles() == [(1, 2), (2, 2), (1, 3), (2, 3)]
    assert [tile for tile in TILES if tile in rectangle] == sorted(rectangle.tiles())
    assert str(rectangle) == "(1,2)..(2,3)"


def test_inputs_are_combined_in_a_fixed_order():
    assert joined((1, 1), Rectangle(0, 0, 2, 2), (1, 1)) == (
        Port.LOCAL,
        Port.WEST,
        Port.EAST,
        Port.SOUTH,
        Port.NORTH,
    )


@pytest.mark.parametrize("root", [(1, 1), (0, 3), (3, 0), (3, 3)])
def test_every_member_reaches_the_root_once(root):
    """Inside and outside of the rectangle; what a router sends, the next one joins."""
    for x0, y0 in TILES:
        rectangle = Rectangle(x0, y0, min(x0 + 1, EXTENT - 1), min(y0 + 2, EXTENT - 1))
        used = set()
        for tile in rectangle.tiles():
            assert Port.LOCAL in joined(tile, rectangle, root)
            while (out := towards(tile, root)) != Port.LOCAL:
                dx, dy = STEP[out]
                tile = tile[0] + dx, tile[1] + dy
                assert OPPOSITE[out] in joined(tile, rectangle, root)
                used.add((tile, OPPOSITE[out]))
            assert tile == root
        # No router waits for an input by which no member's word comes.
        waits = {(t, port) for t in TILES for port in joined(t, rectangle, root)}
        reached = {root} | {t for t, _ in used} | set(rectangle.tiles())
        on_the_way = {(t, p) for t, p in waits if t in reached and p != Port.LOCAL}
        assert on_the_way == used


def test_a_tree_has_the_root_first_and_every_router_on_the_way():
    assert list(reduction_tree(Rectangle(0, 0, 1, 0), (0, 1)).items()) == [
        ((0, 1), ((Port.EAST, Port.SOUTH), Port.LOCAL)),
        ((1, 1), ((Port.SOUTH,), Port.WEST)),
        ((0, 0), ((Port.LOCAL,), Port.NORTH)),
        ((1, 0), ((Port.LOCAL,), Port.NORTH)),
    ]


def test_a_request_goes_along_its_row_first():
    tile, to, path = (0, 3), (2, 1), []
    while (out := requested(tile, to, Port.SOUTH)) and tile != to:
        path.append(out)
        tile = tile[0] + STEP[out][0], tile[1] + STEP[out][1]
    assert path == [Port.EAST] * 2 + [Port.SOUTH] * 2 and out == Port.SOUTH
    assert len(path) == hops((0, 3), to)


def test_what_a_channel_puts_in_may_turn_into_its_row():
    """A flit on its way along a column stays there."""
    mesh, row = Mesh(columns=3, rows=3), Rectangle(0, 0, 2, 0)
    assert forked(mesh, row, (1, 0), Port.SOUTH) == (Port.LOCAL, Port.WEST, Port.EAST)
    assert forked(mesh, row, (1, 0), Port.NORTH) == (Port.LOCAL,)
    assert mask_of(forked(mesh, row, (1, 0), Port.SOUTH)) == 0b00111
