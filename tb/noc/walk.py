"""The routes of docs/network.md in plain Python, written apart from the hardware: which branch sets can occur where."""

import itertools
from collections.abc import Iterator

from hw.layouts import Port
from isa.machine import Mesh
from tb.units.network import OPPOSITE, STEP, End, ends

__all__ = ["Rectangle", "branches", "fork_sets", "join_sets", "rectangles"]

Rectangle = tuple[int, int, int, int]
"""West column, south row, east column, north row."""


def rectangles(mesh: Mesh) -> Iterator[Rectangle]:
    """All rectangles in the mesh."""
    columns = itertools.combinations_with_replacement(range(mesh.columns), 2)
    for (x0, x1), (y0, y1) in itertools.product(columns, list(itertools.combinations_with_replacement(range(mesh.rows), 2))):
        yield x0, y0, x1, y1


def branches(mesh: Mesh, rectangle: Rectangle, x: int, y: int, port: Port) -> int:
    """Outputs, as a mask over `Port`, of a data flit that came in by `port` of router (x, y)."""
    x0, y0, x1, y1 = rectangle
    step = STEP.get(port, (0, 0))
    entered = port == Port.LOCAL or not (0 <= x + step[0] < mesh.columns and 0 <= y + step[1] < mesh.rows)
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


def fork_sets(mesh: Mesh) -> set[tuple[int, int, Port, int]]:
    """Every (x, y, input, branch set) that some flit, from some end to some rectangle, brings about."""
    found = set()
    everywhere = ends(mesh.columns, mesh.rows)
    for rectangle in rectangles(mesh):
        queue: list[End] = list(everywhere)
        known = set(queue)
        for x, y, port in queue:
            mask = branches(mesh, rectangle, x, y, port)
            found.add((x, y, port, mask))
            for out, (dx, dy) in STEP.items():
                there = (x + dx, y + dy, OPPOSITE[out])
                if mask >> out & 1 and there not in known:
                    known.add(there)
                    queue.append(there)
    return found


def joined(rectangle: Rectangle, root: tuple[int, int], x: int, y: int) -> int:
    """Inputs, as a mask over `Port`, that router (x, y) joins for a reduction; 0 if it is not on the way."""
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


def join_sets(mesh: Mesh) -> set[tuple[int, int, int]]:
    """Every (x, y, inputs joined) that some reduction, of some rectangle to some root, brings about."""
    tiles = list(itertools.product(range(mesh.columns), range(mesh.rows)))
    found = {(x, y, joined(area, root, x, y)) for area in rectangles(mesh) for root in tiles for x, y in tiles}
    return {key for key in found if key[2]}
