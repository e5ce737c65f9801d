"""The ports of all tiles of a mesh together."""

from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import data_flit, request_flit
from isa.machine import Machine
from isa.status import Event

__all__ = ["array_signature"]


def array_signature(machine: Machine, *, events: bool = False) -> wiring.Signature:
    """Ports of all tiles of a machine together; links to HBM channels in the machine's order."""
    tile, channels = machine.tile, len(machine.channels)
    kinds = machine.mesh.tiles * len(Event)
    logged = {"event_valid": Out(kinds), "event_tags": Out(8 * kinds)} if events else {}
    return wiring.Signature(
        {
            "boot_address": In(28),
            "boot_words": In(16),
            "run": In(1),
            "stop": In(1),
            "expired": In(1),
            "stall_rate": In(8),
            "stall_seed": In(16),
            "probe_target": In(14),
            "probe_index": In(8),
            "probe_data": Out(32),
            "booted": Out(1),
            "done": Out(1),
            "alive": Out(1),
            "error": Out(1),
            "request": Out(stream.Signature(request_flit(tile))).array(channels),
            "data": In(stream.Signature(data_flit(tile))).array(channels),
            **logged,
        }
    )
