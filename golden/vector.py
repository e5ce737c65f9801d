"""The vector engine's instructions on arrays of decoded elements; where the operands come from is
the machine's matter.
"""

import numpy as np
from numpy.typing import NDArray

from golden.arithmetic import add, exponential, from_key, order_key
from golden.storage import decode, encode
from isa.instructions import Format

__all__ = ["exp_rows", "masked_columns", "row_max", "row_sums"]

Floats = NDArray[np.float32]


def masked_columns(m: int, n: int, mask: int, mask_rows: int) -> NDArray[np.bool_]:
    """Which elements of m x n are masked: columns from `mask` on, one later every `mask_rows` rows
    (0: never).
    """
    rows = np.arange(m)
    first = mask + rows // mask_rows if mask_rows else np.full(m, mask)
    return np.arange(n) >= first[:, None]


def row_max(a: Floats, start: Floats | None, masked: NDArray[np.bool_] | None) -> Floats:
    """Maximum of `start` (default: -inf) and of the unmasked elements of each row, in the order of
    the integer keys.
    """
    keys = order_key(a)
    if masked is not None:
        # The smallest key is that of the bits 0xFFFFFFFF, so that a masked element can win only
        # against its equal.
        keys = np.where(masked, np.int32(-(1 << 31)), keys)
    first = np.full(len(a), -np.inf, np.float32) if start is None else start
    return from_key(np.max(keys, axis=1, initial=-(1 << 31)).clip(order_key(first)))


def exp_rows(
    a: Floats, b: Floats, imm: Floats, *, fmt: Format, masked: NDArray[np.bool_] | None, lanes: int
) -> tuple[NDArray[np.unsignedinteger], Floats]:
    """EXP: the bits of exp2((a - b[r]) * imm) in `fmt`, masked ones 0, and the row sums of what was
    stored.
    """
    values = exponential(a, b[:, None], imm)
    if masked is not None:
        values[masked] = 0
    bits = encode(values, fmt)
    return bits, row_sums(decode(bits, fmt), lanes)


def row_sums(values: Floats, lanes: int) -> Floats:
    """Sum of each row in the order of the hardware.

    Chunks of `lanes` columns are summed by a balanced tree, padded with +0 to a power of two; even
    chunks accumulate in one register and odd ones in another, which are added at the end.
    """
    m, n = values.shape
    chunks = -(-n // lanes)
    width = 1 << (lanes - 1).bit_length()
    padded = np.zeros((m, chunks * lanes), np.float32)
    padded[:, :n] = values
    tree = np.zeros((m, chunks, width), np.float32)
    tree[:, :, :lanes] = padded.reshape(m, chunks, lanes)
    while tree.shape[2] > 1:
        tree = add(tree[:, :, 0::2], tree[:, :, 1::2])
    even = odd = np.zeros(m, np.float32)
    for chunk in range(chunks):
        if chunk % 2:
            odd = add(odd, tree[:, chunk, 0])
        else:
            even = add(even, tree[:, chunk, 0])
    return add(even, odd)
