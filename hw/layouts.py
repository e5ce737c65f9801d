"""Every payload that crosses a component's boundary: the one place where bit widths are written
down.

Wide data comes first in each layout: aligned to bit 0, a simulator moves it in whole machine words.
"""

from amaranth import signed, unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from isa.instructions import COMMON, LAYOUTS, Bits, Kind
from isa.machine import Tile

__all__ = [
    "COMMON_LAYOUT",
    "COORDINATE",
    "SEM",
    "SIGNAL",
    "WAIT",
    "FlitKind",
    "L1Port",
    "L1Request",
    "Port",
    "command_layout",
    "data_flit",
    "operands_layout",
    "read_descriptor",
    "reduce_flit",
    "request_flit",
]

COORDINATE = unsigned(6)
SEM = unsigned(5)


class Port(enum.IntEnum):
    """Ports of a router. On the mesh's edge, the outer port leads to an HBM channel, if there is
    one.
    """

    LOCAL = 0
    WEST = 1
    EAST = 2
    SOUTH = 3
    NORTH = 4


class FlitKind(enum.Enum, shape=2):
    """What an arriving data flit does."""

    WRITE = 0  # write the payload to L1 word `addr`
    PROGRAM = 1  # write the payload to program memory word `addr`
    SIGNAL = 2  # nothing but its bump


def _struct(fields: tuple[Bits, ...]) -> dict:
    return {
        field.name: signed(field.width) if field.signed else unsigned(field.width)
        for field in fields
    }


COMMON_LAYOUT = data.StructLayout(_struct(COMMON))
"""The first 64 bits of an instruction."""


def operands_layout(kind: Kind) -> data.StructLayout:
    """Bits 64 and up of an instruction of this kind."""
    return data.StructLayout(_struct(LAYOUTS[kind]))


def command_layout(kind: Kind) -> data.StructLayout:
    """What a sequencer hands to its engine: the opcode, and the operands with registers already
    added to the addresses.
    """
    return data.StructLayout({"opcode": unsigned(8), **_struct(LAYOUTS[kind])})


WAIT = data.StructLayout({"sem": SEM, "count": 6})
"""A request to wait until the semaphore holds `count`, and to subtract it."""

SIGNAL = data.StructLayout({"remote": 1, "sem": SEM, "x": COORDINATE, "y": COORDINATE})
"""One count for a semaphore of this tile, or with `remote` of tile (x, y)."""

_RECTANGLE = {"x0": COORDINATE, "y0": COORDINATE, "x1": COORDINATE, "y1": COORDINATE}
_BUMP = {"bump": 1, "sem": SEM, "tag": 8}


def data_flit(tile: Tile) -> data.StructLayout:
    """Data network: a word for the L1 of every tile in the rectangle, and a semaphore bump with it
    if `bump`.
    """
    return data.StructLayout(
        {"data": tile.link_bits, **_RECTANGLE, "kind": FlitKind, "addr": 16, **_BUMP}
    )


def request_flit(tile: Tile) -> data.StructLayout:
    """Request network: to the HBM channel at outer port `edge` (an EdgePort) of tile (x, y).

    With `write`, `data` goes to HBM word `addr`, and if `bump` is set a SIGNAL flit with `sem` and
    `tag` returns to the rectangle (the writer alone) once it is written. Without, `data` holds a
    `read_descriptor` and the words are sent to the rectangle, the last one with the bump; as
    PROGRAM flits if `program`.
    """
    return data.StructLayout(
        {
            "data": tile.link_bits,
            "x": COORDINATE,
            "y": COORDINATE,
            "edge": 2,
            "write": 1,
            "program": 1,
            "addr": 28,
            **_RECTANGLE,
            **_BUMP,
        }
    )


def read_descriptor(tile: Tile) -> data.StructLayout:
    """Shape of an HBM read, in the payload of its request: `rows` rows of `words` words."""
    fields = {"pitch": 16, "rows": 12, "words": 12, "local": 16, "local_pitch": 10}
    return data.StructLayout({**fields, "padding": tile.link_bits - 66})


def reduce_flit(tile: Tile) -> data.StructLayout:
    """Reduction network: one member's word number `seq` of the collective `tag`, combined on its
    way to the root.
    """
    return data.StructLayout(
        {
            "data": tile.link_bits,
            **_RECTANGLE,
            "root_x": COORDINATE,
            "root_y": COORDINATE,
            "turn": 1,
            "op": 1,
            "fmt": 3,
            "addr": 16,
            **_BUMP,
            "seq": 16,
        }
    )


def L1Request(tile: Tile) -> data.StructLayout:
    """An access to up to a line's worth of consecutive words: word i of `data` is L1 word `addr` +
    i, where `mask` bit i is set.
    """
    return data.StructLayout(
        {"data": tile.link_bits * tile.l1_banks, "write": 1, "addr": 16, "mask": tile.l1_banks}
    )


class L1Port(wiring.Signature):
    """A client's port to the L1.

    ``req`` is a stream of `L1Request`; for a read, ``rsp_valid`` is 1 and ``rsp_data`` holds the
    words in exactly the cycle after the transfer, and the client must take them. ``addr`` need not
    be aligned.
    """

    def __init__(self, tile: Tile):
        super().__init__(
            {
                "req": Out(stream.Signature(L1Request(tile))),
                "rsp_valid": In(1),
                "rsp_data": In(tile.link_bits * tile.l1_banks),
            }
        )
