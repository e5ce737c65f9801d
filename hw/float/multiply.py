"""FP32 multiplication in two stages, as a component and as the functions the vector lanes are built
from.
"""

from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.special import CANONICAL_NAN, INFINITY
from hw.float.stage import registered, scratch

__all__ = ["Fp32Multiplier", "UnroundedProduct", "multiply_exact", "round_product"]


class UnroundedProduct(NamedTuple):
    """What the first stage hands to the second: ``(-1)^sign * product * 2^(exponent - 300)``, or a
    special value.
    """

    sign: Value
    exponent: Value
    """9 bits: sum of the operands' biased exponents."""
    product: Value
    """48 bits: product of the significands."""
    zero: Value
    """An operand is zero or subnormal."""
    special: Value
    """An operand is an infinity or a NaN."""
    nan: Value
    """The result is NaN."""


def multiply_exact(m: Module, a: Value, b: Value) -> UnroundedProduct:
    """First stage: the exact product of the significands. Operands below 2^-126 count as zero of
    their sign.
    """
    product = scratch(48, "exact")
    m.d.comb += product.eq(Cat(a[:23], 1) * Cat(b[:23], 1))
    a_top, b_top = a[23:31].all(), b[23:31].all()
    zero, special = ~(a[23:31].any() & b[23:31].any()), a_top | b_top
    return UnroundedProduct(
        sign=a[31] ^ b[31],
        exponent=a[23:31] + b[23:31],
        product=product,
        zero=zero,
        special=special,
        nan=special & (zero | (a_top & a[:23].any()) | (b_top & b[:23].any())),
    )


def round_product(m: Module, unrounded: UnroundedProduct) -> Value:
    """Second stage: what is below 2^-126 becomes zero, the rest is rounded to nearest even and
    packed.
    """
    product, exponent = unrounded.product, unrounded.exponent
    normal, biased = scratch(48, "normal"), scratch(9, "biased")
    packed, result = scratch(32, "packed"), scratch(32, "rounded")
    m.d.comb += [normal.eq(product << ~product[47]), biased.eq(exponent + product[47])]
    up = normal[23] & (normal[24] | normal[:23].any())
    # The leading one adds one to the exponent, and so does a carry out of the rounding.
    m.d.comb += packed.eq(Cat(Const(0, 23), (biased - 128)[:9]) + normal[24:] + up)
    with m.If(unrounded.special):
        m.d.comb += result.eq(
            Mux(unrounded.nan, CANONICAL_NAN, Cat(Const(INFINITY, 31), unrounded.sign))
        )
    with m.Elif(unrounded.zero | (biased < 128)):
        m.d.comb += result.eq(Cat(Const(0, 31), unrounded.sign))
    with m.Elif(packed[23:] >= 255):
        m.d.comb += result.eq(Cat(Const(INFINITY, 31), unrounded.sign))
    with m.Else():
        m.d.comb += result.eq(Cat(packed[:31], unrounded.sign))
    return result


class Fp32Multiplier(wiring.Component):
    """``o = a * b`` in FP32: round to nearest even, canonical NaN, ``inf * 0 = NaN``, no
    subnormals.

    An operand below 2^-126 in magnitude counts as zero of its sign; an exact product below 2^-126
    becomes zero of its sign.

    Two register stages, which both advance in the cycles with ``en``: after an edge with ``en``,
    ``o`` is the product of the operands at the previous edge with ``en``.

    Members
    -------
    a, b : ``In(32)``
        Operands.
    en : ``In(1)``
        Advance.
    o : ``Out(32)``
        Product, from a register.
    """

    latency = 2

    def __init__(self):
        super().__init__({"a": In(32), "b": In(32), "en": In(1), "o": Out(32)})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.en):
            unrounded = registered(m, multiply_exact(m, self.a, self.b), "product")
            m.d.sync += self.o.eq(round_product(m, unrounded))
        return m
