"""Keeps the signals of issued instructions until the engine reports them done."""

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.layouts import COORDINATE, SEM, SIGNAL
from isa.instructions import SignalKind

__all__ = ["SIGNALS", "Completion"]

SIGNALS = data.StructLayout(
    {
        "sig0_on": 1,
        "sig0_sem": SEM,
        "sig1_kind": 2,
        "sig1_sem": SEM,
        "sig1_x": COORDINATE,
        "sig1_y": COORDINATE,
    }
)
"""The two signals of an instruction, as in its common fields."""


class Completion(wiring.Component):
    """A queue of instructions with the engine; sends the signals of each, in order, once it is
    done.

    A signal is offered in the cycle after `done`; an instruction without signals leaves one cycle
    after it.

    Parameters
    ----------
    depth : int
        Instructions that can be with the engine, a power of two.

    Members
    -------
    issue : ``In(1)``, signals : ``In(SIGNALS)``, pc : ``In(16)``
        An instruction enters. Not while `full`.
    instant : ``In(1)``
        With `issue`: the instruction is already complete. Only while `empty`.
    done : ``In(1)``
        The oldest instruction that was not done is done.
    stop : ``In(1)``
        Offer nothing.
    signal : ``Out(stream(SIGNAL))``
        Signals to send.
    behind : ``In(range(depth))``, executing : ``Out(16)``
        The pc of the instruction that in the cycle before was so many behind the oldest one that
        was not done; means something only if there was one.
    empty, full : ``Out(1)``
        Every instruction is done and its signals are sent; no instruction may enter.
    """

    def __init__(self, *, depth: int):
        if not isinstance(depth, int) or depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two of at least 2, not {depth!r}")
        self._depth = depth
        super().__init__(
            {
                "issue": In(1),
                "signals": In(SIGNALS),
                "pc": In(16),
                "behind": In(range(self._depth)),
                "executing": Out(16),
                "instant": In(1),
                "done": In(1),
                "stop": In(1),
                "signal": Out(stream.Signature(SIGNAL)),
                "empty": Out(1),
                "full": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = Memory(shape=SIGNALS, depth=self._depth, init=[])
        write, read = queue.write_port(), queue.read_port(domain="comb")
        level, complete = Signal(range(self._depth + 1)), Signal(range(self._depth + 1))
        first_sent, leave = Signal(), Signal()
        m.submodules.pcs = pcs = Memory(shape=16, depth=self._depth, init=[])
        write_pc, read_pc = pcs.write_port(), pcs.read_port(domain="comb")
        was_done = Signal()
        m.d.sync += was_done.eq(self.done)
        m.d.comb += [
            write_pc.en.eq(self.issue),
            write_pc.addr.eq(write.addr),
            write_pc.data.eq(self.pc),
            read_pc.addr.eq(read.addr + complete + self.behind - was_done),
            self.executing.eq(read_pc.data),
            write.en.eq(self.issue),
            write.data.eq(self.signals),
            self.empty.eq(level == 0),
            self.full.eq(level == self._depth),
        ]

        # The oldest instruction, if it is done: first signal, second signal, leave.
        oldest, out = read.data, self.signal.payload
        offer_first = oldest.sig0_on & ~first_sent
        m.d.comb += [
            out.sem.eq(oldest.sig1_sem),
            out.remote.eq(oldest.sig1_kind == SignalKind.REMOTE),
            out.x.eq(oldest.sig1_x),
            out.y.eq(oldest.sig1_y),
        ]
        with m.If(offer_first):
            m.d.comb += [out.sem.eq(oldest.sig0_sem), out.remote.eq(0)]
        with m.If(complete.any() & ~self.stop):
            m.d.comb += self.signal.valid.eq(oldest.sig0_on & ~first_sent | oldest.sig1_kind.any())
            with m.If(~self.signal.valid | self.signal.ready):
                with m.If(offer_first & oldest.sig1_kind.any()):
                    m.d.sync += first_sent.eq(1)
                with m.Else():
                    m.d.sync += first_sent.eq(0)
                    m.d.comb += leave.eq(1)

        m.d.sync += [
            level.eq(level + self.issue - leave),
            complete.eq(complete + (self.done | self.instant) - leave),
        ]
        with m.If(self.issue):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(leave):
            m.d.sync += read.addr.eq(read.addr + 1)
        return m
