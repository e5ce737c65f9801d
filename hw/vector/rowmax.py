"""Maximum of each row of a vector instruction."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.compare import LOWEST_KEY, key, maximum, unkey
from hw.float.stage import scratch

__all__ = ["RowMaximum"]

LEVELS_A_STAGE = 3
"""Comparators in series between registers."""


class RowMaximum(wiring.Component):
    """Largest of a start value and the living elements of a row, by the order of
    `hw.float.compare`.

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
    values, alive : ``In(32).array(lanes)``, ``In(lanes)``
        Elements, and which of them count.
    start : ``In(32)``
        Start value of the row; matters with the first chunk.
    o_valid, o : ``Out``
        Maximum of a row, from registers.
    """

    def __init__(self, *, lanes: int):
        self._lanes = lanes
        super().__init__(
            {
                "advance": In(1),
                "valid": In(1),
                "first": In(1),
                "last": In(1),
                "values": In(32).array(lanes),
                "alive": In(lanes),
                "start": In(32),
                "o_valid": Out(1),
                "o": Out(32),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a row's last chunk to its maximum."""
        levels = (self._lanes - 1).bit_length()
        return max(1, -(-levels // LEVELS_A_STAGE)) + 1

    def elaborate(self, platform):
        m = Module()
        keys, valid, first, last, start = self.values, self.valid, self.first, self.last, self.start
        for stage in range(self.latency - 1):
            flags = [Signal(name=f"{name}_{stage}") for name in ("valid", "first", "last")]
            late_start = Signal(signed(32), name=f"start_{stage}", reset_less=True)
            with m.If(self.advance):
                m.d.sync += [
                    register.eq(value)
                    for register, value in zip(flags, (valid, first, last), strict=True)
                ]
            with m.If(self.advance & valid):
                if stage == 0:
                    keys = [
                        Mux(alive, key(value), LOWEST_KEY)
                        for alive, value in zip(self.alive, keys, strict=True)
                    ]
                    keys, start = self._named(m, keys, "key"), key(start)
                for level in range(LEVELS_A_STAGE):
                    if len(keys) > 1:
                        keys = [
                            maximum(low, high)
                            for low, high in zip(keys[::2], keys[1::2], strict=True)
                        ]
                        keys = self._named(m, keys, f"level{stage}_{level}")
                late = [
                    Signal(signed(32), name=f"late{stage}_{i}", reset_less=True)
                    for i in range(len(keys))
                ]
                m.d.sync += [register.eq(value) for register, value in zip(late, keys, strict=True)]
                m.d.sync += late_start.eq(start)
            keys, (valid, first, last), start = late, flags, late_start

        largest = Signal(signed(32), reset_less=True)
        with m.If(self.advance):
            m.d.sync += self.o_valid.eq(valid & last)
            with m.If(valid):
                m.d.sync += largest.eq(maximum(keys[0], Mux(first, start, largest)))
        m.d.comb += self.o.eq(unkey(largest))
        return m

    def _named(self, m, keys, name):
        named = [scratch(signed(32), f"{name}_{i}") for i in range(len(keys))]
        m.d.comb += [signal.eq(value) for signal, value in zip(named, keys, strict=True)]
        return named
