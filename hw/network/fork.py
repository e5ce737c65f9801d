"""Asynchronous fork: who has not had its copy yet."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Fork"]


class Fork(wiring.Component):
    """Copies one item at a time to a set of branches, which take it independently of each other.

    Control only, the item itself stays where it is: a branch is offered the item while its bit of
    ``pending`` is 1, and has got it in the cycle in which its bit of ``taken`` is 1. A blocked
    branch delays the next item, never its siblings: that is what keeps single-flit multicasts free
    of deadlock (docs/network.md). ``pending`` does not depend on ``taken``.

    Parameters
    ----------
    branches : int
        Number of branches, at least 1.

    Members
    -------
    valid : ``In(1)``
        There is an item.
    mask : ``In(branches)``
        Branches that get it, held with the item. An empty mask: the item is dropped at once.
    pending : ``Out(branches)``
        Branches that still have to take it; 0 without an item.
    taken : ``In(branches)``
        Branches that take it in this cycle, a subset of ``pending``.
    done : ``Out(1)``
        The last branch takes it in this cycle: the item has to leave.
    """

    def __init__(self, *, branches):
        if not isinstance(branches, int) or branches < 1:
            raise TypeError(f"Number of branches must be a positive integer, not {branches!r}")
        self.branches = branches
        super().__init__(
            {
                "valid": In(1),
                "mask": In(branches),
                "pending": Out(branches),
                "taken": In(branches),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        served = Signal(self.branches)
        with m.If(self.valid):
            m.d.comb += [
                self.pending.eq(self.mask & ~served),
                self.done.eq((self.pending & ~self.taken) == 0),
            ]
            with m.If(self.done):
                m.d.sync += served.eq(0)
            with m.Else():
                m.d.sync += served.eq(served | self.taken)
        return m
