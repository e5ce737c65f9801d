"""The fast conversions are those of `isa.formats`."""

import numpy as np
import pytest

from golden import storage
from isa import formats
from isa.formats import FORMATS
from isa.instructions import Format

STORED = [Format.FP16, Format.BF16, Format.E4M3, Format.E5M2]


def interesting(fmt):
    """All values of the format, all middles between neighbours, their FP32 neighbours, and random
    bits.
    """
    info = FORMATS[fmt]
    values = formats.decode(
        np.arange(1 << info.bits, dtype=np.uint32).astype(info.dtype), fmt
    ).astype(np.float64)
    finite = np.unique(values[np.isfinite(values)])
    finite = np.append(finite, 2 * finite[-1] - finite[-2])
    middles = ((finite[1:] + finite[:-1]) / 2).astype(np.float32)
    near = np.concatenate([finite.astype(np.float32), middles])
    near = np.concatenate(
        [near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))]
    )
    drawn = np.random.default_rng(0).integers(0, 1 << 32, 300_000, dtype=np.uint32).view(np.float32)
    return np.concatenate(
        [near, -near, drawn, np.array([0.0, -0.0, np.inf, -np.inf, np.nan], np.float32)]
    )


@pytest.mark.parametrize("fmt", STORED)
def test_encode_is_that_of_isa(fmt):
    with np.errstate(over="ignore"):
        values = interesting(fmt)
    fast, slow = storage.encode(values, fmt), formats.encode(values, fmt)
    assert fast.dtype == slow.dtype
    wrong = fast != slow
    assert not wrong.any(), f"{values[wrong][:3]}: {fast[wrong][:3]}, not {slow[wrong][:3]}"


@pytest.mark.parametrize("fmt", STORED)
def test_decode_is_that_of_isa(fmt):
    bits = np.arange(1 << FORMATS[fmt].bits, dtype=np.uint32).astype(FORMATS[fmt].dtype)
    assert np.array_equal(
        storage.decode(bits, fmt).view(np.uint32), formats.decode(bits, fmt).view(np.uint32)
    )


def test_fp32_keeps_its_bits_and_is_copied():
    bits = np.array([[0x7F800001, 0xFFC12345], [1, 0x80000000]], np.uint32)
    values = storage.decode(bits, Format.FP32)
    assert np.array_equal(storage.encode(values, Format.FP32), bits)
    bits[:] = 0
    assert storage.encode(values, Format.FP32).any()
