"""FP32 addition of numbers that are not negative: no cancellation, hence one stage."""

from amaranth import Cat, Const, Module, Mux, Value

from hw.float.special import INFINITY
from hw.float.stage import scratch

__all__ = ["add_positive"]


def add_positive(m: Module, a: Value, b: Value) -> Value:
    """Return the FP32 sum of two values that are given, and returned, without their (zero) sign
    bits: 31 bits each.

    The result is `Fp32Adder`'s, but for NaN operands, which must be canonical.
    """
    exchange, big, small = (scratch(31, name) for name in ("exchange", "big", "small"))
    distance, wide = scratch(8, "distance"), scratch(55, "wide")
    total, normal, packed, result = (
        scratch(32, name) for name in ("total", "normal", "packed", "sum")
    )
    big_normal, small_normal = big[23:].any(), small[23:].any()
    m.d.comb += [
        exchange.eq((a ^ b) & (a < b).replicate(31)),
        big.eq(a ^ exchange),
        small.eq(b ^ exchange),
        # A subnormal has the exponent of the smallest normal.
        distance.eq(big[23:] - (small[23:] + (big_normal & ~small_normal))),
        # Beyond 31 places everything is sticky; up to 31, every bit stays inside `wide`.
        wide.eq(
            Cat(Const(0, 31), small[:23], small_normal) >> Mux(distance > 31, 31, distance)[:5]
        ),
        # Carry, 24 bits of significand, 7 bits below it of which the last is sticky.
        total.eq(Cat(Const(0, 7), big[:23], big_normal) + Cat(wide[:25].any(), wide[25:])),
        normal.eq(total << ~total[31]),
    ]
    up = (normal[:8] + 127 + normal[8])[8]
    m.d.comb += [
        # The leading one adds one to the exponent, and so does a carry out of the rounding.
        packed.eq(Cat(Const(0, 23), (big[23:] - big_normal + total[31])[:9]) + normal[8:] + up),
        # Too large is infinity, and infinity and NaN come from the larger operand.
        result.eq(
            Mux(big[23:].all(), big, packed & Mux(packed[23:31].all(), INFINITY, 0x7FFFFFFF))
        ),
    ]
    return result[:31]
