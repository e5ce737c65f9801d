"""Where an instruction program's data are: in each L1 a pool of numbers to read, and areas for
results.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS
from isa.instructions import Format
from isa.machine import Machine, Tile
from verify.conformance.numbers import raw_words

__all__ = ["Area", "Layout", "Section"]


class Section(NamedTuple):
    """Words with numbers of one format."""

    address: int
    words: int


@dataclass
class Area:
    """Words that results are put into, one after the other."""

    address: int
    words: int
    used: int = 0

    def take(self, words: int) -> int | None:
        """First of `words` words that nobody else has, or None where so many are not left."""
        if self.used + words > self.words:
            return None
        self.used += words
        return self.address + self.used - words


class Layout:
    """Cuts an L1 into the pool, which has a tame and a wild section of every format, and three
    areas for results.

    Attributes
    ----------
    tame, wild
        Sections of each format.
    sums
        Words with FP32 numbers that a MATMUL may accumulate upon: the matrix area as it is loaded.
    vector, matrix, arrivals
        Results of the vector and of the matrix engine, and what comes from other tiles.
    """

    def __init__(self, tile: Tile):
        self._tile = tile
        unit = tile.l1_words // 128
        self.tame: dict[Format, Section] = {}
        self.wild: dict[Format, Section] = {}
        at = 0
        for fmt in Format:
            self.tame[fmt] = Section(at, 5 * unit)
            self.wild[fmt] = Section(at + 5 * unit, 2 * unit)
            at += 7 * unit
        self.pool = Section(0, at)
        self.vector = Area(at, 28 * unit)
        self.matrix = Area(at + 28 * unit, 28 * unit)
        self.sums = Section(self.matrix.address, self.matrix.words)
        self.arrivals = Area(at + 56 * unit, 16 * unit)

    def pieces(self) -> list[Section]:
        """What is to be loaded: every section, and the matrix area in quarters. All lie at these
        words in HBM, too.
        """
        quarter = self.sums.words // 4
        return [
            *(section for fmt in Format for section in (self.tame[fmt], self.wild[fmt])),
            *(Section(self.sums.address + n * quarter, quarter) for n in range(4)),
        ]

    @property
    def words(self) -> int:
        """Words of an image that holds all pieces."""
        return self.sums.address + self.sums.words

    def image(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Contents of the pieces, and numbers between them."""
        out = np.zeros((self.words, self._tile.word_bytes), np.uint8)
        for fmt in Format:
            for wild, section in ((False, self.tame[fmt]), (True, self.wild[fmt])):
                self._put(out, rng, section, fmt, wild)
        self._put(out, rng, self.sums, Format.FP32, False)
        return out.reshape(-1)

    def _put(
        self, out: NDArray, rng: np.random.Generator, section: Section, fmt: Format, wild: bool
    ) -> None:
        count = section.words * self._tile.word_bytes // FORMATS[fmt].bytes
        content = raw_words(rng, fmt, count, wild=wild)
        out[section.address : section.address + section.words] = content.reshape(section.words, -1)


def images(machine: Machine, seed: int) -> list[NDArray[np.uint8]]:
    """HBM contents of every channel, with room behind for what is stored; different numbers in
    each.
    """
    layout = Layout(machine.tile)
    return [
        layout.image(np.random.default_rng((seed, channel.index))) for channel in machine.channels
    ]
