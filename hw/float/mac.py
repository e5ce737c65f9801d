"""Multiply-accumulate: exact product of two 8- or 16-bit numbers, added to an FP32 accumulator with
one rounding.
"""

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.add import add_aligned, round_sum
from hw.float.stage import registered, scratch
from isa.formats import FORMATS
from isa.instructions import Format

__all__ = ["MultiplyAccumulate", "Operand", "decode_operand", "multiply_exact"]

# Exponents are kept in 13 bits with this offset: in a sum of two, those of FP32's range are the 254
# from 1024 on. Zero and infinity are so far out that every product with one of them is out of
# range.
_OFFSET, _ZERO, _HUGE = 512, 0, 2048


class Operand(wiring.Signature):
    """A decoded factor: ``significand * 2^(exponent - 10)``, or a special value.

    Separate signals and not one struct: each is read once per PE of a row or column, and slices
    cost simulation time.
    """

    def __init__(self):
        super().__init__(
            {
                "significand": Out(11),
                # Exponent with its offset, and the sign above: the sum of two heads is the head of
                # the product.
                "head": Out(14),
                "nan": Out(1),
                "infinite": Out(1),
                "zero": Out(1),
            }
        )


def decode_operand(m: Module, bits: Value, fmt: Value, bias: int) -> dict[str, Value]:
    """Return the `Operand` members of a number in a storage format, `bias` being added to the
    exponent.

    `bits` is a 16-bit number; of an 8-bit format it holds the element in its upper byte, so that
    E5M2 is a case of FP16.
    """
    bf16, e4m3 = fmt == Format.BF16, fmt == Format.E4M3
    field, fraction, full = Signal(8), Signal(10), Signal()
    with m.If(bf16):
        m.d.comb += [
            field.eq(bits[7:15]),
            fraction.eq(Cat(Const(0, 3), bits[:7])),
            full.eq(field.all()),
        ]
    with m.Elif(e4m3):  # no infinity, and one NaN
        m.d.comb += [
            field.eq(bits[11:15]),
            fraction.eq(Cat(Const(0, 7), bits[8:11])),
            full.eq(bits[8:15].all()),
        ]
    with m.Else():
        m.d.comb += [field.eq(bits[10:15]), fraction.eq(bits[:10]), full.eq(bits[10:15].all())]
    normal = field.any()
    unit = [_OFFSET + bias - FORMATS[kind].bias for kind in (Format.BF16, Format.E4M3, Format.FP16)]
    exponent, significand = Signal(10), Cat(fraction, normal)
    m.d.comb += exponent.eq(
        Cat(field[0] | ~normal, field[1:]) + Mux(bf16, unit[0], Mux(e4m3, unit[1], unit[2]))
    )
    for places in (8, 4, 2, 1):
        go, shifted, lowered = Signal(), Signal(11), Signal(10)
        m.d.comb += [
            go.eq(significand < 1 << (11 - places)),
            shifted.eq(Mux(go, Cat(Const(0, places), significand[: 11 - places]), significand)),
            lowered.eq(exponent - Mux(go, places, 0)),
        ]
        significand, exponent = shifted, lowered
    zero = ~significand[10]
    placed = Signal(13)
    m.d.comb += placed.eq(Mux(full, _HUGE, Mux(zero, _ZERO, exponent)))
    infinite = full & ~e4m3 & ~fraction.any()
    return {
        "significand": significand,
        "head": Cat(placed, bits[15]),
        "nan": full & ~infinite,
        "infinite": infinite,
        "zero": zero,
    }


def multiply_exact(m: Module, a, b) -> Value:
    """FP32 bits of the product of two operands, one decoded with bias 0, the other with
    bias 126.
    """
    product, head, result = scratch(22, "product"), scratch(14, "head"), scratch(32, "exact")
    m.d.comb += [product.eq(a.significand * b.significand), head.eq(a.head + b.head + product[21])]
    # The rest, special operands among it, leaves by one rarely taken branch.
    with m.If((head[:13] - 2 * _OFFSET)[:13] < 254):
        # Either way bit 23 is the leading one, and adds one to the exponent.
        m.d.comb += result.eq(
            Cat((Cat(Const(0, 3), product) >> product[21])[:23], (head[:8] + 1)[:8], head[13])
        )
    with m.Elif(a.nan | b.nan | (a.infinite & b.zero) | (a.zero & b.infinite)):
        m.d.comb += result.eq(FORMATS[Format.FP32].nan)
    with m.Else():
        m.d.comb += result.eq(Cat(Const(0, 23), Mux(head[:13] < 2 * _OFFSET, 0, 255), head[13]))
    return result


class MultiplyAccumulate(wiring.Component):
    """One processing element: ``result = accumulator + a * b``, the accumulator being kept outside.

    Stage 1 multiplies (`a`, `b` with `multiply`), stage 2 aligns and adds (`accumulator` with
    `add`, one cycle later), stage 3 rounds: `result` belongs to the operands of two cycles ago, and
    is combinational. Every register is held where its stage is not enabled.

    The product is exact, except that below 2^-126 it is a zero of its sign.

    Members
    -------
    a, b : ``In(Operand())``
        Factors, decoded with bias 0 and 126.
    multiply, add : ``In(1)``
        Advance of the first and the second stage.
    accumulator, result : ``In(32)``, ``Out(32)``
        FP32.
    """

    def __init__(self):
        super().__init__(
            {
                "a": In(Operand()),
                "b": In(Operand()),
                "multiply": In(1),
                "add": In(1),
                "round": In(1),
                "accumulator": In(32),
                "result": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        product = Signal(32, reset_less=True)
        with m.If(self.multiply):
            m.d.sync += product.eq(multiply_exact(m, self.a, self.b))
        with m.If(self.add):
            unrounded = registered(m, add_aligned(m, self.accumulator, product), "unrounded")
        with m.If(self.round):
            m.d.comb += self.result.eq(round_sum(m, unrounded))
        return m
