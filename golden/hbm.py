"""One HBM channel: words, and the check that an access stays inside."""

import numpy as np
from numpy.typing import NDArray

from golden.errors import GoldenFault
from isa.machine import Machine
from isa.status import ErrorCode

__all__ = ["GoldenHbmChannel"]


class GoldenHbmChannel:
    """Words of a channel; memory is allocated up to the highest word in use, what was never written
    is 0.

    Attributes
    ----------
    words
        (words, link_bits / 32) array.
    words_read, words_written
        Traffic so far.
    """

    def __init__(self, machine: Machine, contents: NDArray[np.unsignedinteger], name: str):
        data = np.ascontiguousarray(contents)
        word_bytes = machine.tile.word_bytes
        if data.nbytes % word_bytes or data.nbytes > machine.hbm.channel_bytes:
            raise ValueError(
                f"{name} must be whole words and at most the channel's capacity, not {data.nbytes} "
                "bytes"
            )
        self.words = data.reshape(-1).view(np.uint32).reshape(-1, word_bytes // 4).copy()
        self.words_read = 0
        self.words_written = 0
        self._capacity = machine.channel_words

    def read(self, address: int, pitch: int, rows: int, words: int) -> NDArray[np.uint32]:
        """A copy of rows of words, each row as its 32-bit pieces."""
        self.words_read += rows * words
        index = self._index(address, pitch, rows, words)
        return self.words[index].reshape(rows, -1)

    def write(self, address: int, pitch: int, data: NDArray[np.uint32]) -> None:
        """Write rows of words."""
        rows, words = len(data), data.shape[1] // self.words.shape[1]
        self.words_written += rows * words
        index = self._index(address, pitch, rows, words)
        self.words[index] = data.reshape(rows, words, -1)

    def _index(self, address: int, pitch: int, rows: int, words: int) -> NDArray[np.int64]:
        """Index of each word of an access; makes room for them."""
        last = address + (rows - 1) * pitch + words - 1
        if last >= self._capacity:
            raise GoldenFault(
                ErrorCode.REMOTE_ADDRESS,
                f"word {last:#x} is beyond the HBM channel's {self._capacity:#x} words",
                last,
            )
        present, lanes = self.words.shape
        if last >= present:
            more = min(self._capacity, max(last + 1, 2 * present)) - present
            self.words = np.concatenate([self.words, np.zeros((more, lanes), np.uint32)])
        return address + np.arange(rows)[:, None] * pitch + np.arange(words)
