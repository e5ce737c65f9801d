"""The routes of docs/network.md in plain Python, written apart from the hardware: where a flit
goes, and what it meets.
"""

from isa.machine import Mesh
from isa.packets import Port

__all__ = ["OPPOSITE", "STEP", "Rectangle", "branches", "joined", "requested", "towards"]

STEP = {Port.WEST: (-1, 0), Port.EAST: (1, 0), Port.SOUTH: (0, -1), Port.NORTH: (0, 1)}
OPPOSITE = {
    Port.WEST: Port.EAST,
    Port.EAST: Port.WEST,
    Port.SOUTH: Port.NORTH,
    Port.NORTH: Port.SOUTH,
}

Rectangle = tuple[int, int, int, int]
"""West column, south row, east column, north row."""


def branches(mesh: Mesh, rectangle: Rectangle, x: int, y: int, port: Port) -> int:
    """Outputs, as a mask over `Port`, of a data flit that came in by `port` of router (x, y)."""
    x0, y0, x1, y1 = rectangle
    step = STEP.get(port, (0, 0))
    entered = port == Port.LOCAL or not (
        0 <= x + step[0] < mesh.columns and 0 <= y + step[1] < mesh.rows
    )
    vertical = port in (Port.SOUTH, Port.NORTH)
    column = x0 <= x <= x1
    wanted = {
        Port.LOCAL: column and y0 <= y <= y1,
        Port.WEST: x0 < x and port != Port.WEST and (entered or not vertical),
        Port.EAST: x1 > x and port != Port.EAST and (entered or not vertical),
        Port.SOUTH: column and y0 < y and port != Port.SOUTH,
        Port.NORTH: column and y1 > y and port != Port.NORTH,
    }
    return sum(1 << out for out, goes in wanted.items() if goes)


def requested(to: tuple[int, int], outer: Port, x: int, y: int) -> Port:
    """Output of a request at router (x, y) that goes to the channel at the `outer` port of tile
    `to`: XY.
    """
    if x != to[0]:
        return Port.WEST if to[0] < x else Port.EAST
    if y != to[1]:
        return Port.SOUTH if to[1] < y else Port.NORTH
    return outer


def joined(rectangle: Rectangle, root: tuple[int, int], x: int, y: int) -> int:
    """Inputs, as a mask over `Port`, that router (x, y) joins for a reduction; 0 if it is not on
    the way.
    """
    x0, y0, x1, y1 = rectangle
    home, column = y == root[1], x0 <= x <= x1
    inputs = {
        Port.LOCAL: column and y0 <= y <= y1,
        Port.WEST: home and x <= root[0] and x0 < x,
        Port.EAST: home and x >= root[0] and x1 > x,
        Port.SOUTH: column and y <= root[1] and y0 < y,
        Port.NORTH: column and y >= root[1] and y1 > y,
    }
    return sum(1 << port for port, used in inputs.items() if used)


def towards(root: tuple[int, int], x: int, y: int) -> Port:
    """Output of a reduction's flit at router (x, y): YX."""
    if y != root[1]:
        return Port.SOUTH if root[1] < y else Port.NORTH
    if x != root[0]:
        return Port.WEST if root[0] < x else Port.EAST
    return Port.LOCAL
