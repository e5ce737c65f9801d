"""Classes of rectangles, and of a reduction's root as its rectangle sees it."""

from collections.abc import Mapping
from functools import cache
from itertools import product

from isa.geometry import Rectangle, TileXY
from isa.machine import Mesh
from isa.routes import reduction_tree

__all__ = ["ROOTS", "SHAPES", "places", "root_class", "shape_class"]

SHAPES = ("one tile", "part of a row", "part of a column", "rectangle", "whole mesh")
ROOTS = ("middle", "border", "beside its rows", "beside its columns", "beside both")
"""A root in the middle joins five; what is beside its rows is west or east of the rectangle."""


def shape_class(rectangle: Rectangle, mesh: Mesh) -> str:
    """One of `SHAPES`."""
    wide, high = rectangle.x1 > rectangle.x0, rectangle.y1 > rectangle.y0
    if rectangle == (0, 0, mesh.columns - 1, mesh.rows - 1) and wide and high:
        return "whole mesh"
    return SHAPES[wide + 2 * high]


def root_class(rectangle: Rectangle, root: TileXY) -> str:
    """One of `ROOTS`."""
    x0, y0, x1, y1 = rectangle
    in_columns, in_rows = x0 <= root[0] <= x1, y0 <= root[1] <= y1
    if in_columns and in_rows:
        return "middle" if len(reduction_tree(rectangle, root)[root][0]) == 5 else "border"
    return "beside its rows" if in_rows else "beside its columns" if in_columns else "beside both"


@cache
def places(mesh: Mesh) -> Mapping[tuple[str, str], list[tuple[Rectangle, TileXY]]]:
    """Every rectangle with every root, by their classes."""
    tiles = list(product(range(mesh.columns), range(mesh.rows)))
    found: dict[tuple[str, str], list[tuple[Rectangle, TileXY]]] = {}
    for (x0, y0), (x1, y1) in product(tiles, tiles):
        if x0 <= x1 and y0 <= y1:
            rectangle = Rectangle(x0, y0, x1, y1)
            shape = shape_class(rectangle, mesh)
            for root in tiles:
                found.setdefault((shape, root_class(rectangle, root)), []).append((rectangle, root))
    return found
