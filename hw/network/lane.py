"""Arithmetic of a reduction for one element of a word."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.add import Fp32Adder
from hw.float.compare import key
from hw.float.stage import scratch

__all__ = ["Fp32Lane"]


class Fp32Lane(wiring.Component):
    """Sum and maximum of two or three FP32 numbers: operand registers, and two adders in a row.

    With ``load`` the operands are registered; the maximum is there in the next cycle, ``a + b`` an adder latency later, and
    ``(a + b) + c`` two. Whatever is not told to move holds its value. The maximum is one of the operands, bit for bit,
    by the order of the bits read as sign and magnitude: +0 above -0, a positive NaN above infinity.

    Members
    -------
    load : ``In(1)``
        Register the operands ``a``, ``b``, ``c`` (``In(32)``).
    compare, three : ``In(1)``
        Form the maximum of the registered operands, which are three.
    add : ``In(2)``
        Advance the first adder, the second adder.
    shift : ``In(2)``
        Bit k: move ``c``, loaded k + 1 cycles ago, on its way to the second adder.
    maximum, sum2, sum3 : ``Out(32)``
        The results.
    """

    latency = Fp32Adder.latency

    def __init__(self):
        super().__init__(
            {
                "load": In(1),
                "a": In(32),
                "b": In(32),
                "c": In(32),
                "compare": In(1),
                "three": In(1),
                "add": In(2),
                "shift": In(2),
                "maximum": Out(32),
                "sum2": Out(32),
                "sum3": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.adder2 = adder2 = Fp32Adder()
        m.submodules.adder3 = adder3 = Fp32Adder()
        a, b = Signal(32), Signal(32)
        c = [Signal(32, name=f"c{age}") for age in range(1 + self.latency)]

        with m.If(self.load):
            m.d.sync += [a.eq(self.a), b.eq(self.b), c[0].eq(self.c)]
        for age in range(self.latency):
            with m.If(self.shift[age]):
                m.d.sync += c[age + 1].eq(c[age])

        larger, largest = scratch(32, "larger"), scratch(32, "largest")
        with m.If(self.compare):
            m.d.comb += [larger.eq(_larger(a, b)), largest.eq(Mux(self.three, _larger(larger, c[0]), larger))]
        m.d.comb += [
            self.maximum.eq(largest),
            adder2.a.eq(a),
            adder2.b.eq(b),
            adder2.en.eq(self.add[0]),
            self.sum2.eq(adder2.o),
            adder3.a.eq(adder2.o),
            adder3.b.eq(c[-1]),
            adder3.en.eq(self.add[1]),
            self.sum3.eq(adder3.o),
        ]
        return m


def _larger(a, b):
    return Mux(key(a) >= key(b), a, b)
