"""The ports of a tile, and what they show of its inside."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import COORDINATE, SHAPE
from hw.tile.inside import FLITS, inside
from isa.instructions import Queue
from isa.machine import Machine
from isa.status import Event

__all__ = ["GATED", "VIEW", "tile_signature"]

VIEW = data.StructLayout(
    {
        "events": data.ArrayLayout(data.StructLayout({"valid": 1, "tag": 8}), len(Event)),
        "queue_state": data.ArrayLayout(3, len(Queue)),
        "queue_pc": data.ArrayLayout(16, len(Queue)),
        "wait_sem": data.ArrayLayout(5, len(Queue)),
        "matrix_active": 1,
        "matrix_operand_stall": 1,
        "matrix_drain_stall": 1,
        "vector_active": 1,
        "out_stall": 1,
        "l1_conflict": 1,
    }
)
"""What every tile shows besides its links."""


GATED = ("vector", "data", "request", "reduce")
"""Parts of a tile that can sleep: the vector engine, and the routers by network."""


def tile_signature(
    machine: Machine, *, waves: bool = False, gated: bool = False
) -> wiring.Signature:
    """Ports of a tile. Link arrays are indexed west, east, south, north (`EdgePort`).

    With `waves`, the ports of `hw.tile.inside` are there as well; with `gated`, ``awake``: bit k is
    1 if the part `GATED` [k] needs the next clock edge for what is in the tile. A router also needs
    it if a flit is offered at a port.
    """
    tile = machine.tile
    links = {}
    for network, flit in FLITS.items():
        links[f"{network}_i"] = In(stream.Signature(flit(tile))).array(4)
        links[f"{network}_o"] = Out(stream.Signature(flit(tile))).array(4)
    return wiring.Signature(
        {
            "x": In(COORDINATE),
            "y": In(COORDINATE),
            "mesh": In(SHAPE),
            **links,
            "boot_x": In(COORDINATE),
            "boot_y": In(COORDINATE),
            "boot_edge": In(2),
            "boot_address": In(28),
            "boot_words": In(16),
            "run": In(1),
            "stop": In(1),
            "expired": In(1),
            "booted": Out(1),
            "done": Out(1),
            "alive": Out(1),
            "error": Out(1),
            "probe_index": In(8),
            "probe_data": Out(32),
            "view": Out(VIEW),
            **({"awake": Out(len(GATED))} if gated else {}),
            **({name: Out(shape) for name, shape in inside(tile).items()} if waves else {}),
        }
    )
