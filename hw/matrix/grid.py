"""What the PE array has many times: where factors enter, and PEs."""

from functools import reduce
from operator import or_

from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.matrix.factor import Factor
from hw.matrix.pe import ProcessingElement
from isa.machine import Tile

__all__ = ["PeGrid"]


class PeGrid(wiring.Component):
    """matrix_rows x matrix_columns PEs, each with accumulators of its own, and the decoders of
    their factors, one for a whole row or column. `hw.matrix.array.Array` says what it does when.

    There is nothing but copies here, all of which do the same in a cycle: a simulation may compute
    them side by side, see `hw.sim.grid_model`.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    load_a, load_b : ``In(1)``
        Take Take `a`, `b`: they are multiplied in the next cycle.
    a, b, fmt_a, fmt_b : ``In(16).array``, ``In``
        Factors, see `hw.float.mac.decode_operand`.
    valid, clear, entry, write_entry : ``In``
        See `hw.matrix.pe.ProcessingElement`, of all PEs.
    read, read_entry, read_data : ``In(matrix_rows)``, ``In``, ``Out(32 * matrix_columns)``
        Bit i: an entry of row i is asked for. It comes one cycle later, and is held.
    fill, fill_entry, fill_data : ``In(matrix_rows)``, ``In``, ``In(32 * matrix_columns)``
        Bit i: initial values of row i.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        rows, columns, entries = tile.matrix_rows, tile.matrix_columns, 2 * tile.column_groups
        super().__init__(
            {
                "load_a": In(1),
                "load_b": In(1),
                "a": In(16).array(rows),
                "b": In(16).array(columns),
                "fmt_a": In(3),
                "fmt_b": In(3),
                "valid": In(1 + tile.mac_latency),
                "clear": In(1),
                "entry": In(range(entries)),
                "write_entry": In(range(entries)),
                "read": In(rows),
                "read_entry": In(range(entries)),
                "read_data": Out(32 * columns),
                "fill": In(rows),
                "fill_entry": In(range(entries)),
                "fill_data": In(32 * columns),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile = self._tile
        a = self._factors(m, platform, "a")
        b = self._factors(m, platform, "b")
        shown = [[] for _ in b]
        for i, factor_a in enumerate(a):
            for j, factor_b in enumerate(b):
                pe = ProcessingElement(entries=2 * tile.column_groups, latency=tile.mac_latency)
                m.submodules[f"pe_{i}_{j}"] = once(platform, "pe", pe)
                for into, factor in ((pe.a, factor_a.o), (pe.b, factor_b.o)):
                    for name in factor.signature.members:
                        m.d.comb += getattr(into, name).eq(getattr(factor, name))
                m.d.comb += [
                    pe.valid.eq(self.valid),
                    pe.clear.eq(self.clear),
                    pe.entry.eq(self.entry),
                    pe.write_entry.eq(self.write_entry),
                    pe.ask.eq(self.read.any()),
                    pe.read.eq(self.read[i]),
                    pe.read_entry.eq(self.read_entry),
                    pe.fill.eq(self.fill[i]),
                    pe.fill_entry.eq(self.fill_entry),
                    pe.fill_data.eq(self.fill_data.word_select(j, 32)),
                ]
                shown[j].append(pe.read_data)
        m.d.comb += self.read_data.eq(Cat(reduce(or_, column) for column in shown))
        return m

    def _factors(self, m, platform, name: str) -> list[Factor]:
        """Decoders of the factors of all rows, or of all columns."""
        load, fmt = getattr(self, f"load_{name}"), getattr(self, f"fmt_{name}")
        factors = []
        for index, bits in enumerate(getattr(self, name)):
            factor = Factor(bias=126 if name == "b" else 0)
            m.submodules[f"{name}_{index}"] = once(platform, f"factor_{name}", factor)
            m.d.comb += [factor.load.eq(load), factor.bits.eq(bits), factor.fmt.eq(fmt)]
            factors.append(factor)
        return factors
