"""Operand buffers of the matrix engine: lines from L1 in, one element per row and column of the array out."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.matrix.layouts import slot_layout, tag_layout
from isa.machine import Tile

__all__ = ["Operands"]


class Operands(wiring.Component):
    """Two buffers of a chunk's lines of A and B, written in the order of the chunks and read slot by slot.

    A has a memory per row of the array. B has one per column of the array, and line l of a chunk is in memory
    l mod matrix_columns: a slot of an untransposed B reads matrix_columns neighbours in the one line k, of a transposed B
    element k of matrix_columns lines, which are in as many memories. 8-bit elements are widened on their way in, to the
    upper byte of 16 bits. Elements of a line that were not requested are whatever L1 returned, and are never used.

    A line is readable in the cycle after it arrived; the elements of a slot are at `a` and `b` in the cycle after it.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    arrived, line, tag : ``In(1)``, ``In(8 * line_bytes)``, ``In(tag_layout(tile))``
        A line from L1, and what it is for.
    complete : ``Out(2)``
        For each buffer, whether it holds all lines of its chunk.
    arriving, lines : ``Out(1)``, ``Out(range(line_elements + 1))``
        The buffer being filled, and how many lines of B it holds; where it holds one, it holds A.
    valid, slot : ``In(1)``, ``In(slot_layout(tile))``
        The slot to read.
    free : ``In(1)``
        The slot's buffer is not needed any more.
    late_valid, late_slot, a, b : ``Out``
        The slot one cycle later, with an element of 16 bits per row (held from one step of k to the next) and per column.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        self._tile = tile
        super().__init__(
            {
                "arrived": In(1),
                "line": In(8 * tile.line_bytes),
                "tag": In(tag_layout(tile)),
                "complete": Out(2),
                "arriving": Out(1),
                "lines": Out(range(tile.line_elements + 1)),
                "valid": In(1),
                "slot": In(slot_layout(tile)),
                "free": In(1),
                "late_valid": Out(1),
                "late_slot": Out(slot_layout(tile)),
                "a": Out(16).array(tile.matrix_rows),
                "b": Out(16).array(tile.matrix_columns),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, tag, slot = self._tile, self.tag, self.slot
        rows, columns, groups = tile.matrix_rows, tile.matrix_columns, tile.column_groups
        width = tile.line_elements

        # What is here.
        with m.If(self.arrived):
            with m.If(tag.last):
                m.d.sync += [self.lines.eq(0), self.arriving.eq(~self.arriving)]
            with m.Elif(tag.b):
                m.d.sync += self.lines.eq(self.lines + 1)
        for buffer in range(2):
            with m.If(self.arrived & tag.last & (self.arriving == buffer)):
                m.d.sync += self.complete[buffer].eq(1)
            with m.Elif(self.free & (slot.buffer == buffer)):
                m.d.sync += self.complete[buffer].eq(0)

        line = Signal(16 * width)
        half = self.line.word_select(tag.upper, 8 * width)
        with m.If(tag.narrow):
            m.d.comb += line.eq(Cat(Cat(Const(0, 8), half.word_select(e, 8)) for e in range(width)))
        with m.Else():
            m.d.comb += line.eq(self.line)

        late = self.late_slot
        m.d.sync += self.late_valid.eq(self.valid)
        with m.If(self.valid):
            m.d.sync += late.eq(slot)

        # A is read once per chunk: the read port keeps the line, and the buffer is free again.
        for i in range(rows):
            m.submodules[f"a_{i}"] = store = memory.Memory(shape=16 * width, depth=2, init=[])
            write, read = store.write_port(), store.read_port()
            m.d.comb += [
                write.en.eq(self.arrived & ~tag.b & (tag.index == i)),
                write.addr.eq(self.arriving),
                write.data.eq(line),
                read.en.eq(self.valid & slot.load),
                read.addr.eq(slot.buffer),
                self.a[i].eq(read.data.word_select(late.k, 16)),
            ]

        # Untransposed, the line of step k is read once, too.
        bits = columns.bit_length() - 1
        neighbours = Signal(16 * columns)
        for j in range(columns):
            m.submodules[f"b_{j}"] = store = memory.Memory(shape=16 * width, depth=2 * groups, init=[])
            write, read = store.write_port(), store.read_port()
            m.d.comb += [
                write.en.eq(self.arrived & tag.b & (tag.index[:bits] == j)),
                write.addr.eq(Cat(tag.index[bits:][: (groups - 1).bit_length()], self.arriving)),
                write.data.eq(line),
                read.en.eq(self.valid & (slot.transposed | (slot.step & (slot.k[:bits] == j)))),
                read.addr.eq(Cat(Mux(slot.transposed, slot.group, slot.k[bits:]), slot.buffer)),
                self.b[j].eq(Mux(late.transposed, read.data.word_select(late.k, 16), neighbours.word_select(j, 16))),
            ]
            with m.If(late.k[:bits] == j):
                m.d.comb += neighbours.eq(read.data.word_select(late.group, 16 * columns))
        return m
