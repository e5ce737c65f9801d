"""Destinations of unicast traffic, and the load at which a link or a port would be full: the bound
of each pattern.
"""

import numpy as np
from numpy.typing import NDArray

from isa.machine import Mesh

__all__ = ["PATTERNS", "bound", "chances", "destinations"]

HOT = 0.2
"""Share of hotspot traffic that goes to the hot tile, besides its share of the rest."""

PATTERNS = ("uniform", "transpose", "bit-complement", "tornado", "neighbour", "hotspot")


def chances(pattern: str, mesh: Mesh) -> NDArray[np.float64]:
    """Return the chance of each destination (column) for each source (row), tiles numbered row by
    row.

    uniform: any tile, the source included. transpose: (x, y) to (y, x). bit-complement: to the
    opposite tile. tornado: half a row less one to the east, wrapping. neighbour: one to the east,
    wrapping. hotspot: 20 % to a tile in the middle, else uniform.
    """
    columns, rows, tiles = mesh.columns, mesh.rows, mesh.tiles
    x, y = np.arange(tiles) % columns, np.arange(tiles) // columns
    if pattern in ("uniform", "hotspot"):
        table = np.full((tiles, tiles), 1 / tiles)
        if pattern == "hotspot":
            table *= 1 - HOT
            table[:, rows // 2 * columns + columns // 2] += HOT
        return table
    there = {
        "transpose": (y % columns, x % rows),
        "bit-complement": (columns - 1 - x, rows - 1 - y),
        "tornado": ((x + (columns + 1) // 2 - 1) % columns, y),
        "neighbour": ((x + 1) % columns, y),
    }[pattern]
    table = np.zeros((tiles, tiles))
    table[np.arange(tiles), there[1] * columns + there[0]] = 1
    return table


def destinations(
    pattern: str, mesh: Mesh, sources: NDArray, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw a destination for each of `sources`, tiles numbered row by row."""
    steps = chances(pattern, mesh).cumsum(axis=1)
    steps[:, -1] = 1
    drawn = rng.random(len(sources))
    if pattern in ("uniform", "hotspot"):
        return np.searchsorted(steps[0], drawn, side="right")
    return steps.argmax(axis=1)[sources]


def bound(pattern: str, mesh: Mesh) -> float:
    """Return the flits a tile and cycle at which the busiest link, under XY routing, or ejection
    port is full; at most 1.

    For uniform traffic on k x k tiles, k even, that is 4 / k: the links that cross the middle.
    """
    columns, tiles = mesh.columns, mesh.tiles
    table = chances(pattern, mesh)
    x, y = np.arange(tiles) % columns, np.arange(tiles) // columns
    busiest = max(1.0, table.sum(axis=0).max())
    from_x, from_y, to_x, to_y = x[:, None], y[:, None], x[None, :], y[None, :]
    for at in range(tiles):
        here_x, here_y = x[at], y[at]
        along = from_y == here_y
        column = to_x == here_x
        flows = (
            along & (from_x <= here_x) & (to_x > here_x),
            along & (from_x >= here_x) & (to_x < here_x),
            column & (from_y <= here_y) & (to_y > here_y),
            column & (from_y >= here_y) & (to_y < here_y),
        )
        busiest = max(
            busiest,
            *(table[flow].sum() for flow in map(lambda f: np.broadcast_to(f, table.shape), flows)),
        )
    return float(1 / busiest)
