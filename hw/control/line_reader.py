"""Reads rows of words from L1, a line at a time and ahead of their use."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.layouts import L1Port
from isa.machine import Tile

__all__ = ["LineReader"]

LINES = 4
"""Lines read ahead. A line is in use for 3 cycles, so that 3 or more keep one word a cycle even
where rows are one word.
"""


class LineReader(wiring.Component):
    """Delivers `rows` rows of `words` words, in order.

    If L1 and the consumer are always ready, the first word is there 2 cycles after `start`, then
    one every cycle.

    Members
    -------
    start : ``In(1)``
        Begin at `address`. Not before the last word of the read before was taken.
    address, pitch, rows, words : ``In``
        L1 word of the first row, words from row to row, and the numbers of rows and of words in
        each. `address` and `rows` matter with `start`, the others from then until the last word was
        taken.
    l1 : ``Out(L1Port)``
        Reads of up to a line.
    word : ``Out(stream)``
        The words.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "start": In(1),
                "address": In(16),
                "pitch": In(10),
                "rows": In(12),
                "words": In(12),
                "l1": Out(L1Port(tile)),
                "word": Out(stream.Signature(tile.link_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        banks, width = self._tile.l1_banks, self._tile.link_bits
        line_bits = exact_log2(banks)

        # Lines that were read: a memory for each of their words, written together, and one for the
        # index of their last word.
        asked, filled, oldest = Signal(range(LINES)), Signal(range(LINES)), Signal(range(LINES))
        words = []
        for i in range(banks):
            m.submodules[f"word{i}"] = memory = Memory(shape=width, depth=LINES, init=[])
            write, read = memory.write_port(), memory.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(self.l1.rsp_valid),
                write.addr.eq(filled),
                write.data.eq(self.l1.rsp_data.word_select(i, width)),
                read.addr.eq(oldest),
            ]
            words.append(read.data)
        m.submodules.last = memory = Memory(shape=max(1, line_bits), depth=LINES, init=[])
        write_last, read_last = memory.write_port(), memory.read_port(domain="comb")

        # Walk the rows: `row` is where the current one starts, `left` what is left of it. The first
        # line is asked for at once.
        walk = data.StructLayout({"address": 16, "row": 16, "left": 12, "rows": 12})
        active, taken, release = Signal(), Signal(), Signal()
        here, kept = Signal(walk), Signal(walk)
        address, row, left, rows = here.address, here.row, here.left, here.rows
        with m.If(self.start):
            m.d.comb += [
                address.eq(self.address),
                row.eq(self.address),
                left.eq(self.words),
                rows.eq(self.rows),
            ]
        with m.Else():
            m.d.comb += here.eq(kept)
        in_use = Signal(range(LINES + 1))
        whole = left >= banks
        m.d.comb += [
            self.l1.req.valid.eq(self.start | active & (in_use != LINES)),
            self.l1.req.payload.addr.eq(address),
            self.l1.req.payload.mask.eq(Mux(whole, (1 << banks) - 1, (1 << left[:line_bits]) - 1)),
            taken.eq(self.l1.req.valid & self.l1.req.ready),
            write_last.en.eq(taken),
            write_last.addr.eq(asked),
            write_last.data.eq(Mux(whole, banks - 1, left - 1)),
        ]
        next_row = row + self.pitch
        with m.If(taken):
            m.d.sync += [asked.eq(asked + 1), active.eq(1)]
            with m.If(left > banks):
                m.d.sync += [
                    kept.eq(here),
                    kept.address.eq(address + banks),
                    kept.left.eq(left - banks),
                ]
            with m.Else():
                m.d.sync += [
                    kept.address.eq(next_row),
                    kept.row.eq(next_row),
                    kept.left.eq(self.words),
                ]
                m.d.sync += [kept.rows.eq(rows - 1), active.eq(rows != 1)]
        with m.Elif(self.start):
            m.d.sync += [kept.eq(here), active.eq(1)]
        with m.If(self.l1.rsp_valid):
            m.d.sync += filled.eq(filled + 1)

        # Deliver the oldest line word by word.
        ready_lines, word = Signal(range(LINES + 1)), Signal(line_bits)
        m.d.comb += self.word.valid.eq(ready_lines.any())
        with m.Switch(word):
            for i in range(banks):
                with m.Case(i):
                    m.d.comb += self.word.payload.eq(words[i])
        with m.If(self.word.valid & self.word.ready):
            m.d.sync += word.eq(word + 1)
            with m.If(word == read_last.data):
                m.d.comb += release.eq(1)
                m.d.sync += [word.eq(0), oldest.eq(oldest + 1)]
        m.d.comb += [read_last.addr.eq(oldest)]
        m.d.sync += [
            in_use.eq(in_use + taken - release),
            ready_lines.eq(ready_lines + self.l1.rsp_valid - release),
        ]
        return m
