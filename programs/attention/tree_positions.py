"""Where a tile stands in the trees that collectives in software run along its row and its column of
the group.
"""

from functools import cache
from typing import NamedTuple

from isa.geometry import Rectangle
from programs.collectives.trees import Tree, tree_of

__all__ = ["TreePosition", "TreePositions", "line", "neighbours", "position", "widest"]


class TreePosition(NamedTuple):
    """A tile in a tree. Children have the order in which they are served; what they bring is
    combined the other way round.
    """

    children: tuple[bool, ...] = ()
    """For each child, whether it has children too."""
    number: int | None = None
    """This tile's number among its parent's children; None: it is the root."""
    siblings: int = 0
    """Children of its parent, this tile included."""


class TreePositions(NamedTuple):
    """Trees for the slices of k and v (along the column) and of q (along the row), for maxima, and
    for the sum of O.
    """

    k: TreePosition
    v: TreePosition
    q: TreePosition
    maximum: TreePosition
    total: TreePosition


@cache
def line(method: str, tiles: int, root: int) -> Tree:
    """Tree over so many tiles in a line, (0, 0) to (`tiles` - 1, 0)."""
    return tree_of(method, Rectangle(0, 0, tiles - 1, 0), (root, 0))


def position(method: str, tiles: int, root: int, at: int) -> TreePosition:
    """Place of tile `at` of a line."""
    tree = line(method, tiles, root)
    children = tuple(bool(tree.children[child]) for child in tree.children[at, 0])
    parent = tree.parent().get((at, 0))
    if parent is None:
        return TreePosition(children)
    siblings = tree.children[parent]
    return TreePosition(children, siblings.index((at, 0)), len(siblings))


def neighbours(method: str, tiles: int, root: int, at: int) -> tuple[list[int], int | None]:
    """Where the children of tile `at` of a line are, in their order, and its parent."""
    tree = line(method, tiles, root)
    parent = tree.parent().get((at, 0))
    return [child for child, _ in tree.children[at, 0]], parent and parent[0]


@cache
def widest(method: str, tiles: int) -> int:
    """Most children that a tile of a line has, whatever the root."""
    return max(
        len(children)
        for root in range(tiles)
        for children in line(method, tiles, root).children.values()
    )
