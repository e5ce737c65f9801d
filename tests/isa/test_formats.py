"""Number formats against ml_dtypes and NumPy: every bit pattern decoded, every rounding boundary
encoded.
"""

import ml_dtypes
import numpy as np
import pytest

from isa.formats import FORMATS, canonical, decode, encode
from isa.instructions import Format

ORACLE = {
    Format.FP16: np.float16,
    Format.BF16: ml_dtypes.bfloat16,
    Format.E4M3: ml_dtypes.float8_e4m3fn,
    Format.E5M2: ml_dtypes.float8_e5m2,
}


def patterns(fmt):
    return np.arange(1 << FORMATS[fmt].bits, dtype=np.uint32).astype(FORMATS[fmt].dtype)


@pytest.mark.parametrize("fmt", ORACLE)
def test_every_pattern_decodes(fmt):
    values = decode(patterns(fmt), fmt)
    with np.errstate(invalid="ignore"):
        expected = patterns(fmt).view(ORACLE[fmt]).astype(np.float32)
    nan = np.isnan(expected)
    assert np.array_equal(values.view(np.uint32)[~nan], expected.view(np.uint32)[~nan])
    assert (values.view(np.uint32)[nan] == 0x7FC00000).all()


@pytest.mark.parametrize("fmt", ORACLE)
def test_every_value_encodes_to_its_pattern(fmt):
    values = decode(patterns(fmt), fmt)
    bits = encode(values, fmt)
    nan = np.isnan(values)
    assert np.array_equal(bits[~nan], patterns(fmt)[~nan])
    assert (bits[nan] == FORMATS[fmt].nan).all()


@pytest.mark.parametrize("fmt", ORACLE)
def test_every_boundary_rounds_to_nearest_even(fmt):
    finite = decode(patterns(fmt), fmt).astype(np.float64)
    finite = np.unique(finite[np.isfinite(finite)])
    beyond = 2 * finite[-1] - finite[-2]
    finite = np.concatenate([[-beyond], finite, [beyond]])
    middle = ((finite[1:] + finite[:-1]) / 2).astype(np.float32)
    values = np.concatenate(
        [
            middle,
            np.nextafter(middle, np.float32(-np.inf)),
            np.nextafter(middle, np.float32(np.inf)),
        ]
    )
    _same_as_oracle(values, fmt)


@pytest.mark.parametrize("fmt", ORACLE)
def test_random_values_round_like_the_oracle(fmt):
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 1 << 32, 100_000, dtype=np.uint32).view(np.float32)
    spread = (rng.normal(size=100_000) * 2.0 ** rng.integers(-30, 20, 100_000)).astype(np.float32)
    specials = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan], np.float32)
    _same_as_oracle(np.concatenate([drawn, spread, specials]), fmt)


def _same_as_oracle(values, fmt):
    bits = encode(values, fmt)
    with np.errstate(all="ignore"):
        expected = values.astype(ORACLE[fmt])
        nan = np.isnan(expected.astype(np.float32))
    wrong = np.where(nan, bits != FORMATS[fmt].nan, bits != expected.view(FORMATS[fmt].dtype))
    assert not wrong.any(), f"{values[wrong][:3]} give {bits[wrong][:3]}, not {expected[wrong][:3]}"


def test_fp32_keeps_every_bit():
    bits = np.array([0x7F800001, 0xFFFFFFFF, 0x80000000, 1], np.uint32)
    assert np.array_equal(encode(decode(bits, Format.FP32), Format.FP32), bits)


def test_canonical_replaces_nan_only():
    bits = np.array([0x7F800001, 0xFFC00000, 0x7F800000, 0x80000001], np.uint32)
    values = bits.view(np.float32)
    assert canonical(values).view(np.uint32).tolist() == [
        0x7FC00000,
        0x7FC00000,
        0x7F800000,
        0x80000001,
    ]
    assert values.view(np.uint32)[0] == 0x7F800001


def test_widths():
    assert [info.bits for info in FORMATS.values()] == [32, 16, 16, 8, 8]
    assert all(info.bits == 8 * info.bytes == 8 * info.dtype.itemsize for info in FORMATS.values())
