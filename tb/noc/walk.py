"""Which sets of branches and of inputs can occur where, by the routes of `isa.routes`."""

import itertools
from collections.abc import Iterator

from isa.geometry import OPPOSITE, STEP, Rectangle
from isa.machine import Mesh
from isa.packets import Port
from isa.routes import forked, joined, mask_of
from tb.units.network import End, ends

__all__ = ["fork_sets", "join_sets", "rectangles"]


def rectangles(mesh: Mesh) -> Iterator[Rectangle]:
    """All rectangles in the mesh."""
    columns = itertools.combinations_with_replacement(range(mesh.columns), 2)
    for (x0, x1), (y0, y1) in itertools.product(
        columns, list(itertools.combinations_with_replacement(range(mesh.rows), 2))
    ):
        yield Rectangle(x0, y0, x1, y1)


def fork_sets(mesh: Mesh) -> set[tuple[int, int, Port, int]]:
    """Every (x, y, input, branch set) that some flit, from some end to some rectangle, brings
    about.
    """
    found = set()
    everywhere = ends(mesh.columns, mesh.rows)
    for rectangle in rectangles(mesh):
        queue: list[End] = list(everywhere)
        known = set(queue)
        for x, y, port in queue:
            outputs = forked(mesh, rectangle, (x, y), port)
            found.add((x, y, port, mask_of(outputs)))
            for out, (dx, dy) in STEP.items():
                there = (x + dx, y + dy, OPPOSITE[out])
                if out in outputs and there not in known:
                    known.add(there)
                    queue.append(there)
    return found


def join_sets(mesh: Mesh) -> set[tuple[int, int, int]]:
    """Every (x, y, inputs joined) that some reduction, of some rectangle to some root, brings
    about.
    """
    tiles = list(itertools.product(range(mesh.columns), range(mesh.rows)))
    found = {
        (x, y, mask_of(joined((x, y), area, root)))
        for area in rectangles(mesh)
        for root in tiles
        for x, y in tiles
    }
    return {key for key in found if key[2]}
