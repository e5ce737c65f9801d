"""A row of the PE array, with its accumulators."""

from amaranth import Cat, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.float.mac import MultiplyAccumulate, Operand
from isa.machine import Tile

__all__ = ["ArrayRow", "connected"]


class ArrayRow(wiring.Component):
    """matrix_columns PEs and their memory of sums, see `hw.matrix.array.Array`.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    a, b : ``In(Operand())``, ``In(Operand()).array(matrix_columns)``
        Factors.
    valid : ``In(mac_latency + 1)``
        Bit n: there is a slot in stage n, which is 0 multiply, 1 add, 2 and on round and write.
    clear : ``In(1)``
        The slot that is added starts from 0.
    entry, write_entry : ``In``
        Entries of the slots that are added and written.
    read, read_entry, read_data : ``In(1)``, ``In``, ``Out(32 * matrix_columns)``
        Results, one cycle after the request, and held.
    fill, fill_entry, fill_data : ``In``
        Initial values.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        columns, entries = tile.matrix_columns, 2 * tile.column_groups
        super().__init__(
            {
                "a": In(Operand()),
                "b": In(Operand()).array(columns),
                "valid": In(1 + tile.mac_latency),
                "clear": In(1),
                "entry": In(range(entries)),
                "write_entry": In(range(entries)),
                "read": In(1),
                "read_entry": In(range(entries)),
                "read_data": Out(32 * columns),
                "fill": In(1),
                "fill_entry": In(range(entries)),
                "fill_data": In(32 * columns),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, columns = self._tile, self._tile.matrix_columns
        multiply, add, *later = self.valid
        m.submodules.accumulators = store = memory.Memory(
            shape=32 * columns, depth=2 * tile.column_groups, init=[]
        )
        sums, show = store.read_port(domain="comb"), store.read_port()
        write, fill = store.write_port(), store.write_port()

        keep = Signal(32)
        m.d.comb += keep.eq((~self.clear).replicate(32))
        results = []
        for j, b in enumerate(self.b):
            pe = MultiplyAccumulate()
            m.submodules[f"pe_{j}"] = once(platform, "pe", pe)
            m.d.comb += [
                *connected(pe.a, self.a),
                *connected(pe.b, b),
                pe.multiply.eq(multiply),
                pe.add.eq(add),
                pe.round.eq(later[0]),
            ]
            with m.If(add):
                m.d.comb += pe.accumulator.eq(sums.data.word_select(j, 32) & keep)
            results.append(self._delayed(m, pe.result, later[:-1]))
        m.d.comb += [
            sums.addr.eq(self.entry),
            write.en.eq(later[-1]),
            write.addr.eq(self.write_entry),
            write.data.eq(Cat(results)),
            show.en.eq(self.read),
            show.addr.eq(self.read_entry),
            fill.en.eq(self.fill),
            fill.addr.eq(self.fill_entry),
            fill.data.eq(self.fill_data),
            self.read_data.eq(show.data),
        ]
        return m

    def _delayed(self, m, value, enables):
        for en in enables:
            late = Signal(32, reset_less=True)
            with m.If(en):
                m.d.sync += late.eq(value)
            value = late
        return value


def connected(operand, source) -> list:
    """Assignments of the members of an `Operand`."""
    return [getattr(operand, name).eq(getattr(source, name)) for name in Operand().members]
