"""Matrices in the memories of a mesh, of which a program text says what they hold."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS, decode
from isa.geometry import TileXY
from isa.instructions import Format
from programs.common.rounding import Rounding

__all__ = ["Block"]


@dataclass(frozen=True)
class Block:
    """A matrix in the L1 of some tiles, or in an HBM channel, rows a pitch of words apart."""

    line: int
    place: tuple[TileXY, ...] | int
    """Tiles, or the index of a channel."""
    title: str
    """The place, address and format as the user wrote them."""
    address: int
    fmt: Format | None
    """None: whole words, as bytes."""
    rows: int
    columns: int
    pitch: int
    word_bytes: int
    bits: NDArray[np.unsignedinteger] | None = None
    """(rows, columns) elements; a word is `word_bytes` of them."""
    rounding: Rounding = field(default_factory=Rounding)
    """What the format did to the values of the text, or of its file."""

    @property
    def dtype(self) -> np.dtype:
        """Unsigned integer type of an element, or bytes."""
        return np.dtype(np.uint8) if self.fmt is None else FORMATS[self.fmt].dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and elements of `dtype` in a row."""
        return self.rows, self.columns * (self.word_bytes if self.fmt is None else 1)

    @property
    def row_words(self) -> int:
        """Words that a row takes."""
        return -(-self.shape[1] * self.dtype.itemsize // self.word_bytes)

    @property
    def end(self) -> int:
        """The word after the last."""
        return self.address + (self.rows - 1) * self.pitch + self.row_words

    def view(self, memory: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
        """The elements in a memory's bytes, in place."""
        strides = self.pitch * self.word_bytes, self.dtype.itemsize
        return np.ndarray(self.shape, self.dtype, memory, self.address * self.word_bytes, strides)

    def special(self, bits: NDArray[np.unsignedinteger] | None) -> tuple[int, int]:
        """How many elements are NaN, and how many infinite."""
        if self.fmt is None or bits is None:
            return 0, 0
        values = decode(bits, self.fmt)
        return int(np.isnan(values).sum()), int(np.isinf(values).sum())

    def texts(self, bits: NDArray[np.unsignedinteger]) -> list[list[str]]:
        """Each element as text: a number, or the digits of a word."""
        if self.fmt is None:
            words = np.ascontiguousarray(bits).reshape(self.rows, -1, self.word_bytes)[..., ::-1]
            return [[f"0x{word.tobytes().hex()}" for word in row] for row in words]
        return [[f"{value:g}" for value in row] for row in decode(bits, self.fmt)]
