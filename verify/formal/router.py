"""Routers of the data and request networks: every copy once and in order, offers held, no flit
waits for ever.

What outputs a flit needs is left open: it carries them itself, any set that routing may give
(`verify.formal.route` proves what that is). So the proofs hold for any header, position and mesh,
and the solver need not compare coordinates.
"""

from amaranth.hdl import Array, Cat, Mux, Signal
from amaranth.lib import data

from hw.network.arbiter import Arbiter
from hw.network.fork import Fork
from hw.network.router import Router, _Unicast
from isa.machine import MACHINES, Mesh
from isa.packets import Port
from verify.formal.fifo import modulo, stored
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["NUMBER", "MulticastRouterHarness", "RouterHarness", "UnicastRouterHarness", "router"]

NUMBER = 3
"""Bits of the numbers of flits; more are never inside."""


class _AnyRoute(Router):
    """The router itself, for flits that carry the outputs they need."""

    def _branches(self, flit, port):
        return flit.needs


def router(*, multicast: bool, depth: int) -> tuple[Router, data.StructLayout]:
    """Return a router whose flits are: the input they came by, a number, the outputs they need; and
    the flits' layout.
    """
    nothing = dict.fromkeys(("x0", "y0", "x1", "y1") if multicast else ("x", "y", "edge"), 0)
    payload = data.StructLayout({"number": NUMBER, "source": 3, "needs": len(Port), **nothing})
    machine = MACHINES["tiny"].model_copy(
        update={"mesh": Mesh(columns=4, rows=4, fifo_depth=depth)}
    )
    return _AnyRoute(machine=machine, payload=payload, multicast=multicast), payload


class RouterHarness(Harness):
    """Any flits from all sides, any back-pressure.

    One input and one output are chosen, any two. The flits of that input that need that output are
    numbered as they come in.
    """

    multicast: bool

    def __init__(self, depth: int):
        kind = "multicast" if self.multicast else "unicast"
        self.name = f"{kind}-router-{depth}"
        self.subject = f"Router, {kind}, FIFO depth {depth}"
        self.depth = depth

    def build(self, s):
        """Number the flits of one input for one output, and count them as they leave."""
        m = s.m
        self.out = out = s.constant(3, "out")
        s.assume(out < len(Port))
        number = self.place(s)
        dut, source, expected = self.dut, self.source, Signal(NUMBER)
        for port in Port:
            s.free(dut.o[port].ready)

        # Everything that leaves by the chosen output and came by the chosen input.
        offers = Array(Cat(o.valid & (o.payload.source == source)) for o in dut.o)[out]
        leaves = Signal()
        m.d.comb += leaves.eq(offers & Array(o.ready for o in dut.o)[out])
        flit = Array(o.payload.as_value() for o in dut.o)[out]
        view = data.View(self.payload, Signal(self.payload.size, name="leaving"))
        m.d.comb += view.as_value().eq(flit)
        with m.If(leaves):
            m.d.sync += expected.eq(expected + 1)
        s.claim(
            "once",
            ~leaves
            | view.needs.bit_select(out, 1) & (view.number == expected) & (number != expected),
        )
        s.claim("held", Cat(s.held(o) for o in dut.o).all())

        ready = Cat(o.ready for o in dut.o).all()
        alone = Signal(init=1)
        others = Cat(i.valid & (source != port) for port, i in zip(Port, dut.i, strict=True)).any()
        still = Signal()
        m.d.comb += still.eq(alone & ready & ~others)
        m.d.sync += alone.eq(still)
        s.claim("flow", ~still | Array(i.ready for i in dut.i)[source])

        requests = self.lemmas(s, number, expected, alone)
        s.claim(
            "busy",
            Cat(
                o.valid == Cat(requests[port]).any() for port, o in zip(Port, dut.o, strict=True)
            ).all(),
        )
        outputs = [
            o for port, o in zip(Port, dut.o, strict=True) if self.multicast or port != Port.LOCAL
        ]
        s.reach("throughput", s.run_of(Cat(o.valid & o.ready for o in outputs).all(), 4))

    def place(self, s) -> Signal:
        """Place the router, choose an input, number its flits that need the chosen output; return
        the next number.
        """
        m = s.m
        self.dut, self.payload = router(multicast=self.multicast, depth=self.depth)
        m.submodules.dut = self.dut
        self.source = s.constant(3, "source")
        s.assume(self.source < len(Port))
        number = Signal(NUMBER)
        for port, i in zip(Port, self.dut.i, strict=True):
            s.free(i.valid, i.payload)
            chosen = (self.source == port) & i.payload.needs.bit_select(self.out, 1)
            s.assume((i.payload.source == port) & (~chosen | (i.payload.number == number)))
            s.assume(self.legal(i.payload, port))
            with m.If(chosen & i.valid & i.ready):
                m.d.sync += number.eq(number + 1)
        return number

    def legal(self, flit, port: Port):
        """What routing gives a flit that came by this port (proved of the routes)."""
        if self.multicast:
            return 1 if port == Port.LOCAL else ~flit.needs[port]
        one = (flit.needs != 0) & ((flit.needs & (flit.needs - 1)) == 0)
        return one & ~flit.needs[Port.LOCAL] & ~flit.needs[port]

    def lemmas(self, s, number, expected, alone):
        """State what holds of the FIFOs, the forks and the arbiters. Returns, by output, who at the
        head of a FIFO needs it.
        """
        m, depth = s.m, self.depth
        requests = {port: [] for port in Port}
        for port in Port:
            name = port.name.lower()
            level, read, write, items = stored(s, f"dut.fifo_{name}", self.payload.size, depth)
            s.lemma((level <= depth) & (read < depth) & (write == modulo(read + level, depth)))
            served = (
                s.peek(f"dut.fork_{name}.served", len(Port))
                if self.multicast
                else Signal(len(Port), name=f"none_{name}")
            )
            left, pending = expected, []
            for index in range(depth):
                flit = data.View(self.payload, Signal(self.payload.size, name=f"{name}_{index}"))
                m.d.comb += flit.as_value().eq(items[modulo(read + index, depth)])
                here, needs = level > index, flit.needs
                if index == 0:
                    s.lemma((served & Mux(here, ~needs, -1)) == 0)
                    needs = needs & ~served
                    pending = Mux(here, needs, 0)
                wants = Signal(name=f"wants_{name}_{index}")
                m.d.comb += wants.eq(here & needs.bit_select(self.out, 1))
                s.lemma(~here | (flit.source == port) & self.legal(flit, port))
                s.lemma(~wants | (self.source != port) | (flit.number == left[:NUMBER]))
                left = left + wants
            s.lemma((self.source != port) | (number == left[:NUMBER]))
            for output in Port:
                requests[output].append(pending[output])
            s.lemma(~alone | Mux(self.source == port, (level <= 1) & (served == 0), level == 0))
        for port in Port:
            sources = [source for source in Port if self.dut._possible(source, port)]
            if not sources:
                continue
            locked = s.peek(f"dut.arbiter_{port.name.lower()}.locked", len(sources))
            s.lemma((locked & (locked - 1)) == 0)
            s.lemma((locked & ~Cat(requests[port][source] for source in sources)) == 0)
            s.lemma(~alone | (locked == 0))
        return requests


