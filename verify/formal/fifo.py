"""FIFO: order, no loss, no duplication, level, what is offered stays."""

from amaranth.hdl import Array, Mux, Signal

from hw.network.fifo import Fifo
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["FifoHarness", "modulo", "stored"]

_WIDTH = 8
"""Bits of an item. No decision of a FIFO looks at them."""


class FifoHarness(Harness):
    """Any producer, even one that withdraws what it offers, and any consumer; one item of the
    producer's is followed.
    """

    claims = (
        Claim(
            "order",
            "the item that was n-th in the queue is the n-th to leave: none lost, doubled, "
            "overtaken or changed",
            Fault(Fifo.elaborate, "with m.If(pop):", "with m.If(pop & ~push):"),
        ),
        Claim(
            "level",
            "it offers an item exactly when it holds one, and takes one exactly when it holds "
            "less than depth",
            Fault(
                Fifo.elaborate,
                "self.i.ready.eq(level != self.depth)",
                "self.i.ready.eq(level < self.depth - 1)",
            ),
        ),
        Claim(
            "held",
            "what is offered stays, with its payload, until it is taken",
            Fault(
                Fifo.elaborate,
                "self.o.payload.eq(read.data)",
                "self.o.payload.eq(Mux(level == 1, read.data, self.i.payload))",
            ),
        ),
        Claim("throughput", "an item in and an item out in each of 8 cycles on end", reach=True),
        Claim("full", "it fills up and runs empty again", reach=True),
    )

    def __init__(self, depth: int):
        self.name = f"fifo-{depth}"
        self.subject = f"Fifo, depth {depth}"
        self.depth = depth

    def build(self, s):
        """Follow one item from in to out."""
        m, depth = s.m, self.depth
        m.submodules.dut = dut = Fifo(shape=_WIDTH, depth=depth)
        s.free(dut.i.valid, dut.i.payload, dut.o.ready)
        push, pop = dut.i.valid & dut.i.ready, dut.o.valid & dut.o.ready

        count = Signal(range(depth + 2))
        m.d.sync += count.eq(count + push - pop)
        s.claim("level", (dut.o.valid == (count != 0)) & (dut.i.ready == (count != depth)))
        s.claim("held", s.held(dut.o))

        # Any one item is followed: how many are before it, and what it is.
        follow = s.any(1, "follow")
        following, item, before = Signal(), Signal(_WIDTH), Signal(range(depth + 2))
        with m.If(push & follow & ~following):
            m.d.sync += [following.eq(1), item.eq(dut.i.payload), before.eq(count - pop)]
        with m.Elif(following & pop):
            m.d.sync += [following.eq(before != 0), before.eq(before - 1)]
        s.claim("order", ~(following & pop & (before == 0)) | (dut.o.payload == item))

        level, read, write, items = stored(s, "dut", _WIDTH, depth)
        s.lemma((level == count) & (level <= depth))
        s.lemma((read < depth) & (write == modulo(read + level, depth)))
        s.lemma(~following | (before < count) & (items[modulo(read + before, depth)] == item))

        s.reach("throughput", s.run_of(push & pop, 8))
        filled = Signal()
        with m.If(count == depth):
            m.d.sync += filled.eq(1)
        s.reach("full", filled & (count == 0))


def stored(s, path: str, width: int, depth: int):
    """Peek at a FIFO of at most `depth` items of `width` bits: its level, read pointer, write
    pointer, and memory.
    """
    pointer = (depth - 1).bit_length()
    level = s.peek(f"{path}.level", depth.bit_length())
    read, write = (s.peek(f"{path}.{port}__addr", pointer) for port in ("read", "write"))
    return (
        level,
        read,
        write,
        Array(s.peek(f"{path}.items[{index}]", width) for index in range(depth)),
    )


def modulo(value, depth: int):
    """`value`, below twice the depth, modulo the depth."""
    return Mux(value >= depth, value - depth, value)
