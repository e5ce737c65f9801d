"""PE array of the matrix engine, with its accumulators."""

from itertools import pairwise

from amaranth import Cat, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.float.mac import MultiplyAccumulate, Operand, decode_operand
from hw.matrix.layouts import slot_layout
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
        a = [
            self._operand(m, f"a_{i}", bits, slot.fmt_a, 0, self.valid & slot.step)
            for i, bits in enumerate(self.a)
        ]
        b = [
            self._operand(m, f"b_{j}", bits, slot.fmt_b, 126, self.valid)
            for j, bits in enumerate(self.b)
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

        keep = Signal(32)
        m.d.comb += keep.eq((~clear[2]).replicate(32))
        shown_row = Signal.like(self.read_row)
        with m.If(self.read):
            m.d.sync += shown_row.eq(self.read_row)
        for i in range(rows):
            m.submodules[f"accumulators_{i}"] = store = memory.Memory(
                shape=32 * columns, depth=2 * tile.column_groups, init=[]
            )
            sums, show = store.read_port(domain="comb"), store.read_port()
            write, fill = store.write_port(), store.write_port()
            results = []
            for j in range(columns):
                m.submodules[f"pe_{i}_{j}"] = pe = MultiplyAccumulate()
                for member in Operand().members:
                    m.d.comb += [
                        getattr(pe.a, member).eq(a[i][member]),
                        getattr(pe.b, member).eq(b[j][member]),
                    ]
                m.d.comb += [pe.multiply.eq(valid[1]), pe.add.eq(valid[2]), pe.round.eq(valid[3])]
                with m.If(valid[2]):
                    m.d.comb += pe.accumulator.eq(sums.data.word_select(j, 32) & keep)
                results.append(self._delayed(m, pe.result, valid[3:-1]))
            m.d.comb += [
                sums.addr.eq(entry[2]),
                write.en.eq(valid[-1]),
                write.addr.eq(entry[-1]),
                write.data.eq(Cat(results)),
                show.en.eq(self.read & (self.read_row == i)),
                show.addr.eq(self.read_entry),
                fill.en.eq(self.fill & (self.fill_row == i)),
                fill.addr.eq(self.fill_entry),
                fill.data.eq(self.fill_data),
            ]
            with m.If(shown_row == i):
                m.d.comb += self.read_data.eq(show.data)
        return m

    def _operand(self, m, name, bits, fmt, bias, en):
        registers = {
            member: Signal(flow.shape, name=f"{name}_{member}", reset_less=True)
            for member, flow in Operand().members.items()
        }
        with m.If(en):
            decoded = decode_operand(m, bits, fmt, bias)
            m.d.sync += [register.eq(decoded[member]) for member, register in registers.items()]
        return registers

    def _delayed(self, m, value, enables):
        for en in enables:
            late = Signal(32, reset_less=True)
            with m.If(en):
                m.d.sync += late.eq(value)
            value = late
        return value
