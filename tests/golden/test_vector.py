"""Masks, row maxima and row sums against loops over single elements."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.vector import exp_rows, masked_columns, row_max, row_sums
from isa.instructions import Format


@given(st.integers(1, 20), st.integers(0, 20), st.integers(-30, 30), st.integers(0, 7))
def test_masked_columns(m, n, mask, mask_rows):
    masked = masked_columns(m, n, mask, mask_rows)
    for r in range(m):
        for c in range(n):
            assert masked[r, c] == (c >= mask + (r // mask_rows if mask_rows else 0))


def scalar_sum(row, lanes):
    """The hardware's order, one addition at a time."""

    def tree(values):
        return (
            values[0]
            if len(values) == 1
            else tree(values[: len(values) // 2]) + tree(values[len(values) // 2 :])
        )

    padded = 1
    while padded < lanes:
        padded *= 2
    totals = [np.float32(0), np.float32(0)]
    for chunk, start in enumerate(range(0, len(row), lanes)):
        part = list(row[start : start + lanes])
        totals[chunk % 2] = totals[chunk % 2] + tree(part + [np.float32(0)] * (padded - len(part)))
    return totals[0] + totals[1]


@given(
    st.integers(1, 4),
    st.integers(0, 70),
    st.sampled_from([1, 2, 3, 6, 8, 16, 64]),
    st.integers(0, 1 << 32),
)
def test_row_sums_add_in_the_order_of_the_hardware(m, n, lanes, seed):
    values = np.random.default_rng(seed).exponential(size=(m, n)).astype(np.float32)
    expected = np.array([scalar_sum(row, lanes) for row in values], np.float32)
    assert np.array_equal(row_sums(values, lanes).view(np.uint32), expected.view(np.uint32))


def test_row_max_takes_the_start_where_nothing_is_left():
    a = np.array([[1, 5, 3], [2, -7, 4]], np.float32)
    masked = np.array([[False, True, False], [True, True, True]])
    assert row_max(a, None, masked).tolist() == [3, -np.inf]
    assert row_max(a, np.array([9, -9], np.float32), masked).tolist() == [9, -9]
    assert row_max(a[:, :0], None, None).tolist() == [-np.inf, -np.inf]


def test_row_max_keeps_bits_of_nan_and_zeros():
    a = np.array(
        [[0x7FC00000, 0x7F800000], [0x80000000, 0x00000000], [0xFFFFFFFF, 0xFF800000]], np.uint32
    ).view(np.float32)
    assert row_max(a, None, None).view(np.uint32).tolist() == [0x7FC00000, 0, 0xFF800000]


@pytest.mark.parametrize("fmt", list(Format))
def test_exp_rows_sums_what_it_stores(fmt):
    rng = np.random.default_rng(1)
    a = rng.normal(size=(5, 19)).astype(np.float32)
    a[0, 3] = -np.inf
    top = a.max(axis=1)
    masked = masked_columns(5, 19, 9, 2)
    bits, sums = exp_rows(a, top, np.array([1.5], np.float32), fmt=fmt, masked=masked, lanes=8)
    from golden.storage import decode

    stored = decode(bits, fmt)
    assert (stored[masked] == 0).all() and stored[0, 3] == 0
    assert np.array_equal(sums, row_sums(stored, 8))
    expected = np.where(masked, 0, np.exp2((a - top[:, None]).astype(np.float64) * 1.5))
    assert np.allclose(
        stored, expected, rtol={Format.E5M2: 0.13, Format.E4M3: 0.07}.get(fmt, 5e-3), atol=2e-3
    )
