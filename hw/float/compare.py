"""Order of FP32 values: comparing integer keys, so that +0 > -0 and the canonical NaN is above
+infinity.
"""

from amaranth import Mux, Value

__all__ = ["LOWEST_KEY", "key", "maximum", "unkey"]

LOWEST_KEY = -(1 << 31)
"""Key that is not above any other: for what must not take part in a maximum."""


def key(bits: Value) -> Value:
    """32-bit signed integer with the order of the FP32 values `bits`."""
    return (bits ^ Mux(bits[31], 0x7FFFFFFF, 0)).as_signed()


def unkey(value: Value) -> Value:
    """FP32 bits of a key: the same flip again."""
    return key(value).as_unsigned()


def maximum(a: Value, b: Value) -> Value:
    """Return the larger of two keys."""
    return Mux(a > b, a, b)
