"""Every operation against an independent formulation: exact rationals, float64, or the scalar rule
written out again.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from golden import arithmetic
from golden.arithmetic import add, exp2, exponential, matmul, maximum, multiply, reciprocal
from golden.storage import decode
from isa.exp2 import TABLE
from isa.formats import FORMATS
from isa.instructions import Format

NAN = 0x7FC00000
STORED = [fmt for fmt in Format if fmt != Format.FP32]
BITS = st.one_of(
    st.integers(0, (1 << 32) - 1),
    st.sampled_from(
        [0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, NAN]
    ).flatmap(lambda bits: st.sampled_from([bits, bits | 1 << 31])),
)


def value(bits):
    return np.array([bits], np.uint32).view(np.float32)


def bits_of(values):
    return int(values.view(np.uint32)[0])


def exact(bits):
    """A finite value as a rational; zeros, infinities and NaN as None."""
    number = float(value(bits)[0])
    return Fraction(number) if math.isfinite(number) and number else None


def rounded(number: Fraction) -> int:
    """Nearest FP32 to a rational, ties to even, with gradual underflow: counted in units of the
    last place.
    """
    sign, number = (1 << 31 if number < 0 else 0), abs(number)
    exponent = -149
    while number >= Fraction(2) ** (exponent + 24):
        exponent += 1
    units = number / Fraction(2) ** exponent
    whole = math.floor(units)
    rest = units - whole
    whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2)
    bits = whole if exponent == -149 else (exponent + 149 << 23) + whole
    return sign | min(bits, 0x7F800000)


@given(BITS, BITS)
def test_add_is_the_rounded_sum(a, b):
    result = bits_of(add(value(a), value(b)))
    x, y = exact(a), exact(b)
    if x is not None and y is not None and x + y:
        assert result == rounded(x + y)
    elif x is not None and y is not None:
        assert result == 0
    else:
        with np.errstate(invalid="ignore"):
            expected = value(a) + value(b)
        assert result == (NAN if np.isnan(expected[0]) else bits_of(expected))


@given(BITS, BITS)
@example(0x00800000, 0x3F7FFFFF)  # just below 2^-126 before rounding, not after
@example(0x00400000, 0x7F000000)  # a subnormal operand whose product would be normal
def test_multiply_flushes_operands_and_exact_products(a, b):
    result = bits_of(multiply(value(a), value(b)))
    sign = (a ^ b) & 1 << 31
    x, y = (None if each & 0x7F800000 == 0 else exact(each) for each in (a, b))
    specials = [each for each in (a, b) if each & 0x7F800000 == 0x7F800000]
    if specials:
        zero = any(each & 0x7F800000 == 0 for each in (a, b))
        nan = zero or any(each & 0x7FFFFF for each in specials)
        assert result == (NAN if nan else sign | 0x7F800000)
    elif x is None or y is None or abs(x * y) < Fraction(1, 2**126):
        assert result == sign
    else:
        assert result == rounded(x * y)


@given(BITS)
@example(0x7E800000)  # 2^126: the smallest result
@example(0x7E800001)
@example(0x00800000)
def test_reciprocal_is_correctly_rounded(a):
    result = bits_of(reciprocal(value(a)))
    sign = a & 1 << 31
    if a & 0x7F800000 == 0x7F800000:
        assert result == (NAN if a & 0x7FFFFF else sign)
    elif a & 0x7F800000 == 0:
        assert result == 0
    else:
        expected = rounded(1 / exact(a))
        assert result == (expected if expected & 0x7F800000 else sign)


@given(BITS, BITS)
def test_maximum_gives_the_bits_of_an_operand(a, b):
    result = bits_of(maximum(value(a), value(b)))
    assert result in (a, b)
    x, y = value(a)[0], value(b)[0]
    if not np.isnan([x, y]).any():
        assert value(result)[0] == max(x, y)


def test_maximum_orders_zeros_and_canonical_nan():
    assert bits_of(maximum(value(1 << 31), value(0))) == 0
    assert bits_of(maximum(value(NAN), value(0x7F800000))) == NAN
    assert bits_of(maximum(value(0xFF800000), value(0xFF7FFFFF))) == 0xFF7FFFFF


def scalar_exp2(t: float) -> float:
    """The rule of `isa.exp2`, in Python's integers."""
    if math.isnan(t) or t >= 128:
        return abs(t) * math.inf
    if t < -1000:
        return 0.0
    fixed = math.trunc(Fraction(t) * 2**23)
    n, fraction = fixed >> 23, fixed % 2**23
    index, rest = divmod(fraction, 2**15)
    y = TABLE[index] + ((TABLE[index + 1] - TABLE[index]) * rest >> 15)
    return math.ldexp(y, n - 23) if n >= -126 else 0.0


