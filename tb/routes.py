"""Steps from a router to its neighbours, by port."""

from isa.packets import Port

__all__ = ["OPPOSITE", "STEP", "Rectangle"]

STEP = {Port.WEST: (-1, 0), Port.EAST: (1, 0), Port.SOUTH: (0, -1), Port.NORTH: (0, 1)}
OPPOSITE = {
    Port.WEST: Port.EAST,
    Port.EAST: Port.WEST,
    Port.SOUTH: Port.NORTH,
    Port.NORTH: Port.SOUTH,
}

Rectangle = tuple[int, int, int, int]
"""West column, south row, east column, north row."""
