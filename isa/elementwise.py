"""Arithmetic that is the same for one number and for an array of them, element by element: so that
a law is written once, and thousands of candidates are estimated by the very code that estimates
one.

Of numbers alone the result is a number of Python, not of NumPy.
"""

import math
from functools import reduce
from typing import Any

import numpy as np

__all__ = ["common_divisor", "larger", "smaller"]


def _any_array(values: tuple[Any, ...]) -> bool:
    return any(isinstance(value, np.ndarray) for value in values)


def larger(*values: Any) -> Any:
    """The largest of numbers or arrays."""
    return reduce(np.maximum, values) if _any_array(values) else max(values)


def smaller(*values: Any) -> Any:
    """The smallest of numbers or arrays."""
    return reduce(np.minimum, values) if _any_array(values) else min(values)


def common_divisor(*values: Any) -> Any:
    """The greatest common divisor of whole numbers or arrays of them."""
    return reduce(np.gcd, values) if _any_array(values) else math.gcd(*values)
