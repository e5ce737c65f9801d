"""Messages: what single instructions put into the networks. A reduction is made of as many as it
has members.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from isa.geometry import TileXY

__all__ = ["Message", "Messages"]


@dataclass(slots=True)
class Message:
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


class Messages:
    """All messages, by number, and which of them belong together."""

    def __init__(self) -> None:
        self.all: list[Message] = []
        self._parents: list[int] = []

    def add(self, message: Message) -> int:
        """Number of a new message."""
        self._parents.append(len(self.all))
        self.all.append(message)
        return len(self.all) - 1

    def group(self, number: int) -> int:
        """Number that stands for all that belong together with a message."""
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
