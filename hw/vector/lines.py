"""A few lines from L1, waiting for the lanes."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["LineQueue"]

DEPTH = 4
"""Lines it can hold. One is in use for 3 cycles, from its request on, so that 3 or more keep up
with a line a cycle.
"""


class LineQueue(wiring.Component):
    """First-in first-out queue of lines, with room reserved when a line is requested.

    A line is at the head from the cycle after ``write``.

    Parameters
    ----------
    pieces, width : int
        A line is stored as `pieces` pieces of `width` bits, which a simulator moves cheaply if they
        are narrow.

    Members
    -------
    reserve : ``In(1)``
        A line was requested. Only while ``room``.
    room : ``Out(1)``
        Another line may be requested.
    reserved : ``Out``
        Lines requested and not yet popped.
    write, data : ``In``
        The oldest outstanding line arrives.
    valid, head : ``Out``
        There is a line; its pieces, from the low end up.
    pop : ``In(1)``
        The head is used up. Only while ``valid``.
    """

    def __init__(self, *, pieces: int, width: int):
        self._pieces, self._width = pieces, width
        super().__init__(
            {
                "reserve": In(1),
                "room": Out(1),
                "reserved": Out(range(DEPTH + 1)),
                "write": In(1),
                "data": In(pieces * width),
                "valid": Out(1),
                "head": Out(width).array(pieces),
                "pop": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        newest, oldest = Signal(range(DEPTH)), Signal(range(DEPTH))
        stored = Signal(range(DEPTH + 1))
        for i in range(self._pieces):
            m.submodules[f"piece{i}"] = piece = Memory(shape=self._width, depth=DEPTH, init=[])
            write, read = piece.write_port(), piece.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(self.write),
                write.addr.eq(newest),
                write.data.eq(self.data.word_select(i, self._width)),
                read.addr.eq(oldest),
                self.head[i].eq(read.data),
            ]
        m.d.comb += [self.room.eq(self.reserved != DEPTH), self.valid.eq(stored != 0)]
        with m.If(self.write):
            m.d.sync += newest.eq(newest + 1)
        with m.If(self.pop):
            m.d.sync += oldest.eq(oldest + 1)
        m.d.sync += [
            self.reserved.eq(self.reserved + self.reserve - self.pop),
            stored.eq(stored + self.write - self.pop),
        ]
        return m
