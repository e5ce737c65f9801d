"""Lines of operands, and the elements that leave them."""

from amaranth import Cat, Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.matrix.pick import pick

__all__ = ["LineStore"]


class LineStore(wiring.Component):
    """A memory of lines, of which an element and a slice leave the line that was read last.

    Parameters
    ----------
    width, depth : int
        Elements of 16 bits in a line, and lines.
    slice_bits : int
        Bits of a slice; 0: none leaves.

    Members
    -------
    write, write_addr, line : ``In(1)``, ``In``, ``In(16 * width)``
        Write a line.
    read, read_addr : ``In(1)``, ``In``
        Read a line, from the next cycle on.
    wanted, index, element : ``In(1)``, ``In``, ``Out(16)``
        Element `index` of the line, in units of 16 bits.
    narrow, upper : ``In(1)``
        It is one byte of them, and leaves in the upper byte.
    slice_wanted, slice_index, slice : ``In(1)``, ``In``, ``Out(slice_bits)``
        A slice of the line, by its number.
    """

    def __init__(self, *, width: int, depth: int, slice_bits: int = 0):
        self._shape, self._depth, self._slice_bits = 16 * width, depth, slice_bits
        sliced = {"slice_wanted": In(1), "slice_index": In(range(width)), "slice": Out(slice_bits)}
        super().__init__(
            {
                "write": In(1),
                "write_addr": In(range(depth)),
                "line": In(16 * width),
                "read": In(1),
                "read_addr": In(range(depth)),
                "wanted": In(1),
                "index": In(range(width)),
                "element": Out(16),
                "narrow": In(1),
                "upper": In(1),
                **(sliced if slice_bits else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.lines = store = memory.Memory(shape=self._shape, depth=self._depth, init=[])
        write, read = store.write_port(), store.read_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_addr),
            write.data.eq(self.line),
            read.en.eq(self.read),
            read.addr.eq(self.read_addr),
        ]
        with m.If(self.wanted):
            pair, narrow = pick(m, read.data, self.index, 16), self.narrow
            m.d.comb += self.element.eq(
                Cat(
                    pair[:8] & ~narrow.replicate(8),
                    Mux(narrow & ~self.upper, pair[:8], pair[8:]),
                )
            )
        if self._slice_bits:
            with m.If(self.slice_wanted):
                m.d.comb += self.slice.eq(pick(m, read.data, self.slice_index, self._slice_bits))
        return m
