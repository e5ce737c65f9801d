"""Sum of each row of a vector instruction, in the order that the instruction set defines."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.float.add_positive import add_positive

__all__ = ["RowSum"]


class RowSum(wiring.Component):
    """Sum of the exponentials of a row: each chunk by a balanced tree, even and odd chunks apart,
    at last the two sums.

    A chunk is taken in each cycle with ``advance`` and ``valid``. Registers change only with
    ``advance``. `latency` such cycles after the last chunk of a row, ``o_valid`` is 1 for one of
    them.

    Parameters
    ----------
    lanes : int
        Elements of a chunk, a power of two.

    Members
    -------
    advance : ``In(1)``
        The engine's pipeline advances.
    valid, first, last : ``In(1)``
        There is a chunk; it is the first or the last of its row.
    values : ``In(31).array(lanes)``
        FP32 values without sign: zero, positive or NaN. Elements that do not count are zero.
    o_valid, o : ``Out``
        Sum of a row; combinational from registers by one addition.
    """

    def __init__(self, *, lanes: int):
        self._lanes = lanes
        super().__init__(
            {
                "advance": In(1),
                "valid": In(1),
                "first": In(1),
                "last": In(1),
                "values": In(31).array(lanes),
                "o_valid": Out(1),
                "o": Out(31),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a row's last chunk to its sum."""
        return exact_log2(self._lanes) + 1

    def elaborate(self, platform):
        m = Module()
        values = list(self.values)
        valid, first, last = self.valid, self.first, self.last
        for level in range(exact_log2(self._lanes)):
            sums = [
                Signal(31, name=f"sum{level}_{i}", reset_less=True) for i in range(len(values) // 2)
            ]
            flags = [Signal(name=f"{name}_{level}") for name in ("valid", "first", "last")]
            with m.If(self.advance):
                m.d.sync += [
                    register.eq(value)
                    for register, value in zip(flags, (valid, first, last), strict=True)
                ]
            with m.If(self.advance & valid):
                totals = [
                    add_positive(m, low, high)
                    for low, high in zip(values[::2], values[1::2], strict=True)
                ]
                m.d.sync += [
                    register.eq(total) for register, total in zip(sums, totals, strict=True)
                ]
            values, (valid, first, last) = sums, flags

        # The accumulator of this chunk and the other one swap roles with each chunk.
        same, other = Signal(31, reset_less=True), Signal(31, reset_less=True)
        total = add_positive(m, values[0], Mux(first, 0, other))
        with m.If(self.advance):
            m.d.sync += self.o_valid.eq(valid & last)
            with m.If(valid):
                m.d.sync += [same.eq(total), other.eq(Mux(first, 0, same))]
        m.d.comb += self.o.eq(add_positive(m, same, other))
        return m
