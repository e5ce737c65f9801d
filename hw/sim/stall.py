"""Random back-pressure on a link, for meshes built to be tested."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Stall"]


class Stall(wiring.Component):
    """Passes a stream on, but refuses new items in random cycles. An item that has been offered
    stays offered.

    Latency 0 where not stalling.

    Parameters
    ----------
    shape : :class:`ShapeLike`
        Shape of an item.
    seed : int
        Makes this link's sequence different from the others'.

    Members
    -------
    i : ``In(stream)``, o : ``Out(stream)``
        The link.
    rate : ``In(8)``
        A new item is refused in `rate` of 256 cycles.
    seed : ``In(16)``
        Run-time seed, taken while `load` is 1.
    load : ``In(1)``
        Restart the sequence; nothing is refused meanwhile.
    """

    def __init__(self, *, shape, seed: int):
        self._seed = seed
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "rate": In(8),
                "seed": In(16),
                "load": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # Galois LFSR of maximal length (taps 32, 22, 2, 1); 8 steps a cycle make successive bytes
        # independent.
        state = Signal(32, init=1)
        stepped = state
        for _ in range(8):
            stepped = Cat(stepped[1:], 0) ^ Mux(stepped[0], 0x80200003, 0)
        start = (self._seed * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF | 1
        m.d.sync += state.eq(
            Mux(self.load, start ^ Cat(self.seed, self.seed) | 1 << 31, stepped[:32])
        )

        offered = Signal()
        m.d.sync += offered.eq(self.o.valid & ~self.o.ready)
        passing = self.load | offered | (state[:8] >= self.rate)
        m.d.comb += [
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & passing),
            self.i.ready.eq(self.o.ready & passing),
        ]
        return m
