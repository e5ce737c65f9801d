"""Pieces: what single instructions put into the networks. A reduction is made of as many as it has
members.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from isa.geometry import TileXY

__all__ = ["Piece", "Pieces"]


@dataclass(slots=True)
class Piece:
    """What one instruction of one tile sends, or asks for.

    Attributes
    ----------
    kind
        ``load``, ``store``, ``put``, ``reduce`` or ``signal``.
    tile
        Whose instruction it is.
    issued, done
        Cycles in which the instruction was handed to its engine, and in which that was done (-1:
        not in the window).
    words
        Words that it moves, as the instruction says; -1 if that was before the window.
    sent
        Flits put in for it.
    header
        Header of the first of them.
    """

    kind: str
    tile: TileXY
    issued: int
    done: int
    tag: int
    words: int
    sent: int = 0
    header: dict[str, int] = field(default_factory=dict)


class Pieces:
    """All pieces, by number, and which of them belong together."""

    def __init__(self) -> None:
        self.all: list[Piece] = []
        self._parents: list[int] = []

    def add(self, piece: Piece) -> int:
        """Number of a new piece."""
        self._parents.append(len(self.all))
        self.all.append(piece)
        return len(self.all) - 1

    def group(self, number: int) -> int:
        """Number that stands for all that belong together with a piece."""
        while self._parents[number] != number:
            self._parents[number] = number = self._parents[self._parents[number]]
        return number

    def join(self, numbers: Iterable[int]) -> int:
        """These belong together; gives the number that stands for them, -1 if there are none."""
        groups = {self.group(number) for number in numbers}
        if not groups:
            return -1
        first = min(groups)
        for group in groups:
            self._parents[group] = first
        return first
