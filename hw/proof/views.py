"""All rectangles and roots of a mesh, as each of its routers can tell them apart."""

import numpy as np
from numpy.typing import NDArray

from isa.geometry import OPPOSITE, STEP
from isa.machine import Machine
from isa.packets import Port

__all__ = ["Bools", "Views", "from_neighbour"]


_PAIRS = ((-1, -1), (-1, 0), (-1, 1), (0, 0), (0, 1), (1, 1))
"""Signs of an interval's ends, as seen from a position."""
_ROOTS = (-1, 0, 1)

Bools = NDArray[np.bool_]


class Views:
    """One rectangle (and root) of each kind at each router, in arrays of the shape (columns, rows,
    x views, y views).

    A routing function that only compares coordinates with the router's own cannot tell two
    rectangles apart whose ends lie on the same sides: one that ends next to the router stands for
    all that end further away. So there are six intervals on an axis, and three positions of a root.

    Parameters
    ----------
    machine : Machine
        Extent of the mesh.
    roots : bool
        With all roots (inside and outside the rectangle).

    Attributes
    ----------
    x, y : NDArray
        Position of the router. Like the other coordinates, it has the length 1 on the axes it does
        not depend on.
    x0, y0, x1, y1, root_x, root_y : NDArray
        The rectangle and the root.
    exists : NDArray
        Whether they are in the mesh.
    """

    x: NDArray
    y: NDArray
    x0: NDArray
    y0: NDArray
    x1: NDArray
    y1: NDArray
    root_x: NDArray
    root_y: NDArray

    def __init__(self, machine: Machine, *, roots: bool):
        signs = np.array([(*pair, root) for pair in _PAIRS for root in (_ROOTS if roots else (0,))])
        exists = []
        for name, length, shape in (
            ("x", machine.mesh.columns, (-1, 1, len(signs), 1)),
            ("y", machine.mesh.rows, (1, -1, 1, len(signs))),
        ):
            place = np.arange(length)[:, None]
            low, high, root = (place + signs[:, i] for i in range(3))
            for field, values in ((f"{name}0", low), (f"{name}1", high), (f"root_{name}", root)):
                setattr(self, field, values.reshape(shape))
            setattr(self, name, place.reshape(*shape[:2], 1, 1))
            exists.append(
                ((low >= 0) & (high < length) & (root >= 0) & (root < length)).reshape(shape)
            )
        self.exists: Bools = exists[0] & exists[1]
        # What a view can become one place further on: what lies ahead may be met, all else is
        # behind.
        self._next = {}
        for step in (-1, 1):
            ahead = (step * signs > 0)[:, None]
            then = (step * signs)[None]
            self._next[step] = np.where(ahead, then >= 0, then < 0).all(axis=2).astype(np.float32)

    def all(self, what) -> Bools:
        """`what` in the full shape, False where nothing exists."""
        return what & self.exists

    def some(self, what) -> Bools:
        """Tiles (columns, rows) for which `what` is true in some view."""
        return self.all(what).any(axis=(2, 3))

    def seen(self, what: Bools, port: Port) -> Bools:
        """`what` at each router, as the router beyond its `port` sees it: there, in all views of
        what is the same for both.
        """
        dx, dy = STEP[port]
        axis = 2 if dx else 3
        moved = (
            np.moveaxis(
                np.tensordot(what.astype(np.float32), self._next[dx or dy], axes=(axis, 0)),
                -1,
                axis,
            )
            > 0
        )
        return from_neighbour(moved, OPPOSITE[port]) & self.exists


def from_neighbour(what: Bools, port: Port) -> Bools:
    """`what` (columns, rows, ...) of the neighbour at `port`, False where there is none."""
    moved = np.zeros_like(what)
    here = tuple(slice(max(-step, 0), -step if step > 0 else None) for step in STEP[port])
    there = tuple(slice(max(step, 0), step if step < 0 else None) for step in STEP[port])
    moved[here] = what[there]
    return moved
