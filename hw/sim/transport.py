"""Links for simulation that let a simulator look at every tile once a cycle."""

from amaranth import ClockDomain, ClockSignal, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Transport"]


class Transport(wiring.Component):
    """A wire whose two directions are sampled at the falling clock edge.

    What is at a tile's outputs depends on registers only, so it is settled long before the falling
    edge and stays until the next rising one: sampling it in between changes no cycle. But a
    simulator that compiled the tiles apart sees a path from each tile's inputs to its outputs,
    hence loops all over the mesh, and evaluates every tile four times a cycle until they settle.
    These registers cut the loops. A mesh for synthesis is built without them.

    Both ends must have registered ``ready`` and ``valid``.

    Parameters
    ----------
    shape : :class:`ShapeLike`
        Shape of an item.

    Members
    -------
    i : ``In(stream)``, o : ``Out(stream)``
        The link.
    """

    def __init__(self, *, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        m.domains.falling = ClockDomain(clk_edge="neg", reset_less=True, local=True)
        m.d.comb += ClockSignal("falling").eq(ClockSignal())
        m.d.falling += [self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready)]
        with m.If(self.i.valid):
            m.d.falling += self.o.payload.eq(self.i.payload)
        return m
