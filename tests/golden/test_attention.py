"""Attention: the textbook against a loop over rows, the online reference against the textbook."""

import numpy as np
import pytest

from golden.attention import Blocked, attention, online_attention
from golden.storage import round_to
from isa.instructions import Format

SHAPES = [(1, 1, 5, 7, 4, 4), (4, 2, 9, 9, 8, 8), (6, 1, 3, 17, 16, 5), (2, 2, 12, 5, 8, 8)]


def tensors(heads, kv_heads, sq, skv, d, dv, fmt=Format.FP32, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (heads, sq, d), (kv_heads, skv, d), (kv_heads, skv, dv)
    return [round_to(rng.normal(size=shape).astype(np.float32), fmt) for shape in shapes]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("causal", [False, True])
def test_textbook(shape, causal):
    q, k, v = tensors(*shape)
    out = attention(q, k, v, causal=causal, scale=0.3)
    heads, kv_heads, sq, skv, *_ = shape
    for head, row in np.ndindex(heads, sq):
        kv = head // (heads // kv_heads)
        seen = max(0, row + 1 + skv - sq) if causal else skv
        weights = np.exp(0.3 * k[kv, :seen].astype(np.float64) @ q[head, row].astype(np.float64))
        expected = weights @ v[kv, :seen] / weights.sum() if seen else np.zeros(v.shape[2])
        assert np.allclose(out[head, row], expected, rtol=1e-6, atol=1e-7)


def test_default_scale_is_one_over_the_root_of_d():
    q, k, v = tensors(*SHAPES[0])
    assert np.array_equal(attention(q, k, v), attention(q, k, v, scale=0.5))


@pytest.mark.parametrize(
    "function", [attention, lambda *a, **o: online_attention(*a, Blocked(4, Format.FP16), **o)]
)
def test_a_row_that_sees_nothing_is_zero_and_what_is_masked_takes_no_part(function):
    q, k, v = tensors(1, 1, 6, 4, 8, 8, Format.FP16)
    v[0, 3], k[0, 3] = np.inf, np.nan
    out = function(q, k, v, causal=True)
    assert (out[0, :2] == 0).all()
    assert np.isfinite(out[0, :5]).all()
    assert np.isnan(out[0, 5]).all()


@pytest.mark.parametrize(
    "function", [attention, lambda *a, **o: online_attention(*a, Blocked(4, Format.FP16), **o)]
)
@pytest.mark.parametrize("causal", [False, True])
def test_keys_beyond_a_length_are_as_if_not_there(function, causal):
    q, k, v = tensors(6, 2, 5, 11, 8, 4, Format.FP16)
    k[0, 7:], v[0, 7:] = np.nan, np.inf
    out = function(q, k, v, causal=causal, lengths=(7, 11))
    assert np.allclose(out[:3], function(q[:3], k[:1, :7], v[:1, :7], causal=causal), rtol=1e-9)
    assert np.allclose(out[3:], function(q[3:], k[1:], v[1:], causal=causal), rtol=1e-9)
    with pytest.raises(ValueError, match=r"lengths must be 2, each from 1 to 11, not \(7, 12\)"):
        function(q, k, v, lengths=(7, 12))


def test_ieee_specials_in_the_textbook():
    q, k, v = (np.ones((1, 2, 2)) for _ in range(3))
    v[0, 0, 0] = np.inf
    assert attention(q, k, v)[0, 0, 0] == np.inf
    q[0, 0, 0] = np.nan
    out = attention(q, k, v)
    assert np.isnan(out[0, 0]).all() and out[0, 1, 1] == 1


@pytest.mark.parametrize("fmt", [Format.FP16, Format.BF16, Format.E4M3, Format.E5M2])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("block", [16, 13, 64])
def test_online_has_the_error_of_its_format(fmt, causal, block):
    q, k, v = tensors(4, 2, 40, 50, 16, 16, fmt)
    exact = attention(q, k, v, causal=causal)
    out = online_attention(q, k, v, Blocked(block, fmt), causal=causal)
    assert np.array_equal(out, round_to(out, fmt))
    ulp = {Format.FP16: 2.0**-11, Format.BF16: 2.0**-8, Format.E4M3: 2.0**-4, Format.E5M2: 2.0**-3}[
        fmt
    ]
    assert 0 < np.abs(out - exact).max() < 2 * ulp * np.abs(exact).max()


def test_shapes_are_checked():
    q, k, v = tensors(3, 2, 4, 4, 4, 4)
    with pytest.raises(ValueError, match=r"heads a multiple of kv heads, not \(3, 4, 4\)"):
        attention(q, k, v)
