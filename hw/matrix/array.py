"""PE array of the matrix engine."""

from itertools import pairwise

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.matrix.grid import PeGrid
from hw.matrix.layouts import slot_layout
from isa.machine import Tile

__all__ = ["Array"]


class Array(wiring.Component):
    """matrix_rows x matrix_columns PEs, of which PE (i, j) does ``acc[bank][group][i][j] += a[i] *
    b[j]`` in a valid slot.

    The operands are decoded where they enter, once for a whole row or column. Each PE keeps its
    accumulators, an FP32 number for each column group of two banks: while the array works on one
    bank, a block of C enters or leaves the other through `fill` and `read`, one row's entry a
    cycle. Copies are in the `PeGrid`; here is what all of them are told.

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
        m.submodules.grid = once(platform, "grid", grid := PeGrid(tile=tile))

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

        m.d.comb += [
            grid.load_a.eq(self.valid & slot.step),
            grid.load_b.eq(self.valid),
            *[into.eq(out) for into, out in zip(grid.a, self.a, strict=True)],
            *[into.eq(out) for into, out in zip(grid.b, self.b, strict=True)],
            grid.fmt_a.eq(slot.fmt_a),
            grid.fmt_b.eq(slot.fmt_b),
            grid.valid.eq(Cat(valid[1:])),
            grid.clear.eq(clear[2]),
            grid.entry.eq(entry[2]),
            grid.write_entry.eq(entry[-1]),
            grid.read_entry.eq(self.read_entry),
            self.read_data.eq(grid.read_data),
            grid.fill_entry.eq(self.fill_entry),
            grid.fill_data.eq(self.fill_data),
        ]
        with m.If(self.read):
            m.d.comb += grid.read.eq(1 << self.read_row)
        with m.If(self.fill):
            m.d.comb += grid.fill.eq(1 << self.fill_row)
        return m
