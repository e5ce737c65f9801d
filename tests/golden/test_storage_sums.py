"""Arithmetic of reductions: storage formats, and the order of a maximum."""

import ml_dtypes
import numpy as np
import pytest

from golden.reduction import combine
from golden.storage import dtype_of
from isa.geometry import Rectangle
from isa.instructions import Format, ReduceOp

NARROW = {
    Format.FP16: np.float16,
    Format.BF16: ml_dtypes.bfloat16,
    Format.E4M3: ml_dtypes.float8_e4m3fn,
    Format.E5M2: ml_dtypes.float8_e5m2,
}


@pytest.mark.parametrize("fmt", NARROW)
def test_storage_formats_are_summed_in_fp32_and_rounded_by_each_router(fmt):
    numbers = np.random.default_rng(fmt).normal(scale=8, size=(3, 4096)).astype(NARROW[fmt])
    bits = {(x, 0): row.view(dtype_of(fmt)) for x, row in enumerate(numbers)}
    row = Rectangle(0, 0, 2, 0)
    west, middle, east = numbers.astype(np.float32)
    at_end = ((east + middle).astype(NARROW[fmt]).astype(np.float32) + west).astype(NARROW[fmt])
    assert np.array_equal(combine(bits, row, (0, 0), ReduceOp.SUM, fmt).view(NARROW[fmt]), at_end)
    in_the_middle = ((middle + west) + east).astype(NARROW[fmt])
    assert np.array_equal(
        combine(bits, row, (1, 0), ReduceOp.SUM, fmt).view(NARROW[fmt]), in_the_middle
    )
    assert np.array_equal(
        combine(bits, row, (1, 0), ReduceOp.MAX, fmt).view(NARROW[fmt]), numbers.max(axis=0)
    )


@pytest.mark.parametrize("fmt", NARROW)
def test_a_maximum_is_ordered_by_sign_and_magnitude(fmt):
    dtype = dtype_of(fmt)
    top = 1 << 8 * dtype.itemsize - 1
    pairs = {(0, top): 0, (top, top | 1): top, (top - 1, 1): top - 1, (2 * top - 1, top): top}
    for (a, b), larger in pairs.items():
        members = {(0, 0): np.array([a], dtype), (1, 0): np.array([b], dtype)}
        assert combine(members, Rectangle(0, 0, 1, 0), (0, 0), ReduceOp.MAX, fmt).tolist() == [
            larger
        ]
