"""Several streams into one, fairly."""

from amaranth import Array, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Merge"]


class Merge(wiring.Component):
    """Round-robin arbiter: passes one item a cycle from any of its inputs.

    Latency 0. An input that has been offered at the output stays there until it is taken; after it,
    the others come first, so an input waits for at most one item of each other.

    Parameters
    ----------
    shape : :class:`ShapeLike`
        Shape of an item.
    inputs : int
        Number of inputs, at least 1.

    Members
    -------
    i : ``In(stream).array(inputs)``, o : ``Out(stream)``
        The streams.
    """

    def __init__(self, *, shape, inputs: int):
        if not isinstance(inputs, int) or inputs < 1:
            raise TypeError(f"Number of inputs must be a positive integer, not {inputs!r}")
        self._inputs = inputs
        super().__init__(
            {"i": In(stream.Signature(shape)).array(inputs), "o": Out(stream.Signature(shape))}
        )

    def elaborate(self, platform):
        m = Module()
        last = Signal(range(self._inputs))
        held = Signal()
        chosen = Signal(range(self._inputs))

        m.d.comb += chosen.eq(last)
        with m.If(~held), m.Switch(last):
            for previous in range(self._inputs):
                with m.Case(previous):
                    # Later assignments win: the input right after the previous one is looked at
                    # last.
                    for distance in range(self._inputs, 0, -1):
                        candidate = (previous + distance) % self._inputs
                        with m.If(self.i[candidate].valid):
                            m.d.comb += chosen.eq(candidate)

        m.d.comb += [
            self.o.payload.eq(Array([Value.cast(i.payload) for i in self.i])[chosen]),
            self.o.valid.eq(Array([i.valid for i in self.i])[chosen]),
            *[i.ready.eq((chosen == n) & self.o.ready) for n, i in enumerate(self.i)],
        ]
        m.d.sync += held.eq(self.o.valid & ~self.o.ready)
        with m.If(self.o.valid):
            m.d.sync += last.eq(chosen)
        return m
