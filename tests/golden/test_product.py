"""The two products agree with each other, and with what they say of special values."""

import numpy as np
import pytest

from golden.product import blocked_product, product
from isa.instructions import Format


@pytest.mark.parametrize(("fmt", "bits"), [(Format.FP16, 11), (Format.BF16, 8), (Format.E4M3, 4)])
def test_blocked_is_within_a_rounding_of_exact(fmt, bits):
    rng = np.random.default_rng(1)
    a, b = rng.choice([-1.0, -0.5, 0.5, 1.0], (2, 9, 70)), rng.choice([-1.0, 0.5, 1.0], (2, 70, 5))
    exact = product(a, b)
    assert exact.dtype == np.float64 and np.array_equal(exact[1, 2], a[1, 2] @ b[1])
    assert (
        np.abs(blocked_product(a, b, block=32, fmt=fmt) - exact)
        <= np.abs(exact) * 2.0**-bits + 1e-9
    ).all()


def test_special_values_stay_in_their_row():
    a, b = np.ones((1, 3, 4)), np.ones((1, 4, 2))
    a[0, 1, 2] = np.nan
    for out in (product(a, b), blocked_product(a, b, block=2, fmt=Format.FP16)):
        assert np.isnan(out[0, 1]).all() and (out[0, [0, 2]] == 4).all()
