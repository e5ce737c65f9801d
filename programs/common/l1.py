"""Buffers in a tile's L1, and how large the instructions' fields let them be."""

from collections.abc import Callable
from typing import Any

import numpy as np

from isa.errors import UserError
from isa.formats import FORMATS
from isa.instructions import LIMITS, Format, Kind
from isa.machine import Tile

__all__ = ["L1Buffers", "row_words"]


def row_words(tile: Tile, elements: int, fmt: Format) -> int:
    """Words of a row of `elements` elements."""
    return -(-elements * FORMATS[fmt].bytes // tile.word_bytes)


class L1Buffers:
    """Buffers one after the other; ``words`` is what they take in all.

    Sizes may be arrays, for many layouts at once; ``possible`` then says which of them can be.
    """

    def __init__(self, tile: Tile):
        self._banks = tile.l1_banks
        self.words = 0
        self.possible: Any = True

    def refuse(self, wrong: Any, why: Callable[[], str]) -> None:
        """Rule out what is wrong.

        Raises
        ------
        UserError
            If it is one layout: `why`.
        """
        if isinstance(wrong, np.ndarray):
            self.possible = self.possible & ~wrong
        elif wrong:
            raise UserError(why())

    def check_limit(self, what: str, value: int, kind: Kind, field: str) -> None:
        """Check a value against the field it goes to.

        Raises
        ------
        UserError
            If it is too large.
        """
        most = LIMITS[kind, field]
        self.refuse(
            value > most, lambda: f"{what} must be at most {most} for an instruction, not {value}"
        )

    def take(self, words: int, before: int = 0) -> int:
        """Reserve a buffer that starts with a line, and `before` words below it; its first word."""
        at = -(-(self.words + before) // self._banks) * self._banks
        self.words = at + words
        return at
