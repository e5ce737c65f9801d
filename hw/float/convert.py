"""Conversions between FP32 and the storage formats, by the rules of `isa.formats`, with the format
chosen at run time.

FP32 results go through two steps. `round_to` makes an FP32 value that the format can represent: one
rounder with a variable number of dropped bits for all formats, and what a sum over stored values
adds up. `encode_rounded` only rearranges its bits.
"""

from functools import reduce
from operator import or_
from typing import NamedTuple

from amaranth import Cat, Const, Module, Mux, Value

from hw.float.special import CANONICAL_NAN, INFINITY
from hw.float.stage import scratch
from isa.formats import FORMATS
from isa.instructions import Format

__all__ = [
    "DecodeControl",
    "EncodeControl",
    "decode_control",
    "decode_element",
    "encode_control",
    "encode_rounded",
    "round_to",
]


class DecodeControl(NamedTuple):
    """Format-dependent constants of `decode_element`, shared by all lanes."""

    fp32: Value
    bf16: Value
    fp16: Value
    e5m2: Value
    has_infinity: Value
    rebias: Value
    """8 bits: exponent bias of FP32 less that of the format (FP16, E5M2, E4M3)."""


class EncodeControl(NamedTuple):
    """Format-dependent constants of `round_to` and `encode_rounded`, shared by all lanes."""

    fp32: Value
    bf16: Value
    wide: Value
    """The sign belongs to bit 15, not to bit 7."""
    has_infinity: Value
    drop: Value
    """5 bits: mantissa bits fewer than FP32."""
    mantissa: Value
    """4 bits: mantissa bits of FP16, E5M2 and E4M3."""
    low: Value
    """7 bits: biased FP32 exponent of the smallest normal, 0 where FP32 has no smaller numbers."""
    limit: Value
    """31 bits: the largest finite number as FP32."""
    top: Value
    """8 bits: the biased FP32 exponent which encodes as the format's last exponent."""


def _choose(m: Module, fmt: Value, name: str, width: int, values: dict[Format, int]) -> Value:
    chosen = scratch(width, name)
    with m.Switch(fmt):
        for f in Format:
            with m.Case(int(f)):
                m.d.comb += chosen.eq(values[f])
    return chosen


def decode_control(m: Module, fmt: Value) -> DecodeControl:
    """Constants for decoding `fmt`."""
    bias = FORMATS[Format.FP32].bias
    return DecodeControl(
        fp32=fmt == Format.FP32,
        bf16=fmt == Format.BF16,
        fp16=fmt == Format.FP16,
        e5m2=fmt == Format.E5M2,
        has_infinity=fmt != Format.E4M3,
        rebias=_choose(m, fmt, "rebias", 8, {f: bias - FORMATS[f].bias for f in Format}),
    )


def encode_control(m: Module, fmt: Value) -> EncodeControl:
    """Constants for encoding to `fmt`."""
    single = FORMATS[Format.FP32]
    low, limit, top = {}, {}, {}
    for f, info in FORMATS.items():
        last = (1 << info.exponent) - 1
        rebias = single.bias - info.bias
        low[f] = 0 if info.exponent == single.exponent else rebias + 1
        largest = (
            last << info.mantissa | (1 << info.mantissa) - 2
            if not info.has_infinity
            else (last << info.mantissa) - 1
        )
        limit[f] = (largest << single.mantissa - info.mantissa) + (rebias << single.mantissa)
        top[f] = last + rebias
    return EncodeControl(
        fp32=fmt == Format.FP32,
        bf16=fmt == Format.BF16,
        wide=fmt == Format.FP16,
        has_infinity=fmt != Format.E4M3,
        drop=_choose(m, fmt, "drop", 5, {f: single.mantissa - FORMATS[f].mantissa for f in Format}),
        mantissa=_choose(m, fmt, "mantissa", 4, {f: FORMATS[f].mantissa % 16 for f in Format}),
        low=_choose(m, fmt, "low", 7, low),
        limit=_choose(m, fmt, "limit", 31, limit),
        top=_choose(m, fmt, "top", 8, top),
    )


def decode_element(
    m: Module, word: Value, half: Value, byte: Value, control: DecodeControl
) -> Value:
    """FP32 bits of an element, which lies in `word`, `half` or `byte` according to its format's
    width. Exact.

    FP32 bits are passed on as they are; other formats' NaN becomes the canonical one.
    """
    value = scratch(32, "decoded")
    with m.If(control.fp32):
        m.d.comb += value.eq(word)
    with m.Elif(control.bf16):
        nan = half[7:15].all() & half[:7].any()
        m.d.comb += value.eq(Mux(nan, CANONICAL_NAN, Cat(Const(0, 16), half)))
    with m.Else():
        m.d.comb += value.eq(_decode_small(m, half, byte, control))
    return value


