"""Load engine: asks an HBM channel for data."""

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import command_layout, read_descriptor, request_flit
from isa.instructions import Kind
from isa.machine import Tile

__all__ = ["LoadEngine"]

_SAME = ("edge", "x0", "y0", "x1", "y1", "bump", "sem", "tag")


class LoadEngine(wiring.Component):
    """Turns each LOAD into one read request; the channel answers straight into the L1s of the
    rectangle.

    The request is offered in the cycle after its command was taken; a command every other cycle.
    The instruction is done when the network took the request: its semaphore, not its completion,
    tells that the data is there.

    Members
    -------
    command : ``In(stream)``
        LOAD commands.
    request : ``Out(stream)``
        Read requests.
    done : ``Out(1)``
        In the cycle in which a request is taken.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "command": In(stream.Signature(command_layout(Kind.MOVE))),
                "request": Out(stream.Signature(request_flit(tile))),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        command, busy = Signal(command_layout(Kind.MOVE)), Signal()
        shape, flit = Signal(read_descriptor(self._tile)), self.request.payload
        m.d.comb += [
            shape.pitch.eq(command.remote_pitch),
            shape.rows.eq(command.rows),
            shape.words.eq(command.words),
            shape.local.eq(command.local),
            shape.local_pitch.eq(command.local_pitch),
            flit.x.eq(command.target_x),
            flit.y.eq(command.target_y),
            flit.addr.eq(command.remote),
            flit.data.eq(shape),
            *[flit[name].eq(command[name]) for name in _SAME],
            self.request.valid.eq(busy),
            self.command.ready.eq(~busy),
            self.done.eq(busy & self.request.ready),
        ]
        with m.If(busy):
            m.d.sync += busy.eq(~self.request.ready)
        with m.Else():
            m.d.sync += busy.eq(self.command.valid)
            with m.If(self.command.valid):
                m.d.sync += command.eq(self.command.payload)
        return m
