"""Program images of all tiles as arrays of instructions, and their fields."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from isa.geometry import TileXY
from isa.instructions import COMMON, LAYOUTS, Bits, Kind
from isa.machine import Machine

__all__ = ["InstructionFields", "Numbers", "Words", "words_of"]

Words = NDArray[np.uint64]
Numbers = NDArray[np.signedinteger]


class InstructionFields:
    """Fields of instructions of one kind: ``fields["m"]`` is an array."""

    def __init__(self, words: Words, kind: Kind):
        self._words = words
        self._at: dict[str, tuple[int, Bits]] = {}
        for at, layout in ((0, COMMON), (64, LAYOUTS[kind])):
            for bits in layout:
                self._at[bits.name] = at, bits
                at += bits.width

    def __getitem__(self, name: str) -> NDArray:
        at, bits = self._at[name]
        word, shift = divmod(at, 64)
        value = self._words[:, word] >> np.uint64(shift)
        if shift + bits.width > 64:
            value = value | self._words[:, word + 1] << np.uint64(64 - shift)
        value = (value & np.uint64((1 << bits.width) - 1)).astype(np.int64)
        return (
            np.where(value >> (bits.width - 1), value - (1 << bits.width), value)
            if (bits.signed)
            else value
        )

    @property
    def registers(self) -> Numbers:
        """How many registers are added."""
        named = [name for name in self._at if name.endswith("_reg")]
        return np.sum([self[name] != 0 for name in named], axis=0, dtype=np.int64)


def words_of(
    machine: Machine, images: Mapping[TileXY, Sequence[int]]
) -> tuple[list[TileXY], Numbers, Words]:
    """The tiles in their order, the instructions of each, and (all instructions, 4) words."""
    tiles = sorted(images, key=lambda tile: machine.tile_index(*tile))
    counts = np.array([len(images[tile]) for tile in tiles])
    raw = b"".join(word.to_bytes(32, "little") for tile in tiles for word in images[tile])
    return tiles, counts, np.frombuffer(raw, np.uint64).reshape(-1, 4)
