"""Columns of integers in a page: differences, byte planes, deflate, base64. The page's JavaScript
decodes them again.

Neighbouring values are alike (cycles grow by small steps, headers repeat), so their differences
have upper bytes that are nearly all equal. Byte planes put these side by side, where deflate makes
next to nothing of them.
"""

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Column", "decode", "encode"]


@dataclass(frozen=True)
class Column:
    """Values of one column.

    Attributes
    ----------
    values
        Integers, shape (length,).
    steps
        Whether differences are stored: right for what grows, wrong for codes.
    """

    values: NDArray[np.int32]
    steps: bool

    @staticmethod
    def growing(values: ArrayLike) -> "Column":
        """Cycles, addresses, offsets."""
        return Column(np.asarray(values, np.int32), True)

    @staticmethod
    def codes(values: ArrayLike) -> "Column":
        """Values that have nothing to do with their neighbours."""
        return Column(np.asarray(values, np.int32), False)


def encode(column: Column) -> str:
    """Text of a column, without line breaks."""
    values = np.diff(column.values, prepend=np.int32(0)) if column.steps else column.values
    planes = np.ascontiguousarray(values, "<i4").view(np.uint8).reshape(-1, 4).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode()


def decode(text: str, steps: bool) -> NDArray[np.int32]:
    """The values of a column's text, shape (length,)."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1)
    values = np.ascontiguousarray(planes.T).view("<i4").ravel().astype(np.int32)
    return np.cumsum(values, dtype=np.int32) if steps else values
