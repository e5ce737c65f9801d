"""What travels between tiles: the ports of a router, and the fields of every flit.

Wide data comes first in each flit: aligned to bit 0, a simulator moves it in whole machine words.
"""

from collections.abc import Callable
from enum import IntEnum

from isa.instructions import Bits
from isa.machine import Tile

__all__ = [
    "COORDINATE_BITS",
    "FLITS",
    "SEM_BITS",
    "FlitKind",
    "Port",
    "data_flit",
    "read_descriptor",
    "reduce_flit",
    "request_flit",
]

COORDINATE_BITS = 6
"""Bits of a column or row."""
SEM_BITS = 5
"""Bits of a semaphore's number."""


class Port(IntEnum):
    """Ports of a router. On the mesh's edge, the outer port leads to an HBM channel, if there is
    one.
    """

    LOCAL = 0
    WEST = 1
    EAST = 2
    SOUTH = 3
    NORTH = 4


class FlitKind(IntEnum):
    """What an arriving data flit does."""

    WRITE = 0
    """write the payload to L1 word `addr`"""
    PROGRAM = 1
    """write the payload to program memory word `addr`"""
    SIGNAL = 2
    """nothing but its bump"""


_RECTANGLE = tuple(Bits(name, COORDINATE_BITS) for name in ("x0", "y0", "x1", "y1"))
_BUMP = (Bits("bump", 1), Bits("sem", SEM_BITS), Bits("tag", 8))


def data_flit(tile: Tile) -> tuple[Bits, ...]:
    """Data network: a word for the L1 of every tile in the rectangle, and a semaphore bump with it
    if `bump`. `kind` is a `FlitKind`.
    """
    return (Bits("data", tile.link_bits), *_RECTANGLE, Bits("kind", 2), Bits("addr", 16), *_BUMP)


def request_flit(tile: Tile) -> tuple[Bits, ...]:
    """Request network: to the HBM channel at outer port `edge` (an EdgePort) of tile (x, y).

    With `write`, `data` goes to HBM word `addr`, and if `bump` is set a SIGNAL flit with `sem` and
    `tag` returns to the rectangle (the writer alone) once it is written. Without, `data` holds a
    `read_descriptor` and the words are sent to the rectangle, the last one with the bump; as
    PROGRAM flits if `program`.
    """
    return (
        Bits("data", tile.link_bits),
        Bits("x", COORDINATE_BITS),
        Bits("y", COORDINATE_BITS),
        Bits("edge", 2),
        Bits("write", 1),
        Bits("program", 1),
        Bits("addr", 28),
        *_RECTANGLE,
        *_BUMP,
    )


def reduce_flit(tile: Tile) -> tuple[Bits, ...]:
    """Reduction network: one member's word number `seq` of the collective `tag`, combined on its
    way to the root.
    """
    return (
        Bits("data", tile.link_bits),
        *_RECTANGLE,
        Bits("root_x", COORDINATE_BITS),
        Bits("root_y", COORDINATE_BITS),
        Bits("turn", 1),
        Bits("op", 1),
        Bits("fmt", 3),
        Bits("addr", 16),
        *_BUMP,
        Bits("seq", 16),
    )


FLITS: dict[str, Callable[[Tile], tuple[Bits, ...]]] = {
    "data": data_flit,
    "request": request_flit,
    "reduce": reduce_flit,
}
"""The mesh's networks, and the flits of each."""


def read_descriptor(tile: Tile) -> tuple[Bits, ...]:
    """Shape of an HBM read, in the payload of its request: `rows` rows of `words` words, `pitch`
    apart in HBM, to L1 word `local` and on, `local_pitch` apart.
    """
    return (
        Bits("pitch", 16),
        Bits("rows", 12),
        Bits("words", 12),
        Bits("local", 16),
        Bits("local_pitch", 10),
        Bits("padding", tile.link_bits - 66),
    )
