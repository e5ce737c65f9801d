"""The tree of a reduction: which routers it passes, what each of them joins, and where the sum
goes.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from isa.geometry import STEP, Rectangle, TileXY
from isa.routes import joined, towards

__all__ = ["Shape"]


class Shape(NamedTuple):
    """Members (a rectangle, both ends inclusive) and root, which may be outside."""

    x0: int
    y0: int
    x1: int
    y1: int
    root_x: int
    root_y: int

    @property
    def rectangle(self) -> str:
        """The members, for messages."""
        return f"({self.x0},{self.y0})..({self.x1},{self.y1})"

    def __str__(self) -> str:
        return f"{self.rectangle} to ({self.root_x},{self.root_y})"

    def __contains__(self, tile: object) -> bool:
        """Whether a tile (x, y) is a member."""
        x, y = tile  # type: ignore[misc]
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1

    def members(self) -> Iterator[TileXY]:
        """Tiles that take part."""
        return ((x, y) for y in range(self.y0, self.y1 + 1) for x in range(self.x0, self.x1 + 1))

    def node(self, x: int, y: int) -> tuple[frozenset[str], str]:
        """Ports that router (x, y) joins, and the one it sends to: columns flow to the root's row,
        that row to the root.
        """
        root = self.root_x, self.root_y
        members = Rectangle(self.x0, self.y0, self.x1, self.y1)
        return frozenset(joined((x, y), members, root)), towards((x, y), root)

    def tree(self) -> Mapping[TileXY, tuple[frozenset[str], str]]:
        """`node` of every router on the way, from the root on."""
        return _tree(self)


@cache
def _tree(shape: Shape) -> dict[TileXY, tuple[frozenset[str], str]]:
    found: dict[TileXY, tuple[frozenset[str], str]] = {}
    queue = [(shape.root_x, shape.root_y)]
    for x, y in queue:
        found[x, y] = inputs, _ = shape.node(x, y)
        queue += [(x + STEP[port][0], y + STEP[port][1]) for port in inputs if port != "local"]
    return found
