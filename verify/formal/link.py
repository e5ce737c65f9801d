"""A link, end to end: a router's output, whatever holds it up on its way, and the next router's
FIFO.
"""

from amaranth.hdl import Const, Signal
from amaranth.lib import data, wiring

from hw.network.fifo import Fifo
from hw.network.fork import Fork
from hw.sim.stall import Stall
from isa.packets import Port
from verify.formal.fifo import modulo, stored
from verify.formal.harness import Claim, Fault
from verify.formal.router import NUMBER, RouterHarness

__all__ = ["LinkHarness"]

_DEPTH = 2


class LinkHarness(RouterHarness):
    """Any flits into a multicast router from all sides; its EAST output goes through a `Stall` into
    the next router's FIFO.

    An input is chosen, any one, and its flits that need EAST are numbered as they come in.
    """

    multicast = True
    claims = (
        Claim(
            "once",
            "what an input sends over the link leaves the next router's FIFO once each, in "
            "order, and nothing else does",
            Fault(
                Stall.elaborate,
                "self.i.ready.eq(self.o.ready & passing)",
                "self.i.ready.eq(self.o.ready)",
            ),
        ),
        Claim(
            "once, forked",
            "the same, with the fault in the fork",
            Fault(Fork.elaborate, "served.eq(served | self.taken)", "served.eq(self.taken)"),
        ),
        Claim(
            "held",
            "what the next router is offered stays, with its payload, until it is taken",
            Fault(Stall.elaborate, "self.load | offered |", "self.load |"),
        ),
        Claim("throughput", "a flit in each of 8 cycles on end, all from one input", reach=True),
    )

    def __init__(self):
        super().__init__(2)
        self.name = "link"
        self.subject = "Router (multicast, depth 2), Stall, Fifo (depth 2)"

    def build(self, s):
        """Number the flits of one input, and count them as they leave the next router's FIFO."""
        m = s.m
        self.out = Const(Port.EAST, 3)
        number = self.place(s)
        m.submodules.stall = stall = Stall(shape=self.payload, seed=1)
        m.submodules.next = fifo = Fifo(shape=self.payload, depth=_DEPTH)
        wiring.connect(m, self.dut.o[Port.EAST], stall.i)
        wiring.connect(m, stall.o, fifo.i)
        s.free(stall.rate, stall.seed, stall.load, fifo.o.ready)
        s.free(*(o.ready for port, o in zip(Port, self.dut.o, strict=True) if port != Port.EAST))

        # The next number to come out of the router, and out of the FIFO.
        crossing, expected = Signal(NUMBER), Signal(NUMBER)
        with m.If(fifo.i.valid & fifo.i.ready & (fifo.i.payload.source == self.source)):
            m.d.sync += crossing.eq(crossing + 1)
        leaves = fifo.o.valid & fifo.o.ready & (fifo.o.payload.source == self.source)
        with m.If(leaves):
            m.d.sync += expected.eq(expected + 1)
        last = fifo.o.payload
        once = ~leaves | last.needs[Port.EAST] & (last.number == expected) & (number != expected)
        s.claim("once", once)
        s.claim("once, forked", once)
        s.claim("held", s.held(fifo.i))
        s.reach("throughput", s.run_of(leaves, 8))

        self.lemmas(s, number, crossing, Const(0, 1))
        s.lemma(s.peek("stall.offered", 1) == s.before(stall.o.valid & ~stall.o.ready))
        level, read, write, items = stored(s, "next", self.payload.size, _DEPTH)
        s.lemma((level <= _DEPTH) & (read < _DEPTH) & (write == modulo(read + level, _DEPTH)))
        left = expected
        for index in range(_DEPTH):
            flit = data.View(self.payload, Signal(self.payload.size, name=f"next_{index}"))
            m.d.comb += flit.as_value().eq(items[modulo(read + index, _DEPTH)])
            chosen = Signal(name=f"chosen_{index}")
            m.d.comb += chosen.eq((level > index) & (flit.source == self.source))
            s.lemma(~chosen | flit.needs[Port.EAST] & (flit.number == left[:NUMBER]))
            left = left + chosen
        s.lemma(crossing == left[:NUMBER])
