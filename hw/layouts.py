"""Amaranth layouts of every payload that crosses a component's boundary: those of the contract, and
those inside a tile, whose widths are written down here.
"""

from types import new_class

from amaranth import signed, unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from isa import packets
from isa.instructions import COMMON, LAYOUTS, Bits, EdgePort, Kind
from isa.machine import Machine, Tile

__all__ = [
    "COMMON_LAYOUT",
    "COORDINATE",
    "SEM",
    "SHAPE",
    "SIGNAL",
    "WAIT",
    "L1Port",
    "L1Request",
    "command_layout",
    "data_flit",
    "operands_layout",
    "read_descriptor",
    "reduce_flit",
    "request_flit",
    "shape_of",
]

COORDINATE = unsigned(packets.COORDINATE_BITS)
SEM = unsigned(packets.SEM_BITS)
_KIND = new_class(
    "FlitKind",
    (enum.IntEnum,),
    {"shape": 2},
    lambda body: body.update(packets.FlitKind.__members__),
)
"""`isa.packets.FlitKind` as a shape: simulators and Verilog then show its names."""


def _fields(fields: tuple[Bits, ...]) -> dict:
    return {
        field.name: signed(field.width) if field.signed else unsigned(field.width)
        for field in fields
    }


COMMON_LAYOUT = data.StructLayout(_fields(COMMON))
"""The first 64 bits of an instruction."""


def operands_layout(kind: Kind) -> data.StructLayout:
    """Bits 64 and up of an instruction of this kind."""
    return data.StructLayout(_fields(LAYOUTS[kind]))


def command_layout(kind: Kind) -> data.StructLayout:
    """What a sequencer hands to its engine: the opcode, and the operands with registers already
    added to the addresses.
    """
    return data.StructLayout({"opcode": unsigned(8), **_fields(LAYOUTS[kind])})


SHAPE = data.StructLayout(
    {
        "last_x": COORDINATE,
        "last_y": COORDINATE,
        "channels": data.ArrayLayout(1 << packets.COORDINATE_BITS, len(EdgePort)),
    }
)
"""The mesh that a tile is part of: its last column and row, and for each edge at which rows or
columns there are HBM channels.
"""


def shape_of(machine: Machine) -> dict:
    """The machine's `SHAPE`, as an initial value."""
    channels = [0] * len(EdgePort)
    for channel in machine.channels:
        edge = EdgePort[channel.edge.upper()]
        along = channel.y if edge in (EdgePort.WEST, EdgePort.EAST) else channel.x
        channels[edge] |= 1 << along
    mesh = machine.mesh
    return {"last_x": mesh.columns - 1, "last_y": mesh.rows - 1, "channels": channels}


WAIT = data.StructLayout({"sem": SEM, "count": 6})
"""A request to wait until the semaphore holds `count`, and to subtract it."""

SIGNAL = data.StructLayout({"remote": 1, "sem": SEM, "x": COORDINATE, "y": COORDINATE})
"""One count for a semaphore of this tile, or with `remote` of tile (x, y)."""


def data_flit(tile: Tile) -> data.StructLayout:
    """`isa.packets.data_flit`."""
    return data.StructLayout({**_fields(packets.data_flit(tile)), "kind": _KIND})


def request_flit(tile: Tile) -> data.StructLayout:
    """`isa.packets.request_flit`."""
    return data.StructLayout(_fields(packets.request_flit(tile)))


def reduce_flit(tile: Tile) -> data.StructLayout:
    """`isa.packets.reduce_flit`."""
    return data.StructLayout(_fields(packets.reduce_flit(tile)))


def read_descriptor(tile: Tile) -> data.StructLayout:
    """`isa.packets.read_descriptor`."""
    return data.StructLayout(_fields(packets.read_descriptor(tile)))


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
