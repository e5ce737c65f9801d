"""Gathers results into lines: the chunks of a row of D, and the row statistics."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.float.stage import scratch
from isa.machine import Tile

__all__ = ["ChunkGather", "StatisticGather"]


class ChunkGather(wiring.Component):
    """Packs chunks of a row, in D's format, into lines.

    A chunk is 4, 2 or 1 granules of ``8 * lanes`` bits, by the width of the format.

    Members
    -------
    wide, half : ``In(1)``
        Elements are 4 or 2 bytes (else 1). Constant during an instruction.
    chunk, last : ``In(1)``
        Take a chunk; it is the last of its row.
    elements : ``In(32).array(lanes)``
        Each lane's element, in the low bits.
    full : ``Out(1)``
        The chunk completes a line, which is in ``line`` in the same cycle. Combinational from
        ``last``.
    line : ``Out.array``
        Its granules, zero where no chunk was taken.
    """

    def __init__(self, *, tile: Tile):
        self._lanes = tile.vector_lanes
        self._granule = 8 * self._lanes
        self._granules = 8 * tile.line_bytes // self._granule
        super().__init__(
            {
                "wide": In(1),
                "half": In(1),
                "chunk": In(1),
                "last": In(1),
                "elements": In(32).array(self._lanes),
                "full": Out(1),
                "line": Out(self._granule).array(self._granules),
            }
        )

    def elaborate(self, platform):
        m = Module()
        wide, half = self.wide, self.half
        at = Signal(exact_log2(self._granules))
        following = Signal(len(at) + 1)
        m.d.comb += [
            following.eq(at + Mux(wide, 4, Mux(half, 2, 1))),
            self.full.eq(following[-1] | self.last),
        ]
        with m.If(self.chunk):
            m.d.sync += at.eq(Mux(self.full, 0, following))

        words = Cat(*self.elements)
        halves = Cat(*(element[:16] for element in self.elements))
        octets = Cat(*(element[:8] for element in self.elements))
        granules = [scratch(self._granule, f"granule{q}") for q in range(4)]
        with m.If(self.chunk):
            for q, granule in enumerate(granules):
                half_chunk = halves.word_select(q % 2, self._granule)
                m.d.comb += granule.eq(
                    Mux(wide, words.word_select(q, self._granule), Mux(half, half_chunk, octets))
                )
            for i, out in enumerate(self.line):
                kept = Signal(self._granule, name=f"kept{i}", reset_less=True)
                hit = (at[2:] == i >> 2) & (
                    wide | ((at[1] == (i >> 1 & 1)) & (half | (at[0] == (i & 1))))
                )
                # What lies behind the chunk is left over from the line before.
                m.d.comb += out.eq(Mux(hit, granules[i % 4], Mux(at <= i, 0, kept)))
                with m.If(~self.full):
                    m.d.sync += kept.eq(out)
        return m


class StatisticGather(wiring.Component):
    """Packs one FP32 number after the other into lines.

    Members
    -------
    start, rows : ``In(1)``, ``In(12)``
        Begin a sequence of `rows` numbers.
    valid, value : ``In(1)``, ``In(32)``
        Take a number. Not while ``full``.
    full : ``Out(1)``
        ``line`` is complete; from a register.
    end : ``Out(1)``
        It is the last of the sequence.
    taken : ``In(1)``
        The line was taken.
    line : ``Out(32).array``
        Numbers, zero behind the last.
    """

    def __init__(self, *, tile: Tile):
        self._count = tile.line_bytes // 4
        super().__init__(
            {
                "start": In(1),
                "rows": In(12),
                "valid": In(1),
                "value": In(32),
                "full": Out(1),
                "end": Out(1),
                "taken": In(1),
                "line": Out(32).array(self._count),
            }
        )

    def elaborate(self, platform):
        m = Module()
        at, left = Signal(range(self._count)), Signal(12, reset_less=True)
        m.d.comb += self.end.eq(~left.any())
        with m.If(self.taken):
            m.d.sync += self.full.eq(0)
        with m.If(self.start):
            m.d.sync += left.eq(self.rows)
        with m.Elif(self.valid):
            m.d.sync += [
                left.eq(left - 1),
                self.full.eq((left == 1) | (at == self._count - 1)),
                at.eq(Mux(left == 1, 0, at + 1)),
            ]
            for i, number in enumerate(self.line):
                with m.If(at == i):
                    m.d.sync += number.eq(self.value)
                with m.Elif(at == 0):
                    m.d.sync += number.eq(0)
        return m
