"""The routes of docs/network.md: where a flit goes, and what it meets.

The tree of a reduction is a function of rectangle and root alone, and the bits of a sum depend on
it. Columns flow to the root's row, that row to the root. The hardware's own routing
(`hw.network.route`) is written apart from this and proved.
"""

from isa.geometry import STEP, Rectangle, TileXY
from isa.machine import Mesh

__all__ = ["branches", "joined", "requested", "towards"]


def branches(tile: TileXY, port: str, rectangle: Rectangle, mesh: Mesh) -> tuple[str, ...]:
    """The outputs of a tile's router by which a data flit leaves that came in by `port`."""
    x, y = tile
    x0, y0, x1, y1 = rectangle
    dx, dy = STEP.get(port, (0, 0))
    entered = port == "local" or not (0 <= x + dx < mesh.columns and 0 <= y + dy < mesh.rows)
    turns = entered or port in ("west", "east")
    column = x0 <= x <= x1
    outputs = {
        "local": column and y0 <= y <= y1,
        "west": x0 < x and port != "west" and turns,
        "east": x1 > x and port != "east" and turns,
        "south": column and y0 < y and port != "south",
        "north": column and y1 > y and port != "north",
    }
    return tuple(output for output, used in outputs.items() if used)


def requested(tile: TileXY, to: TileXY, edge: str) -> str:
    """The output of a tile's router that leads a request to the channel at this edge of tile
    `to`.
    """
    if tile[0] != to[0]:
        return "west" if to[0] < tile[0] else "east"
    if tile[1] != to[1]:
        return "south" if to[1] < tile[1] else "north"
    return edge


def joined(tile: TileXY, rectangle: Rectangle, root: TileXY) -> tuple[str, ...]:
    """The inputs that a tile's router joins, in the order in which it combines them."""
    x, y = tile
    x0, y0, x1, y1 = rectangle
    root_x, root_y = root
    home, column = y == root_y, x0 <= x <= x1
    inputs = {
        "local": column and y0 <= y <= y1,
        "west": home and x <= root_x and x0 < x,
        "east": home and x >= root_x and x1 > x,
        "south": column and y <= root_y and y0 < y,
        "north": column and y >= root_y and y1 > y,
    }
    return tuple(port for port, used in inputs.items() if used)


def towards(tile: TileXY, root: TileXY) -> str:
    """The output of a tile's router that leads to the root; ``local`` at the root itself."""
    x, y = tile
    root_x, root_y = root
    if y != root_y:
        return "south" if root_y < y else "north"
    if x != root_x:
        return "west" if root_x < x else "east"
    return "local"
