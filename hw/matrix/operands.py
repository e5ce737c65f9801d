"""Operand buffers of the matrix engine: lines from L1 in, one element per row and column of the
array out.
"""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.matrix.layouts import is_narrow, slot_layout, tag_layout
from hw.matrix.line_store import LineStore
from isa.machine import Tile

__all__ = ["Operands"]


class Operands(wiring.Component):
    """Two buffers of a chunk's lines of A and B, written in the order of the chunks and read slot
    by slot.

    A has a memory per row of the array. B has one per column of the array, and line l of a chunk is
    in memory l mod matrix_columns: a slot of an untransposed B reads matrix_columns neighbours in
    the one line k, of a transposed B element k of matrix_columns lines, which are in as many
    memories. 8-bit elements, of which a chunk has half a line, leave in the upper byte of 16 bits.
    Elements of a line that were not requested are whatever L1 returned, and are never used.

    A line is readable in the cycle after it arrived; the elements of a slot are at `a` and `b` in
    the cycle after it.

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
        The slot one cycle later, with an element of 16 bits per row (held from one step of k to the
        next) and per column.
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

        # Where a line is a single word, a chunk of 8-bit elements may be in its upper half.
        line = self.line
        if tile.l1_banks == 1:
            line = Mux(tag.upper, self.line[8 * width :], self.line)

        late = self.late_slot
        m.d.sync += self.late_valid.eq(self.valid)
        with m.If(self.valid):
            m.d.sync += late.eq(slot)

        # Where in a line element k is, in units of 16 bits, and a group, in 16 bits per column; of
        # 8-bit elements that is two.
        a_narrow, a_k = Signal(), Signal.like(slot.k)
        b_narrow, b_k, group = Signal(), Signal.like(slot.k), Signal.like(slot.group)
        m.d.comb += [
            a_narrow.eq(is_narrow(late.fmt_a)),
            a_k.eq(late.k >> a_narrow),
            b_narrow.eq(is_narrow(late.fmt_b)),
            b_k.eq(late.k >> b_narrow),
            group.eq(late.group >> b_narrow),
        ]

        # A is read once per chunk: the read port keeps the line, and the buffer is free again.
        for i in range(rows):
            store = LineStore(width=width, depth=2)
            m.submodules[f"a_{i}"] = once(platform, "operand_a", store)
            m.d.comb += [
                store.write.eq(self.arrived & ~tag.b & (tag.index == i)),
                store.write_addr.eq(self.arriving),
                store.line.eq(line),
                store.read.eq(self.valid & slot.load),
                store.read_addr.eq(slot.buffer),
                store.wanted.eq(1),
                store.index.eq(a_k),
                store.upper.eq(late.k[0]),
                store.narrow.eq(a_narrow),
                self.a[i].eq(store.element),
            ]

        # So is, if B is not transposed, the line of each step.
        bits = columns.bit_length() - 1
        neighbours, small = Signal(16 * columns), Signal(8 * columns)
        m.d.comb += small.eq(
            Mux(late.group[0], neighbours[8 * columns :], neighbours[: 8 * columns])
        )
        for j in range(columns):
            store = LineStore(width=width, depth=2 * groups, slice_bits=16 * columns)
            m.submodules[f"b_{j}"] = once(platform, "operand_b", store)
            m.d.comb += [
                store.write.eq(self.arrived & tag.b & (tag.index[:bits] == j)),
                store.write_addr.eq(
                    Cat(tag.index[bits:][: (groups - 1).bit_length()], self.arriving)
                ),
                store.line.eq(line),
                store.read.eq(self.valid & (slot.transposed | (slot.step & (slot.k[:bits] == j)))),
                store.read_addr.eq(
                    Cat(Mux(slot.transposed, slot.group, slot.k[bits:]), slot.buffer)
                ),
                store.wanted.eq(late.transposed),
                store.index.eq(b_k),
                store.upper.eq(late.k[0]),
                store.narrow.eq(b_narrow),
                store.slice_wanted.eq(late.k[:bits] == j),
                store.slice_index.eq(group),
            ]
            with m.If(late.transposed):
                m.d.comb += self.b[j].eq(store.element)
            with m.Else():
                here, pair = neighbours[16 * j : 16 * j + 16], small[8 * j : 8 * j + 8]
                m.d.comb += self.b[j].eq(Mux(b_narrow, Cat(Const(0, 8), pair), here))
            with m.If(late.k[:bits] == j):
                m.d.comb += neighbours.eq(store.slice)
        return m
