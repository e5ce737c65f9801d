"""Places in a mesh: x grows to the east, y to the north, (0, 0) is the south-west tile."""

from typing import NamedTuple, cast

from isa.packets import Port

__all__ = ["OPPOSITE", "STEP", "Rectangle", "TileXY"]

TileXY = tuple[int, int]
"""Column and row of a tile."""

STEP = {Port.WEST: (-1, 0), Port.EAST: (1, 0), Port.SOUTH: (0, -1), Port.NORTH: (0, 1)}
"""From a tile to its neighbour on each side."""
OPPOSITE = {
    Port.WEST: Port.EAST,
    Port.EAST: Port.WEST,
    Port.SOUTH: Port.NORTH,
    Port.NORTH: Port.SOUTH,
}
"""The side by which the neighbour sees the tile."""


class Rectangle(NamedTuple):
    """Tiles from (x0, y0) to (x1, y1), both inclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __str__(self) -> str:
        return f"({self.x0},{self.y0})..({self.x1},{self.y1})"

    def __contains__(self, tile: object) -> bool:
        """Whether a tile (x, y) is inside."""
        x, y = cast(TileXY, tile)
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1

    def tiles(self) -> list[TileXY]:
        """All tiles, row by row from the south-west corner."""
        return [(x, y) for y in range(self.y0, self.y1 + 1) for x in range(self.x0, self.x1 + 1)]
