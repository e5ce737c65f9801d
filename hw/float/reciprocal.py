"""FP32 reciprocals by restoring division, one quotient bit a cycle."""

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.special import CANONICAL_NAN
from hw.float.stage import scratch

__all__ = ["Fp32Reciprocal"]

_STEPS = 26
"""Quotient bits: one before the point, 24 of the significand, one to round on."""


class Fp32Reciprocal(wiring.Component):
    """``o[i] = 1 / a[i]`` for a few operands at a time, correctly rounded.

    Operands below 2^-126 in magnitude, zeros among them, give +0; infinities give zero of their
    sign, as do results below 2^-126; NaN is canonical. No register changes between operations.

    ``start`` takes the operands; ``done`` rises `latency` cycles later and stays, with ``o``, until
    the next ``start``.

    Parameters
    ----------
    lanes : int
        Number of operands, at least 1.

    Members
    -------
    a : ``In(32).array(lanes)``
        Operands, taken with ``start``.
    start : ``In(1)``
        Begin, whatever is in progress.
    done : ``Out(1)``
        ``o`` is complete.
    o : ``Out(32).array(lanes)``
        Reciprocals, while ``done``.
    """

    latency = _STEPS + 1

    def __init__(self, *, lanes):
        if not isinstance(lanes, int) or lanes < 1:
            raise TypeError(f"Number of lanes must be a positive integer, not {lanes!r}")
        self.lanes = lanes
        super().__init__(
            {"a": In(32).array(lanes), "start": In(1), "done": Out(1), "o": Out(32).array(lanes)}
        )

    def elaborate(self, platform):
        m = Module()

        steps = Signal(range(_STEPS + 1))
        busy = steps.any()
        with m.If(self.start):
            m.d.sync += steps.eq(_STEPS)
        with m.Elif(busy):
            m.d.sync += steps.eq(steps - 1)
        with m.If(self.start | busy):
            m.d.sync += self.done.eq(~self.start & (steps == 1))

        for a, o in zip(self.a, self.o, strict=True):
            operand = Signal(32, reset_less=True)
            remainder, difference = Signal(25, reset_less=True), scratch(26, "difference")
            quotient = Signal(_STEPS, reset_less=True)
            with m.If(self.start):
                m.d.sync += [operand.eq(a), remainder.eq(1 << 23)]
            with m.Elif(busy):
                m.d.comb += difference.eq(remainder - Cat(operand[:23], 1))
                m.d.sync += [
                    remainder.eq(Mux(difference[25], remainder[:24], difference[:24]) << 1),
                    quotient.eq(Cat(~difference[25], quotient)),
                ]

            # A reciprocal is a power of two or not representable, never a tie: the last bit alone
            # decides. For a power of two the significand is 2^24, which carries into the exponent.
            sign, exponent = operand[31], operand[23:31]
            lowered, packed = scratch(signed(10), "lowered"), scratch(33, "packed")
            with m.If(self.done):
                m.d.comb += [
                    lowered.eq(252 - exponent),
                    packed.eq(Cat(Const(0, 23), lowered) + quotient[1:] + quotient[0]),
                ]
                with m.If(exponent.all() & operand[:23].any()):
                    m.d.comb += o.eq(CANONICAL_NAN)
                with m.Elif(exponent.any() & ~packed[32] & packed[23:32].any()):
                    m.d.comb += o.eq(Cat(packed[:31], sign))
                with m.Else():
                    m.d.comb += o.eq(Cat(Const(0, 31), sign & exponent.any()))

        return m
