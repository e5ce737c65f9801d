"""The way of every flit. The bits of a sum depend on the tree of its reduction, so that routes are
part of the contract.

Each is a function of a flit's header and a router's place alone: XY for data and requests, YX for
reductions. The hardware's own routing (`hw.network.route`) is written apart from this and proved.
"""

from collections.abc import Iterable
from functools import cache

from isa.geometry import STEP, Rectangle, TileXY
from isa.machine import Mesh
from isa.packets import Port

__all__ = ["forked", "hops", "joined", "mask_of", "reduction_tree", "requested", "towards"]


def forked(mesh: Mesh, rectangle: Rectangle, tile: TileXY, port: Port) -> tuple[Port, ...]:
    """The outputs of a tile's router that a data flit needs which came in by `port`.

    Along the row of its source to every column of the rectangle, from there along the columns. What
    a channel puts in at an outer port starts like what the tile puts in.
    """
    x, y = tile
    x0, y0, x1, y1 = rectangle
    dx, dy = STEP.get(port, (0, 0))
    inside = 0 <= x + dx < mesh.columns and 0 <= y + dy < mesh.rows
    along_column = port in (Port.SOUTH, Port.NORTH) and inside
    column = x0 <= x <= x1
    wanted = {
        Port.LOCAL: column and y0 <= y <= y1,
        Port.WEST: x0 < x and not along_column,
        Port.EAST: x1 > x and not along_column,
        Port.SOUTH: column and y0 < y,
        Port.NORTH: column and y1 > y,
    }
    return tuple(out for out, used in wanted.items() if used and (out != port or out == Port.LOCAL))


def requested(tile: TileXY, to: TileXY, outer: Port) -> Port:
    """The output of a tile's router for a request to the channel at the `outer` port of tile
    `to`.
    """
    (x, y), (to_x, to_y) = tile, to
    if x != to_x:
        return Port.WEST if to_x < x else Port.EAST
    if y != to_y:
        return Port.SOUTH if to_y < y else Port.NORTH
    return outer


def joined(tile: TileXY, rectangle: Rectangle, root: TileXY) -> tuple[Port, ...]:
    """The inputs that a tile's router joins for a reduction, in the order in which it combines
    them; none if it is not on the way.
    """
    (x, y), (root_x, root_y) = tile, root
    x0, y0, x1, y1 = rectangle
    home, column = y == root_y, x0 <= x <= x1
    inputs = {
        Port.LOCAL: column and y0 <= y <= y1,
        Port.WEST: home and x <= root_x and x0 < x,
        Port.EAST: home and x >= root_x and x1 > x,
        Port.SOUTH: column and y <= root_y and y0 < y,
        Port.NORTH: column and y >= root_y and y1 > y,
    }
    return tuple(port for port, used in inputs.items() if used)


def towards(tile: TileXY, root: TileXY) -> Port:
    """The output of a tile's router that leads to the root; LOCAL at the root itself."""
    (x, y), (root_x, root_y) = tile, root
    if y != root_y:
        return Port.SOUTH if root_y < y else Port.NORTH
    if x != root_x:
        return Port.WEST if root_x < x else Port.EAST
    return Port.LOCAL


@cache
def reduction_tree(
    rectangle: Rectangle, root: TileXY
) -> dict[TileXY, tuple[tuple[Port, ...], Port]]:
    """`joined` and `towards` of every router on the way, from the root on."""
    found: dict[TileXY, tuple[tuple[Port, ...], Port]] = {}
    queue = [root]
    for x, y in queue:
        inputs = joined((x, y), rectangle, root)
        found[x, y] = inputs, towards((x, y), root)
        queue += [(x + STEP[port][0], y + STEP[port][1]) for port in inputs if port != Port.LOCAL]
    return found


def hops(tile: TileXY, to: TileXY) -> int:
    """Links between two tiles."""
    return abs(tile[0] - to[0]) + abs(tile[1] - to[1])


def mask_of(ports: Iterable[Port]) -> int:
    """Ports as bits: bit p stands for port p."""
    return sum(1 << port for port in ports)
