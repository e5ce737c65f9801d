"""Conversions are ml_dtypes' (NumPy's for FP16): from the storage formats, and to them at every
kind of boundary.
"""

import ml_dtypes
import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.sim import Simulator

from hw.float.convert import (
    decode_control,
    decode_element,
    encode_control,
    encode_rounded,
    round_to,
)
from isa.formats import FORMATS
from isa.instructions import Format

DTYPES = {
    Format.FP16: np.float16,
    Format.BF16: ml_dtypes.bfloat16,
    Format.E4M3: ml_dtypes.float8_e4m3fn,
    Format.E5M2: ml_dtypes.float8_e5m2,
}


def table(fmt):
    """Every pattern of the format, and its value as float32 by the library."""
    bits = np.arange(1 << FORMATS[fmt].bits, dtype=np.uint32).astype(FORMATS[fmt].dtype)
    return bits, bits.view(DTYPES[fmt]).astype(np.float32)


def encoded(values, fmt):
    """The library's rounding, with canonical NaN."""
    with np.errstate(all="ignore"):
        rounded = values.astype(DTYPES[fmt])
    bits = rounded.view(FORMATS[fmt].dtype).astype(np.uint32)
    return np.where(np.isnan(rounded.astype(np.float32)), FORMATS[fmt].nan, bits).astype(np.uint32)


def run(m, inputs, outputs, rows):
    """Values of `outputs` for each row of `inputs`."""
    seen = []
    sim = Simulator(m)

    async def bench(ctx):
        for row in rows:
            for signal, value in zip(inputs, row, strict=True):
                ctx.set(signal, int(value))
            seen.append([ctx.get(output) for output in outputs])

    sim.add_testbench(bench)
    sim.run()
    return np.array(seen, np.uint32).T


def decode(bits, fmt):
    m, raw = Module(), Signal(32)
    out = Signal(32)
    m.d.comb += out.eq(
        decode_element(m, raw, raw[:16], raw[:8], decode_control(m, Signal(3, init=int(fmt))))
    )
    return run(m, [raw], [out], zip(bits, strict=True))[0]


def encode(values, fmt):
    """Rounded FP32 bits and element bits."""
    m, value = Module(), Signal(32)
    rounded, element = Signal(32), Signal(FORMATS[fmt].bits)
    control = encode_control(m, Signal(3, init=int(fmt)))
    m.d.comb += [
        rounded.eq(round_to(m, value, control)),
        element.eq(encode_rounded(m, rounded, control)),
    ]
    return run(m, [value], [rounded, element], zip(values.view(np.uint32), strict=True))


def hard_values(fmt):
    """Every value of the format (a sample, if 16 bits), the middles between neighbours, their
    neighbours, and any bits.
    """
    rng = np.random.default_rng(4)
    _, values = table(fmt)
    values = values[np.isfinite(values)]
    if FORMATS[fmt].bits == 16:
        keep = rng.random(len(values)) < 0.02
        keep[:40] = keep[1010:1040] = keep[31700:31744] = True
        values = values[keep]
    spaced = np.sort(np.abs(values)).astype(np.float64)
    middle = ((spaced[1:] + spaced[:-1]) / 2).astype(np.float32)
    beyond = np.array([spaced[-1] * f for f in (1.001, 1.03, 1.07, 1.2, 2, 1e30)], np.float64)
    with np.errstate(over="ignore"):
        beyond = beyond.astype(np.float32)
    anything = rng.integers(0, 1 << 32, 1000, dtype=np.uint32).view(np.float32)
    near = (rng.normal(size=1000) * np.ldexp(1.0, rng.integers(-30, 18, 1000))).astype(np.float32)
    fixed = np.array(
        [0, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00001, 0x7FFFFFFF],
        np.uint32,
    )
    around = [np.nextafter(middle, np.float32(side)) for side in (0, np.inf)]
    positive = np.concatenate(
        [spaced.astype(np.float32), middle, *around, beyond, anything, near, fixed.view(np.float32)]
    )
    return np.concatenate([positive, -positive])


@pytest.mark.parametrize("fmt", DTYPES)
def test_decoding_is_exact(fmt):
    bits, values = table(fmt)
    expected = np.where(np.isnan(values), np.uint32(0x7FC00000), values.view(np.uint32))
    if FORMATS[fmt].bits == 16:
        pick = np.unique(
            np.concatenate(
                [np.arange(1100), np.arange(31700, 32900), np.arange(0, 1 << 16, 37), [65535]]
            )
        )
        bits, expected = bits[pick], expected[pick]
    actual = decode(bits, fmt)
    wrong = np.flatnonzero(actual != expected)
    assert not len(wrong), "; ".join(
        f"{bits[i]:x}: expected {expected[i]:08x}, got {actual[i]:08x}" for i in wrong[:5]
    )


@pytest.mark.parametrize("fmt", DTYPES)
def test_encoding_rounds_to_nearest_even(fmt):
    values = hard_values(fmt)
    expected = encoded(values, fmt)
    _, library = table(fmt)
    stored = np.where(np.isnan(library), np.uint32(0x7FC00000), library.view(np.uint32))[expected]
    rounded, element = encode(values, fmt)
    for what, actual, wanted in (
        ("element", element, expected),
        ("rounded value", rounded, stored),
    ):
        wrong = np.flatnonzero(actual != wanted)
        assert not len(wrong), f"{what}: " + "; ".join(
            f"{values[i]!r} ({values.view(np.uint32)[i]:08x}): expected {wanted[i]:x}, got "
            f"{actual[i]:x}"
            for i in wrong[:5]
        )


def test_fp32_bits_are_kept():
    values = np.array([0, 1, 0x80000000, 0x7F800001, 0xFFFFFFFF, 0x12345678], np.uint32)
    assert np.array_equal(decode(values, Format.FP32), values)
    rounded, element = encode(values.view(np.float32), Format.FP32)
    assert np.array_equal(rounded, values) and np.array_equal(element, values)
