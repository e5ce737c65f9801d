"""Rounding from any float type happens once, and is counted."""

import numpy as np
import pytest

from isa.formats import FORMATS, decode
from isa.instructions import Format
from programs.common.rounding import Rounding, round_once

STORAGE = (Format.FP16, Format.BF16, Format.E4M3, Format.E5M2)


@pytest.mark.parametrize("fmt", STORAGE)
@pytest.mark.parametrize("dtype", [np.float64, np.longdouble])
def test_halfway_cases_are_seen_in_what_came_in(fmt, dtype):
    """A hair above the middle of two neighbours is above it, though FP32 cannot tell."""
    info = FORMATS[fmt]
    every = decode(np.arange(1 << info.bits - 1).astype(info.dtype), fmt)
    low, high = (side.astype(dtype) for side in (every[:-1], every[1:]))
    known = np.isfinite(low) & np.isfinite(high)
    low, high = low[known], high[known]
    middle = (low + high) / 2
    assert np.array_equal(round_once(middle * dtype(1 + 2.0**-50), fmt)[0], high)
    assert np.array_equal(round_once(-middle * dtype(1 - 2.0**-50), fmt)[0], -low)


def test_what_rounding_does_is_counted():
    values = np.array([1, 0.1, 1e300, -1e5, 1e-30, 0, np.nan, np.inf, 450])
    assert round_once(values, Format.FP16)[1] == Rounding(4, infinity=2, zero=1)
    stored, cost = round_once(values, Format.E4M3)
    assert cost == Rounding(6, nan=3, zero=1, largest=1) and stored[-1] == 448
    assert str(cost) == "3 became NaN, 1 became zero, 1 became the largest number"
    assert round_once(values[:1], Format.FP16)[1] == Rounding()
