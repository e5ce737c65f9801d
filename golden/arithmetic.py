"""FP32 arithmetic as the hardware does it, element by element over whole arrays.

Additions are NumPy's (nearest even, gradual underflow); multiplications flush what is subnormal,
before and after; every NaN that comes out is the canonical one. All functions take and give float32
arrays and broadcast like NumPy.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from isa.exp2 import FRACTION_BITS, INDEX_BITS, TABLE
from isa.formats import FORMATS
from isa.instructions import Format

__all__ = [
    "LOG2E",
    "add",
    "exp2",
    "exponential",
    "from_key",
    "matmul",
    "maximum",
    "multiply",
    "order_key",
    "reciprocal",
]

Floats = NDArray[np.float32]

LOG2E = np.float32(1.4426950408889634)
"""The immediate that makes EXP an exponential to base e."""

_NAN = np.uint32(FORMATS[Format.FP32].nan)
_NORMAL = np.float32(2.0**-126)
_TABLE = np.array(TABLE, np.int64)
_PRODUCTS = 1 << 15
"""Elements of products computed at once by `matmul`: they should stay in a processor's cache."""

quiet = partial(np.errstate, all="ignore")
"""IEEE exceptions are results here, not warnings."""


def _canonical(values: Floats) -> Floats:
    """Make every NaN the canonical one, in place."""
    nan = values != values
    if nan.any():
        values.view(np.uint32)[nan] = _NAN
    return values


def add(a: Floats, b: Floats) -> Floats:
    """A + b."""
    with quiet():
        return _canonical(np.atleast_1d(np.add(a, b, dtype=np.float32)))


def multiply(a: Floats, b: Floats) -> Floats:
    """A * b in the vector engine and in EXP: what is below 2^-126 counts as zero, of operands and
    of the exact product.
    """
    with quiet():
        # 24 by 24 bits and exponents down to -252: exact in float64.
        product = np.atleast_1d(np.multiply(_flush(a), _flush(b), dtype=np.float64))
        tiny = np.abs(product) < _NORMAL
        product[tiny] = np.copysign(0.0, product[tiny])
        return _canonical(product.astype(np.float32))


def _flush(values: Floats) -> Floats:
    values = np.asarray(values, np.float32)
    return np.where(np.abs(values) < _NORMAL, np.copysign(np.float32(0), values), values)


def reciprocal(a: Floats) -> Floats:
    """1 / a, correctly rounded; 0 for zeros, and zero of the sign where the result would be
    subnormal.
    """
    with quiet():
        a = np.atleast_1d(_flush(a))
        result = _canonical(_flush(np.divide(np.float32(1), a)))
        result[a == 0] = 0
        return result


def order_key(values: Floats) -> NDArray[np.int32]:
    """Integers that order FP32 values: -NaN < -inf < ... < -0 < +0 < ... < +inf < NaN."""
    bits = np.ascontiguousarray(values, np.float32).view(np.int32)
    return bits ^ (bits >> 31 & 0x7FFFFFFF)


def from_key(keys: NDArray[np.int32]) -> Floats:
    """The values whose `order_key` is given."""
    return (keys ^ (keys >> 31 & 0x7FFFFFFF)).astype(np.int32).view(np.float32)


def maximum(a: Floats, b: Floats) -> Floats:
    """The operand whose bits come later in the order of `order_key`."""
    return from_key(np.atleast_1d(np.maximum(order_key(a), order_key(b))))


def exp2(t: Floats) -> Floats:
    """2^t by the table and the rule of `isa.exp2`."""
    t = np.atleast_1d(np.asarray(t, np.float32))
    with quiet():
        # Beyond the clip limits every result is the same; NaN takes any value here and is put in at
        # the end.
        clipped = np.where(
            np.isnan(t), np.float32(0), np.clip(t, np.float32(-127), np.float32(128))
        )
        fixed = np.trunc(np.ldexp(clipped.astype(np.float64), FRACTION_BITS)).astype(np.int64)
    n = fixed >> FRACTION_BITS
    fraction = fixed & (1 << FRACTION_BITS) - 1
    below = FRACTION_BITS - INDEX_BITS
    index, rest = fraction >> below, fraction & (1 << below) - 1
    y = _TABLE[index] + ((_TABLE[index + 1] - _TABLE[index]) * rest >> below)
    bits = (n + 127 << FRACTION_BITS) + (y - (1 << FRACTION_BITS))
    bits = np.where(n < -126, 0, np.where(n >= 128, 0x7F800000, bits))
    return np.where(np.isnan(t), _NAN, bits.astype(np.uint32)).view(np.float32)


def exponential(a: Floats, b: Floats, imm: Floats) -> Floats:
    """exp2((a - b) * imm), and +0 where a is -inf whatever b is."""
    result = exp2(multiply(add(a, np.negative(b)), imm))
    result[np.broadcast_to(a, result.shape) == -np.inf] = 0
    return result


def matmul(a: Floats, b: Floats, c: Floats | None = None) -> Floats:
    """C + A x B with one FP32 addition for each k, in ascending order.

    A and B hold values of storage formats, whose products are exact; those below 2^-126 (with a
    BF16 factor only) become zero of their sign. `a` is (..., m, k), `b` (..., k, n), `c` (..., m,
    n) or None for +0; leading axes are equal.
    """
    *stack, m, k = a.shape
    n = b.shape[-1]
    with quiet():
        total = np.zeros((*stack, m, n), np.float32) if c is None else np.array(c, np.float32)
        columns = np.ascontiguousarray(np.moveaxis(a, -1, 0))[..., None]
        rows = np.ascontiguousarray(np.moveaxis(b, -2, 0))[..., None, :]
        step = max(1, _PRODUCTS // total.size)
        products = np.empty((min(step, k), *total.shape), np.float32)
        may_flush = _least(a) * _least(b) < _NORMAL
        for start in range(0, k, step):
            part = products[: min(step, k - start)]
            np.multiply(columns[start : start + step], rows[start : start + step], out=part)
            if may_flush:
                tiny = np.abs(part) < _NORMAL
                part[tiny] = np.copysign(np.float32(0), part[tiny])
            for product in part:
                np.add(total, product, out=total)
        return _canonical(total)


def _least(values: Floats) -> float:
    """Smallest magnitude that is not zero."""
    magnitude = np.abs(values)
    return float(np.min(magnitude, where=magnitude > 0, initial=np.inf))
