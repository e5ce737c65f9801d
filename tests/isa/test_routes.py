"""Rectangles, and the tree of a reduction: every member's word reaches the root, once."""

import itertools

import pytest

from isa.geometry import OPPOSITE, STEP, Rectangle
from isa.routes import joined, towards

EXTENT = 4
TILES = list(itertools.product(range(EXTENT), repeat=2))


def test_a_rectangle_has_both_its_ends():
    rectangle = Rectangle(1, 2, 2, 3)
    assert rectangle.tiles() == [(1, 2), (2, 2), (1, 3), (2, 3)]
    assert [tile for tile in TILES if tile in rectangle] == sorted(rectangle.tiles())


def test_inputs_are_combined_in_a_fixed_order():
    assert joined((1, 1), Rectangle(0, 0, 2, 2), (1, 1)) == (
        "local",
        "west",
        "east",
        "south",
        "north",
    )


@pytest.mark.parametrize("root", [(1, 1), (0, 3), (3, 0), (3, 3)])
def test_every_member_reaches_the_root_once(root):
    """Inside and outside of the rectangle; what a router sends, the next one joins."""
    for x0, y0 in TILES:
        rectangle = Rectangle(x0, y0, min(x0 + 1, EXTENT - 1), min(y0 + 2, EXTENT - 1))
        used = set()
        for tile in rectangle.tiles():
            assert "local" in joined(tile, rectangle, root)
            while (out := towards(tile, root)) != "local":
                dx, dy = STEP[out]
                tile = tile[0] + dx, tile[1] + dy
                assert OPPOSITE[out] in joined(tile, rectangle, root)
                used.add((tile, OPPOSITE[out]))
            assert tile == root
        # No router waits for an input by which no member's word comes.
        waits = {(t, port) for t in TILES for port in joined(t, rectangle, root)}
        reached = {root} | {t for t, _ in used} | set(rectangle.tiles())
        on_the_way = {(t, p) for t, p in waits if t in reached and p != "local"}
        assert on_the_way == used
