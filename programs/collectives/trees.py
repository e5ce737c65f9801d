"""Forwarding trees of software collectives: who sends to whom, and in which order.

A multicast runs a tree from the root to the leaves, a reduction the same tree backwards. Children
are listed in the order in which a multicast serves them; a reduction combines them the other way
round, because the subtree that is served first is the deepest one and takes longest to bring its
result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from isa.errors import UserError
from isa.geometry import Rectangle, TileXY
from isa.routes import hops

__all__ = ["TREES", "Tree", "tree_of"]


@dataclass(frozen=True)
class Tree:
    """A root and the children of every tile, leaves included."""

    root: TileXY
    children: dict[TileXY, tuple[TileXY, ...]]

    def parent(self) -> dict[TileXY, TileXY]:
        """The parent of every tile but the root."""
        return {child: tile for tile, children in self.children.items() for child in children}

    @property
    def depth(self) -> int:
        """Tiles between the root and the farthest leaf, that one included."""

        def below(tile: TileXY) -> int:
            return max((1 + below(child) for child in self.children[tile]), default=0)

        return below(self.root)


def tree_of(method: str, rectangle: Rectangle, root: TileXY) -> Tree:
    """The tree of a software method over a rectangle.

    A root outside the rectangle has one child, the nearest member; the rest is the tree with that
    member as its root.

    Raises
    ------
    UserError
        If there is no such method, or the rectangle is empty.
    """
    if method not in TREES:
        raise UserError(f"method must be one of {', '.join(TREES)}, not {method!r}")
    x0, y0, x1, y1 = rectangle
    if x0 > x1 or y0 > y1:
        raise UserError(
            f"rectangle {rectangle} is empty: its west and south sides must not be beyond its east "
            "and north"
        )
    head = min(max(root[0], x0), x1), min(max(root[1], y0), y1)
    children: dict[TileXY, list[TileXY]] = {tile: [] for tile in rectangle.tiles()}
    TREES[method](rectangle, head, children)
    if head != root:
        children[root] = [head]
    return Tree(root, {tile: tuple(below) for tile, below in children.items()})


Children = dict[TileXY, list[TileXY]]


def _unicast(rectangle: Rectangle, root: TileXY, children: Children) -> None:
    """The root serves everybody itself, the farthest first."""
    others = [tile for tile in rectangle.tiles() if tile != root]
    children[root] += sorted(others, key=lambda tile: -hops(tile, root))


def _line(tiles: Sequence[TileXY], at: int, children: Children) -> None:
    """From position `at` to both ends, tile by tile, the longer side first."""
    east, west = list(tiles[at:]), list(tiles[at::-1])
    for side in sorted((east, west), key=len, reverse=True):
        for tile, following in pairwise(side):
            children[tile].append(following)


def _chain(rectangle: Rectangle, root: TileXY, children: Children) -> None:
    """A path through all tiles, row by row, every other row backwards: each step is one hop."""
    x0, y0, x1, y1 = rectangle
    path = [
        (x, y)
        for y in range(y0, y1 + 1)
        for x in (range(x0, x1 + 1) if (y - y0) % 2 == 0 else range(x1, x0 - 1, -1))
    ]
    _line(path, path.index(root), children)


def _comb(rectangle: Rectangle, root: TileXY, children: Children) -> None:
    """The root's row as a chain, and a chain along every column: the steps of a path no longer than
    the diameter.
    """
    x0, y0, x1, y1 = rectangle
    for x in range(x0, x1 + 1):
        _line([(x, y) for y in range(y0, y1 + 1)], root[1] - y0, children)
    row: Children = {(x, root[1]): [] for x in range(x0, x1 + 1)}
    _line(list(row), root[0] - x0, row)
    for tile, following in row.items():
        children[tile][:0] = following


def _binary(rectangle: Rectangle, root: TileXY, children: Children) -> None:
    """Recursive halving: the root of a set hands one half to the tile of that half that sits where
    it sits in its own.
    """

    def halve(tiles: list[TileXY], at: int) -> None:
        while len(tiles) > 1:
            middle = (len(tiles) + 1) // 2
            low, high = tiles[:middle], tiles[middle:]
            inside, other = (low, high) if at < middle else (high, low)
            place = at if at < middle else at - middle
            head = min(place, len(other) - 1)
            children[inside[place]].append(other[head])
            halve(other, head)
            tiles, at = inside, place

    tiles = rectangle.tiles()
    halve(tiles, tiles.index(root))


TREES = {"unicast": _unicast, "chain": _chain, "comb": _comb, "tree": _binary}
"""Software methods by name."""
