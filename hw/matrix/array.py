"""PE array of the matrix engine."""

from itertools import pairwise

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.matrix.factor import Factor
from hw.matrix.layouts import slot_layout
from hw.matrix.row import ArrayRow, connected
from isa.machine import Tile

__all__ = ["Array"]


class Array(wiring.Component):
    """matrix_rows x matrix_columns PEs, of which PE (i, j) does ``acc[bank][group][i][j] += a[i] *
    b[j]`` in a valid slot.

    The operands are decoded where they enter, once for a whole row or column. Each row of PEs has
    its own accumulator memory, with an entry of matrix_columns FP32 numbers for each column group
    of two banks: while the array works on one bank, a block of C enters or leaves the other through
    `fill` and `read`, one row's entry a cycle.

    A slot passes through decode, multiply, add and round; its sum is in the accumulators
    mac_latency cycles after it was read from there, in the third cycle of the slot. That is how far
    apart slots of a group must be. Every register is held where no valid slot passes.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    valid, slot, a, b : ``In``
        A slot with its operands; `a` changes at the first group of a step only.
    finished : ``Out(1)``
        The last sum of a block was written in the previous cycle.
    read, read_row, read_entry, read_data : ``In(1)``, ``In``, ``In``, ``Out(32 * matrix_columns)``
        Results, one cycle after the request, and held. An entry is `group`, with `bank` above it.
    fill, fill_row, fill_entry, fill_data : ``In``
        Initial values.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        self._tile = tile
        rows, columns, entries = tile.matrix_rows, tile.matrix_columns, 2 * tile.column_groups
        super().__init__(
            {
                "valid": In(1),
                "slot": In(slot_layout(tile)),
                "a": In(16).array(rows),
                "b": In(16).array(columns),
                "finished": Out(1),
                "read": In(1),
                "read_row": In(range(rows)),
                "read_entry": In(range(entries)),
                "read_data": Out(32 * columns),
                "fill": In(1),
                "fill_row": In(range(rows)),
                "fill_entry": In(range(entries)),
                "fill_data": In(32 * columns),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, slot = self._tile, self.slot
        rows, columns = tile.matrix_rows, tile.matrix_columns

        # Decode: operand registers, one set per row and per column.
        a, b = [Factor(bias=0) for _ in self.a], [Factor(bias=126) for _ in self.b]
        for i, (factor, bits) in enumerate(zip(a, self.a, strict=True)):
            m.submodules[f"a_{i}"] = once(platform, "factor_a", factor)
            load = self.valid & slot.step
            m.d.comb += [factor.load.eq(load), factor.bits.eq(bits), factor.fmt.eq(slot.fmt_a)]
        for j, (factor, bits) in enumerate(zip(b, self.b, strict=True)):
            m.submodules[f"b_{j}"] = once(platform, "factor_b", factor)
            m.d.comb += [
                factor.load.eq(self.valid),
                factor.bits.eq(bits),
                factor.fmt.eq(slot.fmt_b),
            ]

        # What the later stages know of the slot: 1 multiply, 2 add, 3 and on round and write.
        stages = 2 + tile.mac_latency
        valid = [self.valid, *(Signal(name=f"valid_{n}") for n in range(1, stages))]
        final = [
            slot.final,
            *(Signal(name=f"final_{n}", reset_less=True) for n in range(1, stages)),
        ]
        clear = [slot.clear, *(Signal(name=f"clear_{n}", reset_less=True) for n in range(1, 3))]
        entry = [
            Cat(slot.group, slot.bank),
            *(Signal(self.read_entry.shape(), name=f"entry_{n}") for n in range(1, stages)),
        ]
        for chain in (valid, final, clear, entry):
            m.d.sync += [late.eq(early) for early, late in pairwise(chain)]
        m.d.sync += self.finished.eq(valid[-1] & final[-1])

        shown_row = Signal.like(self.read_row)
        with m.If(self.read):
            m.d.sync += shown_row.eq(self.read_row)
        for i in range(rows):
            row = ArrayRow(tile=tile)
            m.submodules[f"row_{i}"] = once(platform, "row", row)
            m.d.comb += [
                *connected(row.a, a[i].o),
                *(part for j in range(columns) for part in connected(row.b[j], b[j].o)),
                row.valid.eq(Cat(valid[1:])),
                row.clear.eq(clear[2]),
                row.entry.eq(entry[2]),
                row.write_entry.eq(entry[-1]),
                row.read.eq(self.read & (self.read_row == i)),
                row.read_entry.eq(self.read_entry),
                row.fill.eq(self.fill & (self.fill_row == i)),
                row.fill_entry.eq(self.fill_entry),
                row.fill_data.eq(self.fill_data),
            ]
            with m.If(shown_row == i):
                m.d.comb += self.read_data.eq(row.read_data)
        return m
