"""A matrix product twice: in float64, and in blocks of k with the hardware's precision but NumPy's
operations.
"""

import numpy as np
from numpy.typing import NDArray

from golden.arithmetic import quiet
from golden.storage import round_to
from isa.instructions import Format

__all__ = ["blocked_product", "product"]


def product(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """A b in float64, for a (batch, m, k) and b (batch, k, n)."""
    with quiet():
        return a.astype(np.float64) @ b.astype(np.float64)


def blocked_product(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    block: int,
    fmt: Format,
    o_fmt: Format | None = None,
) -> NDArray[np.float32]:
    """The same with inputs in `fmt`, sums in FP32 over blocks of `block` of k, and the result in
    `o_fmt` (default: `fmt`).
    """
    a, b = (round_to(np.asarray(x, np.float32), fmt) for x in (a, b))
    total = np.zeros((a.shape[0], a.shape[1], b.shape[2]), np.float32)
    with quiet():
        for start in range(0, a.shape[2], block):
            total += a[:, :, start : start + block] @ b[:, start : start + block]
    return round_to(total, fmt if o_fmt is None else o_fmt)
