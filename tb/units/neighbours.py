"""What surrounds a tile under test: HBM channels that answer it, and neighbours that send."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hw.layouts import read_descriptor
from isa.geometry import TileXY
from isa.instructions import LAYOUTS, Kind, Opcode
from isa.packets import FlitKind
from programs.text.listing import Listing
from tb.units.out import flits_of

__all__ = ["HbmModel", "neighbour_flits"]

Flit = dict[str, int]
_SENT = {field.name for field in LAYOUTS[Kind.MOVE]} - {"local_reg", "remote_reg"}
"""Fields of an instruction that sends, but for registers."""


class HbmModel:
    """One HBM channel: words by address, and the answers to the requests that arrive."""

    def __init__(self, listing: Listing, content: NDArray[np.uint8]):
        self._tile = listing.machine.tile
        size = self._tile.word_bytes
        self.words = {
            at: int.from_bytes(content[at * size : (at + 1) * size].tobytes(), "little")
            for at in range(len(content) // size)
        }
        """Those that were ever written."""

    def put_image(self, address: int, words: list[int]) -> int:
        """Write a program image, a 256-bit slot after the other; the words that it takes."""
        raw = b"".join(slot.to_bytes(32, "little") for slot in words)
        size = self._tile.word_bytes
        raw = raw.ljust(-(-len(raw) // size) * size, b"\0")
        for at in range(0, len(raw), size):
            self.words[address + at // size] = int.from_bytes(raw[at : at + size], "little")
        return len(raw) // size

    def answer(self, request: Flit) -> Iterator[Flit]:
        """The data flits that a request flit asks for: its words, or that it was written."""
        back = {name: request[name] for name in ("x0", "y0", "x1", "y1", "sem", "tag")}
        if request["write"]:
            self.words[request["addr"]] = request["data"]
            if request["bump"]:
                yield {**back, "kind": int(FlitKind.SIGNAL), "bump": 1}
            return
        shape = read_descriptor(self._tile).from_bits(request["data"])
        kind = FlitKind.PROGRAM if request["program"] else FlitKind.WRITE
        for row in range(shape.rows):
            for word in range(shape.words):
                last = row == shape.rows - 1 and word == shape.words - 1
                yield {
                    **back,
                    "kind": int(kind),
                    "addr": shape.local + row * shape.local_pitch + word & 0xFFFF,
                    "data": self.words.get(request["addr"] + row * shape.pitch + word, 0),
                    "bump": int(request["bump"] and last),
                }

    def content(self, words: int) -> NDArray[np.uint8]:
        """Bytes of the first words."""
        size = self._tile.word_bytes
        raw = b"".join(self.words.get(at, 0).to_bytes(size, "little") for at in range(words))
        return np.frombuffer(raw, np.uint8)


def neighbour_flits(
    listing: Listing, neighbour: TileXY, l1: NDArray[np.uint8]
) -> Iterator[tuple[str, Flit]]:
    """What a neighbour's program sends, in order: the network, and the fields of the flit.

    Raises
    ------
    ValueError
        If its program does more than PUT and REDUCE what its L1 holds from the start.
    """
    machine, size = listing.machine, listing.machine.tile.word_bytes

    def word(tile, address: int) -> int:
        return int.from_bytes(l1[address * size : (address + 1) * size].tobytes(), "little")

    for queue, code in listing.programs[neighbour].queues.items():
        for index, one in enumerate(code[:-1]):
            fields = dict(one.fields)
            if one.opcode not in (Opcode.PUT, Opcode.REDUCE) or not fields.keys() <= _SENT:
                where = listing.at(listing.lines[neighbour][queue][index])
                raise ValueError(
                    f"{where}: a neighbour of the tile under test must only put and reduce, "
                    "without waits, signals and registers"
                )
            command = {**dict.fromkeys(_SENT, 0), **fields, "opcode": int(one.opcode)}
            yield from flits_of(machine.tile, command, position=neighbour, word=word)
