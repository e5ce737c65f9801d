"""Program images of all tiles of a mesh as arrays, for what reads a thousand of them at once."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import BITS, Instruction, Queue

__all__ = ["ImageTable", "image_table"]


class ImageTable(NamedTuple):
    """Each instruction that occurs in some tile, once, and where it stands."""

    tiles: tuple[TileXY, ...]
    """Column and row of each tile."""
    words: NDArray[np.uint64]
    """(instructions, 4): their 256-bit words, 64 bits each, the lowest first."""
    slots: NDArray[np.int32]
    """(tiles, slots of the longest image): which instruction is in each slot; -1 for the header in
    slot 0, and beyond the end.
    """
    starts: NDArray[np.int32]
    """(tiles, 4): first slot of each queue, as in the header."""


def image_table(programs: Mapping[TileXY, Program]) -> ImageTable:
    """The images of programs. Tiles share most instructions, each of which is encoded once."""
    numbers: dict[Instruction, int] = {}
    known: dict[int, int] = {}
    longest = max(map(len, programs.values()))
    slots = np.full((len(programs), longest), -1, np.int32)
    starts = np.zeros((len(programs), len(Queue)), np.int32)
    for tile, program in enumerate(programs.values()):
        at = 1
        for queue in Queue:
            starts[tile, queue] = at
            code = program.queues[queue]
            for one in code:
                # By identity first: it is found faster than by value.
                if id(one) not in known:
                    known[id(one)] = numbers.setdefault(one, len(numbers))
            slots[tile, at : at + len(code)] = [known[id(one)] for one in code]
            at += len(code)
    raw = b"".join(one.encode().to_bytes(BITS // 8, "little") for one in numbers)
    words = np.frombuffer(raw, "<u8").reshape(len(numbers), BITS // 64)
    return ImageTable(tuple(programs), words, slots, starts)
