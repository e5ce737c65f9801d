"""Network reductions: the order in which the routers of the mesh combine the members' words.

The order is a function of rectangle and root alone. Each router combines what its inputs bring in the fixed order local,
west, east, south, north; columns flow towards the root's row, that row towards the root.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.arithmetic import add, maximum
from isa.instructions import ReduceOp

__all__ = ["COMBINE", "Rectangle", "combine", "inputs"]

Floats = NDArray[np.float32]

COMBINE: dict[ReduceOp, Callable[[Floats, Floats], Floats]] = {ReduceOp.SUM: add, ReduceOp.MAX: maximum}

NEIGHBOUR = {"west": (-1, 0), "east": (1, 0), "south": (0, -1), "north": (0, 1)}


class Rectangle(NamedTuple):
    """Tiles from (x0, y0) to (x1, y1), both inclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    def __contains__(self, tile: object) -> bool:
        """Whether a tile (x, y) is inside."""
        x, y = tile  # type: ignore[misc]
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1

    def tiles(self) -> list[tuple[int, int]]:
        """All tiles, row by row from the south-west corner."""
        return [(x, y) for y in range(self.y0, self.y1 + 1) for x in range(self.x0, self.x1 + 1)]


def inputs(x: int, y: int, rectangle: Rectangle, root: tuple[int, int]) -> tuple[str, ...]:
    """The router inputs that (x, y) joins, in the order in which it combines them."""
    x0, y0, x1, y1 = rectangle
    root_x, root_y = root
    inside = (x, y) in rectangle
    column = x0 <= x <= x1
    joined = {
        "local": inside,
        "west": y == root_y and x <= root_x and x0 < x,
        "east": y == root_y and x >= root_x and x1 > x,
        "south": column and y <= root_y and y0 < y,
        "north": column and y >= root_y and y1 > y,
    }
    return tuple(port for port, used in joined.items() if used)


def combine(members: Mapping[tuple[int, int], Floats], rectangle: Rectangle, root: tuple[int, int], op: ReduceOp) -> Floats:
    """What arrives at the root when each tile of the rectangle contributes an array, all of one shape.

    A word that meets no other (a rectangle of one tile) arrives with its bits unchanged.
    """
    both = COMBINE[op]

    def output(x: int, y: int) -> Floats:
        """What router (x, y) sends on."""
        result = None
        for port in inputs(x, y, rectangle, root):
            if port == "local":
                part = members[x, y]
            else:
                dx, dy = NEIGHBOUR[port]
                part = output(x + dx, y + dy)
            result = part if result is None else both(result, part)
        assert result is not None, "an input that no member feeds"
        return result

    return output(*root)
