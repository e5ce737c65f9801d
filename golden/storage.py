"""Storage formats at speed: the same results as `isa.formats`, which is the definition (a test
holds them together).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from isa import formats
from isa.formats import FORMATS
from isa.instructions import Format

__all__ = ["decode", "dtype_of", "encode", "round_to"]

Floats = NDArray[np.float32]
Bits = NDArray[np.unsignedinteger]


def dtype_of(fmt: Format) -> np.dtype:
    """Unsigned integer type that holds the bits of an element in L1 and HBM (little endian)."""
    return FORMATS[fmt].dtype


@cache
def _values(fmt: Format) -> Floats:
    """The value of every bit pattern of a format of up to 16 bits."""
    info = FORMATS[fmt]
    table = formats.decode(np.arange(1 << info.bits, dtype=np.uint32).astype(info.dtype), fmt)
    table.setflags(write=False)
    return table


def decode(bits: Bits, fmt: Format) -> Floats:
    """Value of each element in FP32; always a copy, so that the storage may be overwritten with the
    result.
    """
    if fmt == Format.FP32:
        return np.array(bits, np.uint32, order="C").view(np.float32)
    return np.take(_values(fmt), bits)


def encode(values: Floats, fmt: Format) -> Bits:
    """Bits of each FP32 value, rounded to nearest even; NaN becomes canonical except in FP32."""
    values = np.ascontiguousarray(values, np.float32)
    if fmt == Format.FP32:
        return values.view(np.uint32)
    info = FORMATS[fmt]
    raw = values.view(np.uint32)
    sign = raw >> 31 << info.bits - 1
    magnitude = raw & 0x7FFFFFFF
    # Normal results: add half of what is cut off (less one for even ones), cut it off, exchange the
    # bias.
    cut = 23 - info.mantissa
    shift = info.bias - 127 << info.mantissa
    bits = (magnitude + ((1 << cut - 1) - 1) + (magnitude >> cut & 1) >> cut).astype(
        np.int64
    ) + shift
    # Subnormal results: the FP32 adder rounds at the right place if a power of two puts its last
    # bit there.
    if info.bias < 127:
        small = magnitude < 1 - info.bias + 127 << 23
        if small.any():
            magic = np.float32(2.0 ** (24 - info.bias - info.mantissa))
            sums = magnitude[small].view(np.float32) + magic
            bits[small] = sums.view(np.uint32) - magic.view(np.uint32)
    infinity = (1 << info.exponent) - 1 << info.mantissa if info.has_infinity else info.nan
    bits = bits.astype(np.uint32)
    over = bits >= infinity
    bits[over] = infinity
    bits |= sign
    if not info.has_infinity:
        bits[over] = info.nan
    bits[magnitude > 0x7F800000] = info.nan
    return bits.astype(info.dtype)


def round_to(values: Floats, fmt: Format) -> Floats:
    """Each value as it reads back after it was stored."""
    return decode(encode(values, fmt), fmt)
