"""A tile's state: L1 and semaphores."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from golden.errors import GoldenFault
from golden.storage import decode, dtype_of
from isa.instructions import Format
from isa.machine import Tile
from isa.status import ErrorCode

__all__ = ["GoldenL1", "GoldenSemaphores"]


class GoldenL1:
    """Memory of `tile.l1_words` words, zero at the start, read and written by rows of elements at a
    pitch in words.
    """

    def __init__(self, tile: Tile):
        self.word_bytes = tile.word_bytes
        self.words = tile.l1_words
        self.bytes = np.zeros(tile.l1_bytes, np.uint8)

    def check(
        self, address: int, pitch: int, rows: int, words: int, code: ErrorCode = ErrorCode.ADDRESS
    ) -> None:
        """Refuse rows of `words` words that leave the L1, as `code`."""
        if address + (rows - 1) * pitch + words <= self.words:
            return
        for row in range(rows):
            if address + row * pitch + words > self.words:
                first = max(address + row * pitch, self.words)
                raise GoldenFault(
                    code,
                    f"word {first:#x} of row {row} is beyond the L1's {self.words:#x} words",
                    first,
                )

    def view(self, address: int, pitch: int, rows: int, columns: int, dtype: np.dtype) -> NDArray:
        """The elements of `rows` rows in place; a row of no columns takes no words."""
        self.check(address, pitch, rows, -(-columns * dtype.itemsize // self.word_bytes))
        strides = (pitch * self.word_bytes, dtype.itemsize)
        if not columns:
            return np.empty((rows, 0), dtype)
        return np.ndarray((rows, columns), dtype, self.bytes, address * self.word_bytes, strides)

    def read(
        self, address: int, pitch: int, rows: int, columns: int, fmt: Format
    ) -> NDArray[np.float32]:
        """A copy of the values of a matrix."""
        return decode(self.view(address, pitch, rows, columns, dtype_of(fmt)), fmt)

    def read_packed(self, address: int, count: int) -> NDArray[np.float32]:
        """A copy of `count` packed FP32 values."""
        return self.read(address, 0, 1, count, Format.FP32)[0]

    def write(self, address: int, pitch: int, bits: NDArray[np.unsignedinteger]) -> None:
        """Write rows of elements in whole words: what is left of a row's last word becomes 0. Later
        rows win.
        """
        rows, columns = bits.shape
        each = self.word_bytes // bits.itemsize
        words = -(-columns // each)
        place = self.view(address, pitch, rows, words * each, bits.dtype)
        for part, values in zip(place, bits, strict=True) if pitch < words else ((place, bits),):
            part[..., :columns] = values
            part[..., columns:] = 0

    def write_packed(self, address: int, values: NDArray[np.float32]) -> None:
        """Write packed FP32 values, the last word filled up with 0."""
        self.write(address, 0, values.view(np.uint32)[None, :])

    def read_words(self, address: int, pitch: int, rows: int, words: int) -> NDArray[np.uint32]:
        """A copy of rows of words, each as its 32-bit pieces."""
        return self.view(
            address, pitch, rows, words * self.word_bytes // 4, np.dtype(np.uint32)
        ).copy()

    def write_words(self, address: int, pitch: int, data: NDArray[np.uint32]) -> None:
        """Write rows of words that arrived from the network.

        Raises
        ------
        Fault
            REMOTE_ADDRESS, if a word is beyond the L1.
        """
        self.check(
            address,
            pitch,
            len(data),
            data.shape[1] * 4 // self.word_bytes,
            ErrorCode.REMOTE_ADDRESS,
        )
        self.write(address, pitch, data)


class GoldenSemaphores:
    """Counting semaphores of a tile; whoever found a count too low is told when it changes."""

    def __init__(self, tile: Tile):
        self.counts = [0] * tile.semaphores
        self.most = (1 << tile.semaphore_bits) - 1
        self._waiting: dict[int, list[Callable[[], None]]] = {}

    def take(self, semaphore: int, count: int) -> bool:
        """Subtract `count`, if the semaphore holds as much."""
        if self.counts[semaphore] < count:
            return False
        self.counts[semaphore] -= count
        return True

    def call(self, semaphore: int, wake: Callable[[], None]) -> None:
        """Call `wake` once, at the next bump of the semaphore."""
        self._waiting.setdefault(semaphore, []).append(wake)

    def bump(self, semaphore: int) -> None:
        """Add one.

        Raises
        ------
        Fault
            SEMAPHORE_OVERFLOW, if the counter is full, or there is none.
        """
        if semaphore >= len(self.counts) or self.counts[semaphore] == self.most:
            raise GoldenFault(
                ErrorCode.SEMAPHORE_OVERFLOW,
                f"semaphore {semaphore} exceeds {self.most}",
                semaphore,
            )
        self.counts[semaphore] += 1
        for wake in self._waiting.pop(semaphore, ()):
            wake()