_SHARED = {
    "once": (
        "what an input's flits need of an output leaves there once each, in order, and nothing "
        "else does"
    ),
    "held": "what an output offers stays, with its payload, until it is taken",
    "busy": (
        "an output offers exactly when a flit at the head of a FIFO still needs it: none idles, "
        "whatever the others do"
    ),
    "flow": (
        "an input that is alone is never refused if all outputs take: a flit a cycle, however "
        "many copies"
    ),
}
_UNLOCKED = Fault(Arbiter.elaborate, "locked.eq(Mux(self.taken, 0, self.grant))", "locked.eq(0)")


class UnicastRouterHarness(RouterHarness):
    """Router of the request network: each flit needs one output."""

    multicast = False
    claims = (
        Claim(
            "once",
            _SHARED["once"],
            Fault(_Unicast.elaborate, "self.taken != 0", "self.pending != 0"),
        ),
        Claim("held", _SHARED["held"], _UNLOCKED),
        Claim(
            "busy",
            _SHARED["busy"],
            Fault(Router.elaborate, "arbiter.request != 0", "arbiter.request[1:] != 0"),
        ),
        Claim(
            "flow",
            _SHARED["flow"],
            Fault(_Unicast.elaborate, "self.taken != 0", "self.taken[2:] != 0"),
        ),
        Claim(
            "throughput",
            "a flit by each of the four outputs in each of 4 cycles on end",
            reach=True,
        ),
    )


class MulticastRouterHarness(RouterHarness):
    """Router of the data network: each flit needs any set of outputs."""

    multicast = True
    claims = (
        Claim(
            "once",
            _SHARED["once"],
            Fault(Fork.elaborate, "served.eq(served | self.taken)", "served.eq(self.taken)"),
        ),
        Claim("held", _SHARED["held"], _UNLOCKED),
        Claim(
            "busy",
            _SHARED["busy"],
            Fault(Router.elaborate, "arbiter.request != 0", "arbiter.request[1:] != 0"),
        ),
        Claim(
            "flow",
            _SHARED["flow"],
            Fault(Fork.elaborate, "(self.pending & ~self.taken) == 0", "self.pending == 0"),
        ),
        Claim(
            "throughput",
            "a flit by each of the five outputs in each of 4 cycles on end",
            reach=True,
        ),
    )
