"""Buffers in a tile's L1, and how large the instructions' fields let them be."""

from collections.abc import Iterable

from isa.errors import UserError
from isa.formats import FORMATS
from isa.instructions import LIMITS, Format, Kind
from isa.machine import Tile

__all__ = ["L1Buffers", "check_limits", "row_words"]


def row_words(tile: Tile, elements: int, fmt: Format) -> int:
    """Words of a row of `elements` elements."""
    return -(-elements * FORMATS[fmt].bytes // tile.word_bytes)


def check_limits(values: Iterable[tuple[str, int, Kind, str]]) -> None:
    """Check values against the fields they go to: (what it is, value, kind, field) each.

    Raises
    ------
    UserError
        If one is too large.
    """
    for what, value, kind, field in values:
        if value > LIMITS[kind, field]:
            raise UserError(
                f"{what} must be at most {LIMITS[kind, field]} for an instruction, not {value}"
            )


class L1Buffers:
    """Buffers one after the other; ``words`` is what they take in all."""

    def __init__(self, tile: Tile):
        self._banks = tile.l1_banks
        self.words = 0

    def take(self, words: int, before: int = 0) -> int:
        """Reserve a buffer that starts with a line, and `before` words below it; its first word."""
        at = -(-(self.words + before) // self._banks) * self._banks
        self.words = at + words
        return at
