"""Network reductions: the order in which the routers of the mesh combine the members' words.

The order is a function of rectangle and root alone. Each router combines what its inputs bring in
the fixed order local, west, east, south, north; columns flow towards the root's row, that row
towards the root.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.arithmetic import add, maximum
from golden.storage import decode, encode
from isa.geometry import STEP, Rectangle
from isa.instructions import Format, ReduceOp
from isa.packets import Port
from isa.routes import joined

__all__ = ["combine"]

Elements = NDArray[Any]  # float32, or the bits of another format


def combine(
    members: Mapping[tuple[int, int], Elements],
    rectangle: Rectangle,
    root: tuple[int, int],
    op: ReduceOp,
    fmt: Format = Format.FP32,
) -> Elements:
    """What arrives at the root when each tile of the rectangle contributes an array, all of one
    shape.

    Elements are float32 for FP32, and the bits (`golden.storage.dtype_of`) for the other formats. A
    router adds in FP32 and rounds what it sends on to the format, once. A word that meets no other
    (a rectangle of one tile) arrives with its bits unchanged.
    """

    def output(x: int, y: int) -> Elements:
        """What router (x, y) sends on."""
        parts = []
        for port in joined((x, y), rectangle, root):
            if port == Port.LOCAL:
                parts.append(members[x, y])
            else:
                dx, dy = STEP[port]
                parts.append(output(x + dx, y + dy))
        assert parts, "an input that no member feeds"
        return parts[0] if len(parts) == 1 else _join(parts, op, fmt)

    return output(*root)


def _join(parts: list[Elements], op: ReduceOp, fmt: Format) -> Elements:
    """What one router makes of what meets there, from left to right."""
    if op == ReduceOp.SUM:
        if fmt == Format.FP32:
            return reduce(add, parts)
        return encode(reduce(add, (decode(part, fmt) for part in parts)), fmt)
    if fmt == Format.FP32:
        return reduce(maximum, parts)
    # Read as sign and magnitude, as the bits of FP32 are.
    sign = 1 << 8 * parts[0].itemsize - 1
    keys = [np.where(part & sign, -1 - (part.astype(np.int32) & sign - 1), part) for part in parts]
    largest = reduce(np.maximum, keys)
    return np.where(largest < 0, (-1 - largest) | sign, largest).astype(parts[0].dtype)
