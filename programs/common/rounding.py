"""Values of any float type in a storage format: rounded once, and what that cost, counted."""

from dataclasses import astuple, dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS, decode, encode
from isa.instructions import Format

__all__ = ["Rounding", "round_once"]


@dataclass(frozen=True)
class Rounding:
    """Numbers and infinities that are not what they were, after rounding to a storage format."""

    changed: int = 0
    """All of them."""
    nan: int = 0
    infinity: int = 0
    zero: int = 0
    largest: int = 0
    """Saturated: beyond the largest number of the format, and rounded to that."""

    def __add__(self, other: "Rounding") -> "Rounding":
        return Rounding(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        words = {
            "NaN": self.nan,
            "infinite": self.infinity,
            "zero": self.zero,
            "the largest number": self.largest,
        }
        return ", ".join(f"{count:,} became {what}" for what, count in words.items() if count)


def round_once(values: NDArray[np.floating], fmt: Format) -> tuple[NDArray[np.float32], Rounding]:
    """The values as they read back from `fmt`, rounded to nearest even from whatever they are."""
    stored = decode(encode(_to_float32(values), fmt), fmt)
    finite = np.isfinite(values)
    largest = _largest(fmt)
    with np.errstate(invalid="ignore"):
        masks = (
            (stored != values) & ~np.isnan(values),
            np.isnan(stored) & ~np.isnan(values),
            finite & np.isinf(stored),
            (stored == 0) & (values != 0),
            finite & (np.abs(values) > largest) & (np.abs(stored) == largest),
        )
    return stored, Rounding(*(int(mask.sum()) for mask in masks))


@cache
def _largest(fmt: Format) -> float:
    """The largest number of a format."""
    info = FORMATS[fmt]
    if info.bits == 32:
        return float(np.finfo(np.float32).max)
    every = decode(np.arange(1 << info.bits).astype(info.dtype), fmt)
    return float(every[np.isfinite(every)].max())


def _to_float32(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """In float32 such that rounding to fewer bits gives what it gives of the values themselves."""
    if values.dtype.itemsize > 8:
        values = _to_odd(values, np.dtype(np.float64))
    if values.dtype.itemsize > 4:
        values = _to_odd(values, np.dtype(np.float32))
    return values.astype(np.float32)


def _to_odd(wide: NDArray[np.floating], narrow: np.dtype) -> NDArray[np.floating]:
    """Round to odd: what is inexact is cut off and gets a last bit of 1, so that a second rounding
    sees that there was more.

    S. Boldo, G. Melquiond: Emulation of FMA and correctly rounded sums (2008).
    """
    with np.errstate(over="ignore", under="ignore"):
        near = wide.astype(narrow)
    back = near.astype(wide.dtype)
    inexact = np.isfinite(wide) & (back != wide)
    cut = np.where(np.abs(back) > np.abs(wide), np.nextafter(near, narrow.type(0)), near)
    bits = cut.view(f"u{narrow.itemsize}")
    return (bits | inexact.astype(bits.dtype)).view(narrow)
