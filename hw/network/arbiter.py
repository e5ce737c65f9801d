"""Round-robin arbiter that does not take an offer back."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Arbiter"]


class Arbiter(wiring.Component):
    """Chooses one of the requests, each in its turn.

    Latency 0. A chosen request stays chosen until it is ``taken``; after it, those with a higher
    index come first, then those from 0 up, so that a request waits for at most `inputs` - 1 others.
    ``grant`` does not depend on ``taken``.

    Parameters
    ----------
    inputs : int
        Number of requests, at least 1.

    Members
    -------
    request : ``In(inputs)``
        Bit i: input i has something to offer. It stays until it has been taken.
    grant : ``Out(inputs)``
        The chosen request, one-hot; 0 if there is none.
    taken : ``In(1)``
        What is offered is taken in this cycle; no meaning without a grant.
    """

    def __init__(self, *, inputs):
        if not isinstance(inputs, int) or inputs < 1:
            raise TypeError(f"Number of inputs must be a positive integer, not {inputs!r}")
        self.inputs = inputs
        super().__init__({"request": In(inputs), "grant": Out(inputs), "taken": In(1)})

    def elaborate(self, platform):
        m = Module()
        after = Signal(self.inputs)  # inputs with a higher index than the last one chosen
        locked = Signal(self.inputs)  # offered, not taken yet
        first = Signal(self.inputs)
        with m.If(self.request != 0):
            preferred = Signal(self.inputs)
            m.d.comb += [
                preferred.eq(self.request & after),
                first.eq(Mux(preferred != 0, preferred, self.request)),
                # x & -x is the lowest bit of x.
                self.grant.eq(Mux(locked != 0, locked, first & -first)),
            ]
            # g ^ -g are the bits above a one-hot g.
            m.d.sync += [
                after.eq(self.grant ^ -self.grant),
                locked.eq(Mux(self.taken, 0, self.grant)),
            ]
        return m
