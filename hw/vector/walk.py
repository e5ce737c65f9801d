"""Addresses of the lines of a matrix in L1, and positions of the chunks of its rows."""

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from isa.instructions import Format
from isa.machine import Tile

__all__ = ["ChunkWalk", "LineWalk", "is_half", "row_words"]


def row_words(tile: Tile, elements: Value, fmt: Value) -> Value:
    """Words of a row of `elements` elements of format `fmt`."""
    size = Mux(fmt == Format.FP32, elements << 2, Mux(is_half(fmt), elements << 1, elements))
    return (size + (tile.word_bytes - 1) >> exact_log2(tile.word_bytes))[:12]


def is_half(fmt: Value) -> Value:
    """Whether elements of `fmt` are two bytes wide."""
    return (fmt == Format.FP16) | (fmt == Format.BF16)


class LineWalk(wiring.Component):
    """Walks the lines of a matrix whose rows are `words` words long and `pitch` words apart, row
    after row.

    Lines count from the start of a row, so that a row's last line may be short. ``valid``, ``addr``
    and ``mask`` come from registers; they describe the next line from the cycle after ``next``.

    Members
    -------
    start : ``In(1)``
        Begin with the values of `base`, `pitch`, `words` and `rows`; the walk is empty if `words`
        or `rows` is 0.
    base, pitch, words, rows : ``In``
        L1 word of the first row, words from row to row, words of a row, number of rows. Used with
        ``start``.
    next : ``In(1)``
        Go on to the next line. Only while ``valid``.
    valid : ``Out(1)``
        There is a line.
    addr, mask : ``Out``
        L1 word the line starts at, and which words from there are the row's.
    """

    def __init__(self, *, tile: Tile):
        self._banks = tile.l1_banks
        super().__init__(
            {
                "start": In(1),
                "base": In(16),
                "pitch": In(10),
                "words": In(12),
                "rows": In(12),
                "next": In(1),
                "valid": Out(1),
                "addr": Out(16),
                "mask": Out(tile.l1_banks),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bits = exact_log2(self._banks)
        row, pitch = Signal(16, reset_less=True), Signal(10, reset_less=True)
        words, left = Signal(12, reset_less=True), Signal(12, reset_less=True)
        rows = Signal(12, reset_less=True)

        last_line = Signal()
        following = Signal(16)
        m.d.comb += [
            last_line.eq(left <= self._banks),
            following.eq(row + pitch),
            self.mask.eq(Mux(left[bits:].any(), (1 << self._banks) - 1, (1 << left[:bits]) - 1)),
        ]
        with m.If(self.start):
            m.d.sync += [
                self.valid.eq(self.words.any() & self.rows.any()),
                self.addr.eq(self.base),
                row.eq(self.base),
                pitch.eq(self.pitch),
                words.eq(self.words),
                left.eq(self.words),
                rows.eq(self.rows),
            ]
        with m.Elif(self.next):
            with m.If(last_line):
                m.d.sync += [
                    self.valid.eq(rows != 1),
                    self.addr.eq(following),
                    row.eq(following),
                    left.eq(words),
                    rows.eq(rows - 1),
                ]
            with m.Else():
                m.d.sync += [self.addr.eq(self.addr + self._banks), left.eq(left - self._banks)]
        return m


class ChunkWalk(wiring.Component):
    """Walks `rows` rows of `columns` columns, `lanes` columns at a time; a row without columns is
    one chunk.

    Outputs come from registers, but for simple comparisons, and describe the next chunk from the
    cycle after ``next``.

    Members
    -------
    start : ``In(1)``
        Begin with the values of `columns` and `rows`.
    columns, rows : ``In(12)``
        Used with ``start``. A walk of 0 rows is one of 1 row.
    next : ``In(1)``
        Go on to the next chunk. Only while ``valid``.
    valid : ``Out(1)``
        There is a chunk.
    first, last : ``Out(1)``
        It is the first or the last of its row.
    end : ``Out(1)``
        It is the last of all.
    """

    def __init__(self, *, lanes: int):
        self._lanes = lanes
        super().__init__(
            {
                "start": In(1),
                "columns": In(12),
                "rows": In(12),
                "next": In(1),
                "valid": Out(1),
                "first": Out(1),
                "last": Out(1),
                "end": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        columns, left = Signal(12, reset_less=True), Signal(12, reset_less=True)
        rows = Signal(12, reset_less=True)
        m.d.comb += [self.last.eq(left <= self._lanes), self.end.eq(self.last & ~rows[1:].any())]
        with m.If(self.start):
            m.d.sync += [
                self.valid.eq(1),
                self.first.eq(1),
                columns.eq(self.columns),
                left.eq(self.columns),
                rows.eq(self.rows),
            ]
        with m.Elif(self.next):
            m.d.sync += [
                self.valid.eq(~self.end),
                self.first.eq(self.last),
                left.eq(Mux(self.last, columns, left - self._lanes)),
            ]
            with m.If(self.last):
                m.d.sync += rows.eq(rows - 1)
        return m