def _decode_small(m: Module, half: Value, byte: Value, control: DecodeControl) -> Value:
    # FP16, E5M2 and E4M3 have one shape after padding: sign, 5 bits of exponent, 10 of mantissa.
    padded = scratch(16, "padded")
    with m.If(control.fp16):
        m.d.comb += padded.eq(half)
    with m.Elif(control.e5m2):
        m.d.comb += padded.eq(Cat(Const(0, 8), byte))
    with m.Else():
        m.d.comb += padded.eq(Cat(Const(0, 7), byte[:7], 0, byte[7]))
    # A subnormal is shifted until its first 1 is the hidden bit; each place takes one off the
    # exponent.
    subnormal = ~padded[10:15].any()
    mantissa, steps = Cat(padded[:10], ~subnormal), []
    for log in (3, 2, 1, 0):
        step, shifted = scratch(4, f"step_{1 << log}"), scratch(11, f"normal_{1 << log}")
        m.d.comb += [
            step.eq(Cat(Const(0, log), subnormal & ~mantissa[11 - (1 << log) :].any())),
            shifted.eq(mantissa << step),
        ]
        mantissa = shifted
        steps.append(step)
    exponent = scratch(8, "exponent")
    m.d.comb += exponent.eq(padded[10:15] + control.rebias + subnormal - reduce(or_, steps))
    top = control.has_infinity & padded[10:15].all()
    value = scratch(32, "small")
    with m.If(Mux(control.has_infinity, top & padded[:10].any(), byte[:7].all())):
        m.d.comb += value.eq(CANONICAL_NAN)
    with m.Elif(top):
        m.d.comb += value.eq(Cat(Const(INFINITY, 31), padded[15]))
    with m.Else():
        # Without a leading 1 it is zero.
        m.d.comb += value.eq(
            Cat(Const(0, 13), mantissa[:10], exponent & mantissa[10].replicate(8), padded[15])
        )
    return value


def round_to(m: Module, value: Value, control: EncodeControl) -> Value:
    """FP32 bits of `value` rounded to nearest even in the format: too large is infinity, or NaN
    where there is none.

    FP32 bits are passed on as they are; other formats' NaN becomes the canonical one.
    """
    rounded = scratch(32, "rounded")
    with m.If(control.fp32):
        m.d.comb += rounded.eq(value)
    with m.Else():
        m.d.comb += rounded.eq(_round_small(m, value, control))
    return rounded


def _round_small(m: Module, value: Value, control: EncodeControl) -> Value:
    exponent, sign = value[23:31], value[31]
    deficit, dropped, places = scratch(8, "deficit"), scratch(8, "dropped"), scratch(5, "places")
    unit, below = scratch(25, "unit"), scratch(24, "below")
    moved, kept = scratch(31, "moved"), scratch(31, "kept")
    m.d.comb += [
        deficit.eq((control.low - exponent)[:8] & (exponent < control.low).replicate(8)),
        dropped.eq(control.drop + deficit),
        # 24 places leave nothing but the rounding, beyond them not even that.
        places.eq(Mux(dropped > 31, 31, dropped)),
        unit.eq(Const(1, 25) << places),
        below.eq(unit - 1),
        # A carry out of the mantissa moves the exponent on, as it should.
        moved.eq(value[:31] + below[1:] + (Cat(value[:23], 1) & unit).any()),
        kept.eq(moved & ~Cat(below[:23], Const(0, 8))),
    ]
    # At 24 places the hidden bit is worth one half: a tie goes down to 0, everything else up to the
    # next power of two.
    vanishes = ~unit.any() | (unit[24] & ~value[:23].any())
    rounded = scratch(32, "small")
    with m.If(exponent.all() & value[:23].any()):
        m.d.comb += rounded.eq(CANONICAL_NAN)
    with m.Elif(vanishes):
        m.d.comb += rounded.eq(Cat(Const(0, 31), sign))
    with m.Elif(kept > control.limit):
        m.d.comb += rounded.eq(
            Mux(control.has_infinity, Cat(Const(INFINITY, 31), sign), CANONICAL_NAN)
        )
    with m.Else():
        m.d.comb += rounded.eq(Cat(kept, sign))
    return rounded


def encode_rounded(m: Module, value: Value, control: EncodeControl) -> Value:
    """Rearrange a `value` that comes from `round_to` into an element, in the low bits; those above
    are undefined.
    """
    element = scratch(32, "element")
    with m.If(control.fp32):
        m.d.comb += element.eq(value)
    with m.Elif(control.bf16):
        m.d.comb += element.eq(value[16:])
    with m.Else():
        small = _encode_small(m, value, control)
        m.d.comb += element.eq(Mux(control.wide, Cat(small, value[31]), Cat(small[:7], value[31])))
    return element


def _encode_small(m: Module, value: Value, control: EncodeControl) -> Value:
    exponent, special = value[23:31], value[23:31].all()
    biased, deficit, field = scratch(8, "biased"), scratch(5, "deficit"), scratch(5, "field")
    small = scratch(15, "small")
    # Infinities and NaN are encoded like the numbers that would follow the largest.
    m.d.comb += biased.eq(Mux(special, control.top, exponent))
    subnormal = biased < control.low
    m.d.comb += [
        deficit.eq(control.drop + ((control.low - biased)[:4] & subnormal.replicate(4))),
        field.eq((biased - control.low)[:5] & (~subnormal).replicate(5)),
        # In a subnormal the hidden bit becomes visible; a normal's adds one to the exponent field.
        small.eq(
            (Cat(value[:23], exponent.any()) >> deficit) + (field << control.mantissa)
            | (special & ~control.has_infinity).replicate(7)
        ),
    ]
    return small
