"""The stack of hardware loops of a queue."""

from amaranth import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["LoopStack"]


class LoopStack(wiring.Component):
    """Remembers of each open loop where its body starts and how many rounds are left, the current
    one included.

    Parameters
    ----------
    depth : int
        Loops that can be open, a power of two.

    Members
    -------
    enter : ``In(1)``, start : ``In(16)``, rounds : ``In(32)``
        Open a loop of `rounds` >= 1 rounds. Not while `full`.
    body_end : ``In(1)``
        The end of the innermost body was reached. Not while `empty`.
    again : ``Out(1)``, target : ``Out(16)``
        Whether the innermost body starts once more, and where.
    empty, full : ``Out(1)``
        No loop is open; no loop can be opened.
    """

    def __init__(self, *, depth: int):
        if not isinstance(depth, int) or depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two of at least 2, not {depth!r}")
        self._depth = depth
        super().__init__(
            {
                "enter": In(1),
                "start": In(16),
                "rounds": In(32),
                "body_end": In(1),
                "again": Out(1),
                "target": Out(16),
                "empty": Out(1),
                "full": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.stack = stack = Memory(
            shape=data.StructLayout({"start": 16, "left": 32}), depth=self._depth, init=[]
        )
        top, write = stack.read_port(domain="comb"), stack.write_port()
        level = Signal(range(self._depth + 1))
        m.d.comb += [
            self.empty.eq(level == 0),
            self.full.eq(level == self._depth),
            top.addr.eq(level - 1),
            self.target.eq(top.data.start),
            self.again.eq(top.data.left != 1),
        ]
        with m.If(self.enter):
            m.d.comb += [
                write.en.eq(1),
                write.addr.eq(level),
                write.data.start.eq(self.start),
                write.data.left.eq(self.rounds),
            ]
            m.d.sync += level.eq(level + 1)
        with m.Elif(self.body_end & self.again):
            m.d.comb += [
                write.en.eq(1),
                write.addr.eq(top.addr),
                write.data.start.eq(top.data.start),
                write.data.left.eq(top.data.left - 1),
            ]
        with m.Elif(self.body_end):
            m.d.sync += level.eq(level - 1)
        return m
