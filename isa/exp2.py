"""The exponential: one table and one rule, implemented once in `golden` and once in `hw`.

For an FP32 argument t, with |t| truncated to a multiple of 2^-23 and T = ±(that multiple) as an
integer:

    n = T >> 23,  f = T & (2^23 - 1),  i = f >> 15,  r = f & (2^15 - 1)
    y = TABLE[i] + ((TABLE[i + 1] - TABLE[i]) * r >> 15)          2^23 <= y < 2^24
    2^t = y * 2^(n - 23)

which is the chord between neighbouring table entries: relative error below 2^-19, monotone by
construction, and exactly 1 at t = 0. Results below 2^-126 are +0; t >= 128 gives +inf; -inf gives
+0, +inf gives +inf, NaN gives NaN.
"""

import math

__all__ = ["FRACTION_BITS", "INDEX_BITS", "TABLE"]

FRACTION_BITS = 23
INDEX_BITS = 8

# 2^(i/256) is irrational but for i = 0 and 256, so that rounding the correctly rounded double
# cannot hit a tie.
TABLE: tuple[int, ...] = tuple(
    round(math.ldexp(2.0 ** (i / (1 << INDEX_BITS)), FRACTION_BITS))
    for i in range((1 << INDEX_BITS) + 1)
)
"""round(2^(i/256) * 2^23) for i = 0..256."""
