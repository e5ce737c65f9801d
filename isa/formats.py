"""Number formats: what bits mean, and the one rounding rule (nearest, ties to even) that everybody
shares.

NaN is canonical wherever an operation or a conversion makes one: positive, quiet, empty payload.
E4M3 follows OCP (no infinity, one NaN pattern per sign), so that what is too large becomes NaN; the
other formats overflow to infinity.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.instructions import Format

__all__ = ["FORMATS", "FormatInfo", "canonical", "decode", "encode"]


class FormatInfo(NamedTuple):
    """Layout of a binary floating-point format: sign, `exponent` bits, `mantissa` bits."""

    exponent: int
    mantissa: int
    bias: int
    has_infinity: bool
    nan: int
    """Bits of the canonical NaN."""

    @property
    def bits(self) -> int:
        """Width of the format."""
        return 1 + self.exponent + self.mantissa

    @property
    def bytes(self) -> int:
        """Bytes of an element."""
        return self.bits // 8

    @property
    def dtype(self) -> np.dtype:
        """Unsigned integer type that holds the bits of an element."""
        return np.dtype(f"u{self.bytes}")


FORMATS: dict[Format, FormatInfo] = {
    Format.FP32: FormatInfo(8, 23, 127, True, 0x7FC00000),
    Format.FP16: FormatInfo(5, 10, 15, True, 0x7E00),
    Format.BF16: FormatInfo(8, 7, 127, True, 0x7FC0),
    Format.E4M3: FormatInfo(4, 3, 7, False, 0x7F),
    Format.E5M2: FormatInfo(5, 2, 15, True, 0x7E),
}


def canonical(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same values with every NaN replaced by the canonical one."""
    out = np.array(values, np.float32)
    out.view(np.uint32)[np.isnan(out)] = FORMATS[Format.FP32].nan
    return out


def decode(bits: NDArray[np.unsignedinteger], fmt: Format) -> NDArray[np.float32]:
    """Value of each element, exact in FP32; NaN becomes canonical except for FP32, whose bits are
    kept.
    """
    if fmt == Format.FP32:
        return np.ascontiguousarray(bits, np.uint32).view(np.float32)
    info = FORMATS[fmt]
    raw = np.asarray(bits).astype(np.uint32)
    exponent = raw >> info.mantissa & (1 << info.exponent) - 1
    mantissa = raw & (1 << info.mantissa) - 1
    top = exponent == (1 << info.exponent) - 1
    scale = np.where(exponent == 0, 1, exponent).astype(np.int32) - info.bias - info.mantissa
    significand = mantissa + np.where(exponent == 0, 0, 1 << info.mantissa).astype(np.uint32)
    value = np.ldexp(
        np.where(top & info.has_infinity, 0, significand).astype(np.float64), scale
    ).astype(np.float32)
    if info.has_infinity:
        value = np.where(
            top, np.where(mantissa == 0, np.float32(np.inf), np.float32(np.nan)), value
        )
    else:
        value = np.where(top & (mantissa == (1 << info.mantissa) - 1), np.float32(np.nan), value)
    negative = (raw >> info.bits - 1).astype(bool)
    return canonical(np.where(negative, -value, value).astype(np.float32))


def encode(values: NDArray[np.float32], fmt: Format) -> NDArray[np.unsignedinteger]:
    """Bits of each FP32 value in `fmt`, rounded to nearest even; FP32 bits are kept as they are."""
    values = np.ascontiguousarray(values, np.float32)
    if fmt == Format.FP32:
        return values.view(np.uint32)
    info = FORMATS[fmt]
    sign = (values.view(np.uint32) >> 31).astype(np.uint32) << info.bits - 1
    magnitude = np.abs(np.where(np.isnan(values), np.float32(0), values)).astype(np.float64)
    # The spacing of `fmt` around each value; float64 holds value / spacing exactly.
    _, exponent = np.frexp(magnitude)
    spacing = np.maximum(exponent - 1, 1 - info.bias) - info.mantissa
    with np.errstate(invalid="ignore"):
        rounded = np.ldexp(np.rint(np.ldexp(magnitude, -spacing)), spacing)
    largest_exponent = (1 << info.exponent) - 1 - (1 if info.has_infinity else 0)
    largest_mantissa = (1 << info.mantissa) - (1 if info.has_infinity else 2)
    largest = np.ldexp(
        (1 << info.mantissa) + largest_mantissa, largest_exponent - info.bias - info.mantissa
    )
    overflow = rounded > largest
    finite = np.where(overflow | ~np.isfinite(magnitude), 0.0, rounded)
    _, exponent = np.frexp(finite)
    # Counted in units of the subnormal spacing, a subnormal's bits are its significand; a normal
    # adds its exponent field.
    biased = np.where(finite < np.ldexp(1.0, 1 - info.bias), 0, exponent - 1 + info.bias)
    significand = np.ldexp(finite, info.bias + info.mantissa - np.maximum(biased, 1)).astype(
        np.uint32
    )
    bits = (np.maximum(biased, 1).astype(np.uint32) - 1 << info.mantissa) + significand
    infinity = ((1 << info.exponent) - 1) << info.mantissa if info.has_infinity else info.nan
    bits = np.where(overflow, infinity, bits).astype(np.uint32) | sign
    if not info.has_infinity:
        bits = np.where(overflow, info.nan, bits)
    return np.where(np.isnan(values), info.nan, bits).astype(info.dtype)
