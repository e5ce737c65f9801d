"""Arithmetic of a reduction on 32 bits of a word."""

from collections.abc import Sequence

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.add import add_aligned, round_sum
from hw.float.convert import (
    decode_control,
    decode_element,
    encode_control,
    encode_rounded,
    round_to,
)
from hw.float.stage import registered, scratch
from isa.formats import FORMATS
from isa.instructions import Format

__all__ = ["ReduceLane"]


class ReduceLane(wiring.Component):
    """Sums and maxima of 32 bits: one FP32 element, or as many narrower ones as fit.

    Every element has two adders of `stages` cycles in a row. A pass through them takes 2 * `stages`
    cycles, k = 0, 1, …: ``sum2`` = a + b is there in cycle `stages` - 1, ``sum3`` = (a + b) + c in
    the last one. Both are FP32; narrower elements are decoded on the way in and rounded once, on
    the way out. Whatever is not told to move holds its value.

    The maximum is there at once: one of the operands, bit for bit, by the order of the bits read as
    sign and magnitude: +0 above -0, a positive NaN above infinity.

    Parameters
    ----------
    stages : int
        Cycles of an adder, 1 or 2.
    formats : sequence of Format
        Formats of the elements; FP32 must be among them.

    Members
    -------
    a, b, c, d, e : ``In(32)``
        Operands: of a sum the first three, of a maximum those below ``count`` (``In(3)``).
    fmt : ``In(3)``
        Format of the operands.
    compare : ``In(1)``
        Form the maximum.
    again : ``In(1)``
        In cycle 0: take the sum that ``hold`` kept instead of ``a``.
    go, go_narrow : ``In(2 * stages)``
        Bit k: there is a sum in cycle k of its pass; in k >= `stages` one of three operands.
        `go_narrow`: and it is not FP32.
    third, third_narrow : ``In(stages)``
        Likewise, for the sums of three operands only.
    hold : ``In(1)``
        Keep ``sum3`` for a second pass.
    keep : ``In(2)``
        Keep ``sum2``, ``sum3`` for rounding in the next cycle.
    round : ``In(1)``, round_fmt : ``In(3)``
        Round what was kept in the cycle before.
    maximum, sum2, sum3, rounded : ``Out(32)``
        The results; `sum2` and `sum3` in FP32 only.
    """

    def __init__(self, *, stages: int, formats: Sequence[Format]):
        if stages not in (1, 2):
            raise ValueError(f"Stages of an adder must be 1 or 2, not {stages!r}")
        if Format.FP32 not in formats:
            raise ValueError("Formats of a reduction must include FP32")
        self._stages = stages
        self._widths = sorted({8 * FORMATS[fmt].bytes for fmt in formats})
        super().__init__(
            {
                **{name: In(32) for name in "abcde"},
                "count": In(3),
                "fmt": In(3),
                "compare": In(1),
                "again": In(1),
                "go": In(2 * stages),
                "go_narrow": In(2 * stages),
                "third": In(stages),
                "third_narrow": In(stages),
                "hold": In(1),
                "keep": In(2),
                "round": In(1),
                "round_fmt": In(3),
                **{name: Out(32) for name in ("maximum", "sum2", "sum3", "rounded")},
            }
        )

    def elaborate(self, platform):
        m = Module()
        self._maximum(m)
        decode = decode_control(m, self.fmt)
        kept = []
        for index in range(32 // self._widths[0]):
            sums = self._sums(m, index, decode)
            if index == 0:
                m.d.comb += [self.sum2.eq(sums[0]), self.sum3.eq(sums[1])]
            if len(self._widths) > 1:
                register = Signal(32, name=f"kept{index}", reset_less=True)
                for chosen, value in zip(self.keep, sums, strict=True):
                    with m.If(chosen):
                        m.d.sync += register.eq(value)
                kept.append(register)
        if kept:
            self._round(m, kept)
        return m

    def _width_is(self, fmt, width: int):
        """Whether the elements of a format are so wide."""
        return Cat(fmt == f for f in Format if 8 * FORMATS[f].bytes == width).any()

    def _maximum(self, m):
        operands = [getattr(self, name) for name in "abcde"]
        with m.If(self.compare):
            for width in self._widths:
                with m.If(self._width_is(self.fmt, width)):
                    for at in range(0, 32, width):
                        best = operands[0][at : at + width]
                        for number, operand in enumerate(operands[1:], start=2):
                            other = operand[at : at + width]
                            larger = scratch(width, f"larger{number}_{width}_{at}")
                            m.d.comb += larger.eq(
                                Mux(
                                    (_key(best) >= _key(other)) | (self.count < number), best, other
                                )
                            )
                            best = larger
                        m.d.comb += self.maximum[at : at + width].eq(best)

    def _element(self, m, word, index: int, decode):
        """FP32 bits of an element of an operand."""
        if len(self._widths) == 1:
            return word
        half = (
            word[16 * index : 16 * index + 16] if 16 in self._widths and index < 2 else Const(0, 16)
        )
        byte = word[8 * index : 8 * index + 8] if 8 in self._widths else Const(0, 8)
        return decode_element(m, word if index == 0 else Const(0, 32), half, byte, decode)

    def _sums(self, m, index: int, decode):
        """Return the sums of two and of three operands of an element, combinational."""
        stages = self._stages
        go, third = (self.go, self.third) if index == 0 else (self.go_narrow, self.third_narrow)
        held, partial = (
            Signal(32, name=f"{name}{index}", reset_less=True) for name in ("held", "partial")
        )
        waiting = [Signal(32, name=f"c{index}_{age}", reset_less=True) for age in range(stages)]
        a, b, c = (scratch(32, f"{name}{index}") for name in "abc")
        with m.If(go[0]):
            m.d.comb += [
                a.eq(Mux(self.again, held, self._element(m, self.a, index, decode))),
                b.eq(self._element(m, self.b, index, decode)),
            ]
        with m.If(third[0]):
            m.d.comb += c.eq(self._element(m, self.c, index, decode))
        for age, (register, value) in enumerate(zip(waiting, [c, *waiting], strict=False)):
            with m.If(third[age]):
                m.d.sync += register.eq(value)
        sum2 = _add(m, a, b, go[:stages], f"sum2_{index}")
        with m.If(third[-1]):
            m.d.sync += partial.eq(sum2)
        sum3 = _add(m, partial, waiting[-1], go[stages:], f"sum3_{index}")
        with m.If(self.hold):
            m.d.sync += held.eq(sum3)
        return sum2, sum3

    def _round(self, m, kept):
        control = encode_control(m, self.round_fmt)
        with m.If(self.round):
            for width in self._widths[:-1]:
                with m.If(self._width_is(self.round_fmt, width)):
                    elements = [
                        encode_rounded(m, round_to(m, value, control), control)
                        for value in kept[: 32 // width]
                    ]
                    m.d.comb += self.rounded.eq(Cat(element[:width] for element in elements))


def _key(bits):
    """Signed integer with the order of the bits read as sign and magnitude."""
    return Cat(bits[:-1] ^ bits[-1].replicate(len(bits) - 1), bits[-1]).as_signed()


def _add(m, a, b, go, name: str):
    """FP32 sum, in the cycle of the last bit of `go`; the bits before it move the stages before."""
    total = scratch(32, name)
    if len(go) == 1:
        with m.If(go[0]):
            m.d.comb += total.eq(round_sum(m, add_aligned(m, a, b)))
        return total
    with m.If(go[0]):
        unrounded = registered(m, add_aligned(m, a, b), name)
    with m.If(go[1]):
        m.d.comb += total.eq(round_sum(m, unrounded))
    return total
