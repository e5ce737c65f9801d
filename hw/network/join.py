"""Which flits at the inputs of a reduction router belong together."""

from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.float.stage import scratch
from isa.packets import Port

__all__ = ["Join"]


class Join(wiring.Component):
    """Matches the heads of the input FIFOs. Combinational but for ``mismatch``.

    Each head comes with the set of inputs its collective joins here, which is a function of the
    collective alone. A set is complete when all of its inputs hold heads with the same header.

    Two heads that carry one tag for different collectives are a mismatch: a tag stands for one at a
    time. Two different heads f at p and g at q are one too if p is in g's set and q in f's: each
    waits for a flit that is behind the other, forever. A head that waits for an input where a flit
    waits for others only (another collective, still on its way) is none. Neither can a legal
    program show one for a while: flits leave a set all at once, and one order of collectives on
    every link (docs/network.md) brings f before g, or g before f, to p as well as to q. A head at
    an input outside its own set, which no routing brings there, is a mismatch too.

    Parameters
    ----------
    header : :class:`ShapeLike`
        What must be equal in all flits that are combined.
    collective : :class:`ShapeLike`
        The part of it that a tag stands for.

    Members
    -------
    heads : ``In(struct).array(5)``
        By `Port`: ``valid``, ``header``, and of it ``collective`` and ``tag``; and the set
        ``inputs``.
    complete : ``Out(5)``
        Bit p: the set of the head at p is complete, and p is its lowest input.
    mismatch : ``Out(1)``
        There was a mismatch in the cycle before.
    mismatch_port : ``Out(5)``
        One-hot: an input at which it was, the lowest.
    """

    def __init__(self, *, header, collective):
        head = data.StructLayout(
            {"header": header, "collective": collective, "tag": 8, "inputs": len(Port), "valid": 1}
        )
        super().__init__(
            {
                "heads": In(head).array(len(Port)),
                "complete": Out(len(Port)),
                "mismatch": Out(1),
                "mismatch_port": Out(len(Port)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        ports = range(len(Port))
        heads = self.heads
        same, clash = {}, {}
        for p in ports:
            for q in range(p + 1, len(Port)):
                equal, reused = scratch(1, f"same_{p}_{q}"), Signal(name=f"reused_{p}_{q}")
                with m.If(heads[p].valid & heads[q].valid):
                    m.d.comb += [
                        equal.eq(heads[p].header == heads[q].header),
                        reused.eq(
                            (heads[p].tag == heads[q].tag)
                            & (heads[p].collective != heads[q].collective)
                        ),
                    ]
                same[p, q] = same[q, p] = equal
                waiting = heads[p].valid & heads[q].valid & heads[p].inputs[q] & heads[q].inputs[p]
                clash[p, q] = waiting & ~equal | reused

        for p in ports:
            inputs = heads[p].inputs
            others = [~inputs[q] | heads[q].valid & same[p, q] for q in ports if q > p]
            m.d.comb += self.complete[p].eq(
                heads[p].valid & (inputs[: p + 1] == 1 << p) & Cat(*others).all()
            )

        wrong = Signal(len(Port))
        for p in ports:
            clashes = Cat(clash[p, q] for q in range(p + 1, len(Port)))
            m.d.comb += wrong[p].eq(heads[p].valid & ~heads[p].inputs[p] | clashes.any())
        m.d.sync += [self.mismatch.eq(wrong != 0), self.mismatch_port.eq(wrong & -wrong)]
        return m