@given(BITS)
@example(0xC2FC0000)  # -126
@example(0xC2FC0001)
@example(0x43000000)  # 128
@example(0x80000001)
def test_exp2_follows_the_rule(t):
    result = exp2(value(t))
    expected = scalar_exp2(float(value(t)[0]))
    assert bits_of(result) == (
        NAN if math.isnan(expected) else bits_of(np.array([expected], np.float32))
    )


def test_exp2_never_falls_over_a_whole_octave_and_its_joints():
    previous = -1
    for start in range(0, 1 << 23, 1 << 20):
        t = -1 - (np.arange(start, start + (1 << 20) + 1)[::-1] / (1 << 23)).astype(np.float64)
        falling = exp2(t.astype(np.float32)[::-1]).view(np.int32).astype(np.int64)
        assert (np.diff(falling) <= 0).all()
        assert previous in (-1, falling[0])
        previous = falling[-1]
    whole = exp2(np.arange(-130, 131, dtype=np.float32))
    assert (np.diff(whole[:-3]) >= 0).all()
    assert bits_of(exp2(value(0))) == bits_of(exp2(value(1 << 31))) == 0x3F800000


@given(BITS, BITS)
def test_exponential_of_minus_infinity_is_zero(b, imm):
    assert bits_of(exponential(value(0xFF800000), value(b), value(imm))) == 0


@given(BITS, BITS, BITS)
def test_exponential_is_its_three_steps(a, b, imm):
    if a != 0xFF800000:
        steps = exp2(multiply(add(value(a), value(b ^ 1 << 31)), value(imm)))
        assert bits_of(exponential(value(a), value(b), value(imm))) == bits_of(steps)


def scalar_matmul(a, b, c, *, flush):
    """One NumPy scalar operation after the other."""
    out = np.zeros((a.shape[0], b.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for i, j in np.ndindex(out.shape):
            total = np.float32(0) if c is None else c[i, j]
            for k in range(a.shape[1]):
                product = a[i, k] * b[k, j]
                if flush and abs(float(a[i, k]) * float(b[k, j])) < 2.0**-126:
                    product = np.copysign(np.float32(0), product)
                total = total + product
            out[i, j] = total
    out.view(np.uint32)[np.isnan(out)] = NAN
    return out


@pytest.mark.parametrize("fmt_a", STORED)
@pytest.mark.parametrize("fmt_b", STORED)
@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("accumulate", [False, True])
def test_matmul_is_one_rounding_for_each_k(fmt_a, fmt_b, special, accumulate):
    rng = np.random.default_rng([int(fmt_a), int(fmt_b), special, accumulate])
    for m, n, k in ((1, 1, 1), (3, 5, 7), (8, 4, 33)):
        a, b = (
            decode(rng.integers(0, 1 << FORMATS[fmt].bits, shape).astype(FORMATS[fmt].dtype), fmt)
            for fmt, shape in ((fmt_a, (m, k)), (fmt_b, (k, n)))
        )
        if not special:
            a, b = (np.nan_to_num(x, nan=1, posinf=1, neginf=-1) for x in (a, b))
            a, b = (x.clip(-(2.0**60), 2.0**60) for x in (a, b))
        c = rng.normal(size=(m, n)).astype(np.float32) if accumulate else None
        expected = scalar_matmul(a, b, c, flush=Format.BF16 in (fmt_a, fmt_b))
        assert np.array_equal(matmul(a, b, c).view(np.uint32), expected.view(np.uint32))


def test_matmul_flushes_bf16_products_to_a_signed_zero():
    tiny = np.array([[2.0**-70]], np.float32)
    minus = np.array([[np.float32(-0.0)]])
    assert bits_of(matmul(-tiny, tiny, minus)[0]) == 1 << 31
    assert bits_of(matmul(tiny, tiny, minus)[0]) == 0
    assert bits_of(matmul(tiny, tiny * 2**14)[0]) == 1 << 23


def test_matmul_of_more_products_than_fit_at_once():
    rng = np.random.default_rng(0)
    a, b = (
        rng.normal(size=shape).astype(np.float16).astype(np.float32)
        for shape in ((200, 40), (40, 300))
    )
    assert arithmetic._PRODUCTS < 200 * 300
    total = np.zeros((200, 300), np.float32)
    for k in range(40):
        total = total + np.outer(a[:, k], b[k])
    assert np.array_equal(matmul(a, b), total)


def test_matmul_of_stacked_tiles():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 4, 5), (3, 5, 6)))
    assert np.array_equal(matmul(a, b), np.stack([matmul(x, y) for x, y in zip(a, b, strict=True)]))
