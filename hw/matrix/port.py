"""The matrix engine's way to L1."""

from amaranth import Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import L1Port, L1Request
from hw.matrix.layouts import read_layout
from isa.machine import Tile

__all__ = ["MatrixPort"]


class _Client(enum.Enum, shape=2):
    DRAIN = 0
    FILL = 1
    LOAD = 2


class MatrixPort(wiring.Component):
    """Shares one L1 port between results, initial values and operands, in this order of priority.

    Results come first as they are few and free the accumulators, and operands last as they are read
    ahead. A request that was offered and refused is offered until L1 takes it.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    drain, fill, load : ``In(stream)``
        Requests: an `L1Request` that writes, and two of `read_layout`.
    fill_arrived, load_arrived, line : ``Out(1)``, ``Out(1)``, ``Out(8 * line_bytes)``
        The answer to the read granted in the previous cycle.
    l1 : ``Out(L1Port(tile))``
        Memory.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        super().__init__(
            {
                "drain": In(stream.Signature(L1Request(tile))),
                "fill": In(stream.Signature(read_layout(tile))),
                "load": In(stream.Signature(read_layout(tile))),
                "fill_arrived": Out(1),
                "load_arrived": Out(1),
                "line": Out(8 * tile.line_bytes),
                "l1": Out(L1Port(tile)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        request = self.l1.req
        client, before, refused = Signal(_Client), Signal(_Client), Signal()
        reading = Signal()  # the read granted last was for Fill
        m.d.comb += [
            client.eq(
                Mux(
                    refused,
                    before,
                    Mux(
                        self.drain.valid,
                        _Client.DRAIN,
                        Mux(self.fill.valid, _Client.FILL, _Client.LOAD),
                    ),
                )
            ),
            request.payload.data.eq(self.drain.payload.data),
            self.line.eq(self.l1.rsp_data),
            self.fill_arrived.eq(self.l1.rsp_valid & reading),
            self.load_arrived.eq(self.l1.rsp_valid & ~reading),
        ]
        m.d.sync += [
            refused.eq(request.valid & ~request.ready),
            before.eq(client),
            reading.eq(client == _Client.FILL),
        ]
        with m.Switch(client):
            for which, source in (
                (_Client.DRAIN, self.drain),
                (_Client.FILL, self.fill),
                (_Client.LOAD, self.load),
            ):
                with m.Case(which):
                    m.d.comb += [
                        request.valid.eq(source.valid),
                        request.payload.write.eq(which == _Client.DRAIN),
                        request.payload.addr.eq(source.payload.addr),
                        request.payload.mask.eq(source.payload.mask),
                        source.ready.eq(request.ready),
                    ]
        return m
