"""2^t for FP32 t in two stages: table look-up and interpolation, as `isa.exp2` defines it."""

from itertools import pairwise
from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Value, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.float.special import CANONICAL_NAN, INFINITY
from hw.float.stage import registered, scratch
from isa.exp2 import FRACTION_BITS, INDEX_BITS, TABLE

__all__ = ["TABLE_ROW_BITS", "Exp2", "Exp2Argument", "exp2_argument", "exp2_result", "exp2_table"]

_REST_BITS = FRACTION_BITS - INDEX_BITS
_STEPS = [high - low for low, high in pairwise(TABLE)]
TABLE_ROW_BITS = FRACTION_BITS + max(_STEPS).bit_length()


def exp2_table() -> memory.Memory:
    """ROM of 256 rows: the table entry without its hidden bit, and above it the step to the next
    entry.
    """
    rows = [
        low - (1 << FRACTION_BITS) | step << FRACTION_BITS
        for low, step in zip(TABLE, _STEPS, strict=False)
    ]
    return memory.Memory(shape=unsigned(TABLE_ROW_BITS), depth=1 << INDEX_BITS, init=rows)


class Exp2Argument(NamedTuple):
    """What the first stage hands to the second, besides the table row."""

    exponent: Value
    """8 bits: biased exponent of the result."""
    rest: Value
    """15 bits: position between two table entries."""
    zero: Value
    """The result is +0."""
    huge: Value
    """The result is +infinity, or NaN."""
    nan: Value
    """The result is NaN."""


def exp2_argument(m: Module, t: Value) -> tuple[Value, Exp2Argument]:
    """First stage: `t` as a fixed-point number. Returns the table index, for a read in this cycle,
    and the rest.
    """
    magnitude, fixed = scratch(30, "magnitude"), scratch(31, "fixed")
    exponent, sign = t[23:31], t[31]
    places, below = scratch(5, "places"), scratch(8, "below")
    # |t| >= 128, where the shift would lose the top.
    beyond = exponent >= 134
    m.d.comb += [
        below.eq(133 - exponent),
        # 31 places leave nothing; a subnormal, which has no hidden bit, is shifted out as well.
        places.eq(Mux(below > 31, 31, below)),
        magnitude.eq(Cat(Const(0, 6), t[:23], 1) >> places),
        fixed.eq((magnitude ^ sign.replicate(31)) + sign),
    ]
    whole = fixed[FRACTION_BITS:].as_signed()
    nan = exponent.all() & t[:23].any()
    argument = Exp2Argument(
        exponent=(whole + 127)[:8],
        rest=fixed[:_REST_BITS],
        zero=sign & (beyond | (whole < -126)),
        huge=nan | (beyond & ~sign),
        nan=nan,
    )
    return fixed[_REST_BITS:FRACTION_BITS], argument


def exp2_result(m: Module, argument: Exp2Argument, row: Value) -> Value:
    """Second stage: interpolate in the table `row` and pack."""
    mantissa, result = scratch(FRACTION_BITS, "mantissa"), scratch(32, "power")
    base, step = row[:FRACTION_BITS], row[FRACTION_BITS:]
    m.d.comb += mantissa.eq(base + (step * argument.rest >> _REST_BITS))
    with m.If(argument.huge):
        m.d.comb += result.eq(Mux(argument.nan, CANONICAL_NAN, INFINITY))
    with m.Elif(argument.zero):
        m.d.comb += result.eq(0)
    with m.Else():
        m.d.comb += result.eq(Cat(mantissa, argument.exponent))
    return result


class Exp2(wiring.Component):
    """``o = 2^a`` in FP32 by `isa.exp2`'s rule: exactly 1 at 0, monotone, +0 below 2^-126,
    +infinity from a = 128.

    Two register stages, which both advance in the cycles with ``en``: after an edge with ``en``,
    ``o`` belongs to the operand at the previous edge with ``en``.

    Members
    -------
    a : ``In(32)``
        Operand.
    en : ``In(1)``
        Advance.
    o : ``Out(32)``
        Power, from a register.
    """

    latency = 2

    def __init__(self):
        super().__init__({"a": In(32), "en": In(1), "o": Out(32)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = table = exp2_table()
        port = table.read_port()
        m.d.comb += port.en.eq(self.en)
        with m.If(self.en):
            index, argument = exp2_argument(m, self.a)
            m.d.comb += port.addr.eq(index)
            m.d.sync += self.o.eq(exp2_result(m, registered(m, argument, "argument"), port.data))
        return m
