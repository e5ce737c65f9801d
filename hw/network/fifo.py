"""First-in first-out buffer of a stream."""

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Fifo"]


class Fifo(wiring.Component):
    """Buffers up to `depth` items, in order.

    An item is at ``o`` in the cycle after it was taken at ``i``. One item a cycle from depth 2 on.
    Nothing passes combinationally: ``i.ready`` says that the buffer is not full, ``o.valid`` that
    it is not empty, both from registers.

    The items are a memory even at depth 2: an item moves twice in its life, and a waiting one costs
    nothing.

    Parameters
    ----------
    shape : :class:`ShapeLike`
        Shape of one item.
    depth : int
        Items it can hold, at least 2.

    Members
    -------
    i : ``In(stream)``
        Items of ``shape`` to store.
    o : ``Out(stream)``
        The oldest item.

    Raises
    ------
    TypeError
        If `depth` is not an integer of at least 2.
    """

    def __init__(self, *, shape, depth):
        if not isinstance(depth, int) or depth < 2:
            raise TypeError(f"Depth of a FIFO must be an integer of at least 2, not {depth!r}")
        self.shape = shape
        self.depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.items = items = Memory(shape=self.shape, depth=self.depth, init=[])
        write = items.write_port()
        read = items.read_port(domain="comb")

        level = Signal(range(self.depth + 1))
        push, pop = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(level != self.depth),
            self.o.valid.eq(level != 0),
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            write.en.eq(push),
            write.data.eq(self.i.payload),
        ]
        with m.If(self.o.valid):
            m.d.comb += self.o.payload.eq(read.data)
        m.d.sync += level.eq(level + push - pop)
        with m.If(push):
            m.d.sync += write.addr.eq(self._after(write.addr))
        with m.If(pop):
            m.d.sync += read.addr.eq(self._after(read.addr))
        return m

    def _after(self, pointer):
        if self.depth & (self.depth - 1):
            return Mux(pointer == self.depth - 1, 0, pointer + 1)
        return pointer + 1
