"""What a tile shows of its inside if it is built for waveforms: its own ends of the networks, its
queues, L1 and semaphores.
"""

from amaranth import Cat, Mux, Value
from amaranth.lib import data

from hw.layouts import SEM, data_flit, read_descriptor, reduce_flit, request_flit
from isa.instructions import Queue
from isa.machine import Tile
from isa.packets import Port

__all__ = ["FLITS", "header", "header_of", "inside", "show_inside"]

FLITS = {"data": data_flit, "request": request_flit, "reduce": reduce_flit}
"""Flit layout of each network."""

LOCAL = ("data_inject", "data_eject", "request_inject", "reduce_inject", "reduce_eject")
"""What a router takes from its own tile and gives to it, by network."""


def header(network: str, tile: Tile) -> data.StructLayout:
    """What a waveform shows of a flit: all but its data; of a read request also the ``rows`` and
    ``words`` that it asks for.
    """
    fields = {name: field.shape for name, field in FLITS[network](tile) if name != "data"}
    return data.StructLayout(
        {**fields, "rows": 12, "words": 12} if network == "request" else fields
    )


def header_of(network: str, tile: Tile, flit) -> dict[str, Value]:
    """The values of `header`, of a flit."""
    values = {name: Value.cast(flit[name]) for name, _ in FLITS[network](tile) if name != "data"}
    if network == "request":
        read = data.View(read_descriptor(tile), flit.data)
        values |= {name: Mux(flit.write, 0, read[name]) for name in ("rows", "words")}
    return values


def inside(tile: Tile) -> dict[str, data.StructLayout]:
    """The ports, by name.

    The streams of `LOCAL`; of each queue what it hands to its engine; the L1 clients that asked and
    have to wait, one bit each in the order of `isa.status.L1_CLIENTS`; and every change of a
    semaphore, by a bump and by a wait.
    """
    command = {"issue": 1, "opcode": 8, "slot": 16, "done": 1}
    move = {**command, "tag": 8, "rows": 12, "words": 12}
    change = {"valid": 1, "sem": SEM, "count": tile.semaphore_bits}
    shapes = {
        **{
            name: {"valid": 1, "ready": 1, "header": header(name.split("_")[0], tile)}
            for name in LOCAL
        },
        **{
            queue.name.lower(): move if queue in (Queue.LOAD, Queue.OUT) else command
            for queue in Queue
        },
        "l1": {"waits": 6},
        "added": change,
        "taken": change,
    }
    return {f"inside_{name}": data.StructLayout(shape) for name, shape in shapes.items()}


def _show_streams(m, ports, parts):
    for name in LOCAL:
        network, end = name.split("_")
        router, port = parts.routers[network], getattr(ports, f"inside_{name}")
        stream = (router.o if end == "eject" else router.i)[Port.LOCAL]
        m.d.comb += [port.valid.eq(stream.valid), port.ready.eq(stream.ready)]
        m.d.comb += [
            port.header[field].eq(value)
            for field, value in header_of(network, parts.machine.tile, stream.payload).items()
        ]


def show_inside(m, ports, parts) -> None:
    """Drive the ports of a tile, each in the very cycle in which something happens; `parts` are
    `hw.tile.parts.Parts`.
    """
    _show_streams(m, ports, parts)
    for queue, sequencer in parts.sequencers.items():
        port, command = getattr(ports, f"inside_{queue.name.lower()}"), sequencer.command
        m.d.comb += [
            port.issue.eq(command.valid & command.ready),
            port.opcode.eq(command.payload.opcode),
            port.slot.eq(sequencer.pc),
            port.done.eq(sequencer.done),
        ]
        if queue in (Queue.LOAD, Queue.OUT):
            m.d.comb += [port[name].eq(command.payload[name]) for name in ("tag", "rows", "words")]
    m.d.comb += ports.inside_l1.waits.eq(
        Cat(port.req.valid & ~port.req.ready for port in parts.l1.ports)
    )
    for port, changed in zip(
        (ports.inside_added, ports.inside_taken), parts.semaphores.changed, strict=True
    ):
        m.d.comb += port.eq(changed)
