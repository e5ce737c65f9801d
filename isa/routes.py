"""The tree of a network reduction: the bits of a sum depend on it, so that it is part of the contract.

The tree is a function of rectangle and root alone. Columns flow to the root's row, that row to the
root. The hardware's own routing (`hw.network.route`) is written apart from this and proved.
"""

from isa.geometry import Rectangle, TileXY

__all__ = ["joined", "towards"]


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
