"""FP32 addition in two stages, as a component and as the functions the other units are
built from.
"""

from functools import reduce
from operator import or_
from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.stage import registered, scratch

__all__ = ["Fp32Adder", "UnroundedSum", "add_aligned", "round_sum"]


# Written to simulate fast: masks and shifts instead of multiplexers wherever the outcome of a
# condition is as good as random, because simulators turn multiplexers into branches that the host
# mispredicts; and no one-bit intermediate values, because of those they make masks where they
# should branch around a stage that does not advance (see `hw.float.stage`).


class UnroundedSum(NamedTuple):
    """What the first stage hands to the second: ``(-1)^sign * sum * 2^(exponent - 157)``.

    Separate signals and not one struct, because a simulator pays for packing and unpacking.
    """

    head: Value
    """9 bits: biased exponent of the larger operand (1 if subnormal), and the sign above it. 0 if
    the operands cancel.
    """
    sum: Value
    """32 bits: carry, 24 bits of significand, 7 bits below it of which the last is sticky."""


def add_aligned(m: Module, a: Value, b: Value) -> UnroundedSum:
    """First stage: order by magnitude, align, add or subtract. Infinity and NaN leave as a sum that
    packs to their bits.
    """
    exchange, big, small, total, sum_ = (
        scratch(32, name) for name in ("exchange", "big", "small", "total", "sum")
    )
    distance, wide, head = scratch(8, "distance"), scratch(55, "wide"), scratch(9, "head")
    subtract = a[31] ^ b[31]
    big_normal, small_normal = big[23:31].any(), small[23:31].any()
    m.d.comb += [
        exchange.eq((a ^ b) & (a[:31] < b[:31]).replicate(32)),
        big.eq(a ^ exchange),
        small.eq(b ^ exchange),
        # A subnormal has the exponent of the smallest normal.
        distance.eq(big[23:31] - (small[23:31] + (big_normal & ~small_normal))),
        # Beyond 31 places everything is sticky; up to 31, every bit stays inside `wide`.
        wide.eq(
            Cat(Const(0, 31), small[:23], small_normal) >> Mux(distance > 31, 31, distance)[:5]
        ),
        total.eq(
            Cat(Const(0, 7), big[:23], big_normal)
            + (Cat(wide[:25].any(), wide[25:]) ^ subtract.replicate(32))
            + subtract
        ),
    ]
    with m.If(big[23:31].all()):
        # Any NaN orders above the infinities, so that it is `big`.
        special = scratch(32, "special")
        m.d.comb += [
            special.eq(Cat(Const(0, 29), big[:23].any() | (subtract & small[23:31].all()), 1)),
            head.eq(Cat(Const(255, 8), big[31] & ~special[29])),
            sum_.eq(special),
        ]
    with m.Else():
        m.d.comb += [
            # Opposite numbers cancel to +0.
            head.eq(Cat(big[23] | ~big_normal, big[24:]) & ((a ^ b) != 1 << 31).replicate(9)),
            sum_.eq(total),
        ]
    return UnroundedSum(head, sum_)


def round_sum(m: Module, unrounded: UnroundedSum) -> Value:
    """Second stage: normalise, but not below the smallest exponent, round to nearest even, pack."""
    head, sum_ = unrounded
    # Places to shift left: the leading zeros, found by five conditional shifts (a priority chain
    # over 32 bits would be far slower to simulate), with a one planted where the exponent ends.
    rest = scratch(32, "rest_32")
    m.d.comb += rest.eq(sum_ | (Const(1 << 31, 32) >> head[:8]))
    steps = []
    for log in (4, 3, 2, 1, 0):
        step, shifted = scratch(5, f"step_{1 << log}"), scratch(32, f"rest_{1 << log}")
        m.d.comb += [
            step.eq(Cat(Const(0, log), rest < 1 << (32 - (1 << log)))),
            shifted.eq(rest << step),
        ]
        rest = shifted
        steps.append(step)
    places = scratch(5, "places")
    normal, packed, result = (scratch(32, name) for name in ("normal", "packed", "rounded"))
    m.d.comb += [
        places.eq(reduce(or_, steps)),
        normal.eq(sum_ << places),
        # The leading one adds one to the exponent, and so does a carry out of the rounding.
        packed.eq(Cat(Const(0, 23), (head - places)[:9]) + (normal + 127 + normal[8])[8:33]),
        result.eq(
            Mux(packed[23:31].all() & ~head[:8].all(), Cat(Const(0, 23), packed[23:]), packed)
        ),
    ]
    return result


class Fp32Adder(wiring.Component):
    """``o = a + b`` in FP32: round to nearest even, gradual underflow, canonical NaN, ``x + (-x) =
    +0``.

    Two register stages, which both advance in the cycles with ``en``: after an edge with ``en``,
    ``o`` is the sum of the operands at the previous edge with ``en``. For a subtraction flip the
    sign of ``b``.

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
        with m.If(self.en):
            unrounded = registered(m, add_aligned(m, self.a, self.b), "unrounded")
            m.d.sync += self.o.eq(round_sum(m, unrounded))
        return m
