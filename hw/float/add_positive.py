"""FP32 addition of numbers that are not negative: no cancellation, hence one stage."""

from amaranth import Cat, Const, Module, Mux, Value

from hw.float.special import INFINITY
from hw.float.stage import scratch

__all__ = ["add_positive"]


def add_positive(m: Module, a: Value, b: Value) -> Value:
    """Return ``a + b`` of two FP32 values without their (zero) sign bits, 31 bits each, as `Fp32Adder` would, combinationally.

    NaN must be canonical, and so is that of the result.
    """
    swap = scratch(1, "swap")
    exchange, big, small = (scratch(31, name) for name in ("exchange", "big", "small"))
    m.d.comb += [
        swap.eq(a < b),
        exchange.eq((a ^ b) & swap.replicate(31)),
        big.eq(a ^ exchange),
        small.eq(b ^ exchange),
    ]
    big_normal, small_normal = big[23:].any(), small[23:].any()
    distance = scratch(8, "distance")
    aligned, total = scratch(55, "aligned"), scratch(27, "total")
    m.d.comb += [
        # A subnormal has the exponent of the smallest normal.
        distance.eq(big[23:] - small[23:] - (big_normal & ~small_normal)),
        # Beyond 25 places everything is sticky; up to 31, every bit stays inside `aligned`.
        aligned.eq(Cat(Const(0, 31), small[:23], small_normal) >> (distance[:5] | distance[5:].any().replicate(5))),
        # Sticky, guard, 24 bits, carry.
        total.eq(Cat(Const(0, 2), big[:23], big_normal) + Cat(aligned[:30].any(), aligned[30:])),
    ]
    carry = total[26]
    significand = scratch(27, "significand")
    packed, result = scratch(32, "packed"), scratch(31, "sum")
    m.d.comb += [
        significand.eq(Mux(carry, Cat(total[0] | total[1], total[2:]), total)),
        # The hidden bit adds one to the exponent, and so does a carry out of the rounding.
        packed.eq(
            Cat(Const(0, 23), big[23:] - big_normal + carry)
            + significand[2:26]
            + (significand[1] & (significand[0] | significand[2]))
        ),
    ]
    with m.If(big[23:].all()):
        m.d.comb += result.eq(big)
    with m.Elif(packed[23:] >= 255):
        m.d.comb += result.eq(INFINITY)
    with m.Else():
        m.d.comb += result.eq(packed)
    return result
