"""FP32 addition in two stages, as a component and as the functions the other units are built from."""

from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CANONICAL_NAN", "Fp32Adder", "UnroundedSum", "add_aligned", "round_sum"]

CANONICAL_NAN = 0x7FC00000


class UnroundedSum(NamedTuple):
    """What the first stage hands to the second: ``(-1)^sign * sum * 2^(exponent - 153)``, or a special value.

    Separate narrow values and not one struct, because a simulator pays for packing and unpacking.
    """

    sign: Value
    exponent: Value
    """8 bits: biased exponent of the larger operand, 1 if that is subnormal, 0 if the operands cancel to +0."""
    sum: Value
    """28 bits: carry, 24 bits of significand, guard, round, sticky."""
    special: Value
    """An infinity or a NaN took part."""
    nan: Value
    """The result is NaN."""

    def registered(self, m: Module, en: Value, name: str = "sum") -> "UnroundedSum":
        """The same one clock later, advanced where `en`."""
        copies = [Signal(len(value), name=f"{name}_{field}") for field, value in zip(self._fields, self, strict=True)]
        with m.If(en):
            m.d.sync += [copy.eq(value) for copy, value in zip(copies, self, strict=True)]
        return UnroundedSum(*copies)


def add_aligned(m: Module, a: Value, b: Value) -> UnroundedSum:
    """First stage: order by magnitude, align with guard, round and sticky bit, add or subtract."""
    swap = Signal(name="swap")
    big, small = Signal(32, name="big"), Signal(32, name="small")
    shift = Signal(5, name="align")
    wide = Signal(55, name="aligned")
    total = Signal(28, name="total")
    exponent, special = Signal(8, name="exponent"), Signal(name="is_special")
    big_normal, small_normal = big[23:31].any(), small[23:31].any()
    # A subnormal has the exponent of the smallest normal.
    distance = Signal(8, name="distance")
    subtract = a[31] ^ b[31]
    nonzero = Signal(name="nonzero")
    m.d.comb += [
        swap.eq(a[:31] < b[:31]),
        big.eq(Mux(swap, b, a)),
        small.eq(Mux(swap, a, b)),
        distance.eq(big[23:31] - small[23:31] - (big_normal & ~small_normal)),
        # Beyond 27 everything is sticky; 31 places keep every bit inside `wide`.
        shift.eq(Mux(distance[5:].any(), 31, distance[:5])),
        wide.eq(Cat(Const(0, 31), small[:23], small_normal) >> shift),
    ]
    upper = Cat(Const(0, 3), big[:23], big_normal)
    lower = Cat(wide[:29].any(), wide[29:])
    m.d.comb += [
        total.eq(Mux(subtract, upper - lower, upper + lower)),
        nonzero.eq(total.any()),
        special.eq(big[23:31].all()),
        exponent.eq(Mux(nonzero, Cat(big[23] | ~big_normal, big[24:31]), 0)),
    ]
    return UnroundedSum(
        sign=big[31] & (nonzero | ~subtract),
        exponent=exponent,
        sum=total,
        special=special,
        # Any NaN orders above the infinities, so that it is `big`.
        nan=special & (big[:23].any() | (subtract & small[23:31].all())),
    )


def round_sum(m: Module, unrounded: UnroundedSum) -> Value:
    """Second stage: normalise, but not below the smallest exponent, round to nearest even, pack."""
    significand, exponent = unrounded.sum, unrounded.exponent
    # Five conditional shifts: a priority chain over 28 bits would be far slower to simulate. `exponent` stays one below the
    # biased exponent of `significand` read with its point behind bit 27.
    for places in (16, 8, 4, 2, 1):
        go = Signal(name=f"go_{places}")
        shifted, lowered = Signal(28, name=f"shifted_{places}"), Signal(8, name=f"lowered_{places}")
        m.d.comb += [
            go.eq(~significand[28 - places :].any() & (exponent >= places)),
            shifted.eq(Mux(go, significand << places, significand)),
            lowered.eq(Mux(go, exponent - places, exponent)),
        ]
        significand, exponent = shifted, lowered
    up = significand[3] & (significand[:3].any() | significand[4])
    # The hidden bit adds one to the exponent, and so does a carry out of the rounding.
    packed, result = Signal(32, name="packed"), Signal(32, name="rounded")
    m.d.comb += packed.eq(Cat(Const(0, 23), exponent) + significand[4:] + up)
    with m.If(unrounded.special | (packed[23:] >= 255)):
        m.d.comb += result.eq(Mux(unrounded.nan, CANONICAL_NAN, Cat(Const(0x7F800000, 31), unrounded.sign)))
    with m.Else():
        m.d.comb += result.eq(Cat(packed[:31], unrounded.sign))
    return result


class Fp32Adder(wiring.Component):
    """``o = a + b`` in FP32: round to nearest even, gradual underflow, canonical NaN, ``x + (-x) = +0``.

    Two register stages, which both advance in the cycles with ``en``: after an edge with ``en``, ``o`` is the sum of the operands
    at the previous edge with ``en``. For a subtraction flip the sign of ``b``.

    Members
    -------
    a, b : ``In(32)``
        Operands.
    en : ``In(1)``
        Advance.
    o : ``Out(32)``
        Sum, from a register.
    """

    latency = 2

    def __init__(self):
        super().__init__({"a": In(32), "b": In(32), "en": In(1), "o": Out(32)})

    def elaborate(self, platform):
        m = Module()
        unrounded = add_aligned(m, self.a, self.b).registered(m, self.en)
        result = round_sum(m, unrounded)
        with m.If(self.en):
            m.d.sync += self.o.eq(result)
        return m
