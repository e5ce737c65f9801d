"""Boot: after reset a tile fetches its own program image from HBM."""

from amaranth import Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import COORDINATE, read_descriptor, request_flit
from isa.image import MAGIC
from isa.instructions import BITS, CHECKSUM, Opcode, Queue
from isa.machine import Tile

__all__ = ["BootLoader"]


class BootLoader(wiring.Component):
    """Requests the image once after reset, counts its words in, then reads the header.

    Members
    -------
    x, y : ``In(6)``
        The tile's own position, where the image is to go.
    channel_x, channel_y, channel_edge, address : ``In``
        HBM channel and word address of the image.
    words : ``In(16)``
        Words of the image, from one slot to 4095. The loader waits while it is 0.
    request : ``Out(stream)``
        One read request, answered by PROGRAM flits.
    arrived : ``In(1)``
        A word was written to program memory.
    fetch : ``Out(stream(16))``, fetch_valid, fetch_data : ``In``
        Program memory's port for slot 0.
    entries : ``Out(16).array(4)``
        First slot of each queue.
    booted : ``Out(1)``
        The image is there and its header is good. Stays 1.
    bad_header : ``Out(1)``
        The image is there and its header is not good. Stays 1.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "x": In(COORDINATE),
                "y": In(COORDINATE),
                "channel_x": In(COORDINATE),
                "channel_y": In(COORDINATE),
                "channel_edge": In(2),
                "address": In(28),
                "words": In(16),
                "request": Out(stream.Signature(request_flit(tile))),
                "arrived": In(1),
                "fetch": Out(stream.Signature(16)),
                "fetch_valid": In(1),
                "fetch_data": In(BITS),
                "entries": Out(16).array(len(Queue)),
                "booted": Out(1),
                "bad_header": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()

        shape = Signal(read_descriptor(self._tile))
        flit = self.request.payload
        m.d.comb += [
            shape.rows.eq(1),
            shape.words.eq(self.words),
            flit.x.eq(self.channel_x),
            flit.y.eq(self.channel_y),
            flit.edge.eq(self.channel_edge),
            flit.program.eq(1),
            flit.addr.eq(self.address),
            *[flit[name].eq(self.x) for name in ("x0", "x1")],
            *[flit[name].eq(self.y) for name in ("y0", "y1")],
            flit.data.eq(shape),
        ]

        missing = Signal(16)
        header = self.fetch_data
        fold = Const(0, 8)
        for at in range(0, BITS, 8):
            fold = fold ^ header[at : at + 8]
        good = (header[:8] == Opcode.HEADER) & (fold == CHECKSUM) & (header[64:96] == MAGIC)

        with m.FSM():
            with m.State("request"):
                m.d.comb += self.request.valid.eq(self.words.any())
                m.d.sync += missing.eq(self.words)
                with m.If(self.request.valid & self.request.ready):
                    m.next = "receive"
            with m.State("receive"), m.If(self.arrived):
                m.d.sync += missing.eq(missing - 1)
                with m.If(missing == 1):
                    m.next = "fetch"
            with m.State("fetch"):
                m.d.comb += self.fetch.valid.eq(1)
                with m.If(self.fetch.ready):
                    m.next = "header"
            with m.State("header"), m.If(self.fetch_valid):
                m.d.sync += [self.booted.eq(good), self.bad_header.eq(~good)]
                m.d.sync += [
                    entry.eq(header[96 + 16 * q :][:16]) for q, entry in enumerate(self.entries)
                ]
                m.next = "done"
            with m.State("done"):
                pass
        return m
