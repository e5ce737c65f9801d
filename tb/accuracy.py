"""How far a result is from float64, and whether that is right for the formats it went through.

An element may be off by twice what NumPy in the same precision is off in its row, and by two units
in the last place at the scale of its sum of absolute products (|P| |V|, or |A| |B|), so that a sum
that cancels is not held to its own size. NaN and infinities are compared apart, by class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS
from isa.instructions import Format
from isa.words import counted
from programs.tensors import AttentionTensors, Tensors
from tb.reference import fp64_result, same_precision_result, seen_keys

__all__ = ["Accuracy", "judge"]

LIMIT = 2
"""Times the error of the same precision in the row, and units in the last place."""
_TINY = 2.0**-126
"""Products below are zero (docs/numerics.md)."""


@dataclass(frozen=True)
class Accuracy:
    """What came of `judge`; counts are of elements."""

    compared: int
    """Finite here and in float64: only of these there is an error."""
    error: float | None
    """Largest absolute error of those; None if there are none."""
    reference: float | None
    """The same of NumPy in the same precision."""
    of_allowed: float | None
    """Largest share of its tolerance that any of those takes up; None if there are none."""
    nan: int
    infinite: int
    overflowed: int
    """NaN or infinite where float64 is finite, those of `reached` left out."""
    differ: int
    """Of another class than in float64: NaN, +inf, -inf, finite."""
    unexplained: int
    """Those that neither NumPy in the same precision nor `reached` accounts for."""
    reached: int
    """NaN in rows that do not see the NaN or infinity in V that made it."""
    masked: int
    """Keys whose V holds NaN or infinity and which a mask hides from some row."""
    exact: NDArray[np.float64]
    """The result in float64."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong with it."""
        return (self.of_allowed or 0.0) <= 1 and not self.unexplained

    def result(self) -> dict[str, float | int | None]:
        """Keys of ``result.json``."""
        ratio = 0.0 if self.error == 0 else None
        if self.error is not None and self.reference:
            ratio = self.error / self.reference
        return {
            "compared_outputs": self.compared,
            "max_abs_error": self.error,
            "error_vs_reference": ratio,
            "error_of_allowed": self.of_allowed,
            "nan_outputs": self.nan,
            "infinite_outputs": self.infinite,
            "overflowed_outputs": self.overflowed,
            "special_mismatches": self.differ,
            "special_unexplained": self.unexplained,
            "masked_special_keys": self.masked,
            "masked_special_outputs": self.reached,
        }

    def why(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        if self.unexplained:
            elements = counted(self.unexplained, "element")
            return f"{elements} of another class (NaN, infinite, finite) than in fp64"
        if self.of_allowed is not None and self.of_allowed > 1:
            return f"the error against fp64 is {self.of_allowed:.2f} x the tolerance"
        return ""


def judge(values: NDArray[np.float32], tensors: Tensors) -> Accuracy:
    """Compare a result with float64."""
    exact, scale = fp64_result(tensors)
    reference = same_precision_result(tensors)
    special = _special(tensors)
    finite = np.isfinite(exact) & np.isfinite(values)
    both = finite & np.isfinite(reference)
    off = _difference(values, exact, finite)
    known = _difference(reference, exact, both)
    allowed = LIMIT * (known.max(axis=2, keepdims=True) + _unit(scale, tensors))
    classes, right, near = (_classes(x) for x in (values, exact, reference))
    reached, keys = _masked(values, exact, special, tensors)
    differ = classes != right
    unexplained = (
        differ & (classes != near) & ~(np.isnan(values) & special.any(axis=1, keepdims=True))
    )
    return Accuracy(
        compared=int(finite.sum()),
        error=_largest(off, finite),
        reference=_largest(known, both),
        of_allowed=_largest(off / allowed, finite),
        nan=int(np.isnan(values).sum()),
        infinite=int(np.isinf(values).sum()),
        overflowed=int((~np.isfinite(values) & np.isfinite(exact) & ~reached).sum()),
        differ=int(differ.sum()),
        unexplained=int(unexplained.sum()),
        reached=int(reached.sum()),
        masked=keys,
        exact=exact,
    )


def _difference(values: NDArray, exact: NDArray[np.float64], where: NDArray) -> NDArray[np.float64]:
    return np.abs(np.where(where, values, 0.0) - np.where(where, exact, 0.0))


def _largest(values: NDArray[np.float64], where: NDArray) -> float | None:
    return float(values[where].max()) if where.any() else None


def _classes(values: NDArray) -> NDArray[np.int8]:
    return np.select([np.isnan(values), values == np.inf, values == -np.inf], [1, 2, 3], 0)


def _unit(scale: NDArray[np.float64], tensors: Tensors) -> NDArray[np.float64]:
    """A unit in the last place at `scale`, in the coarsest format on the way."""
    w = tensors.workload
    formats: set[Format] = {w.o_fmt, getattr(w, "p_fmt", w.o_fmt)}
    _, exponent = np.frexp(np.where(np.isfinite(scale), scale, 0.0))
    units = [
        np.ldexp(1.0, np.maximum(exponent - 1, 1 - info.bias) - info.mantissa)
        for info in (FORMATS[fmt] for fmt in formats)
    ]
    return np.maximum.reduce(units) + _TINY * tensors.terms


def _special(tensors: Tensors) -> NDArray[np.bool_]:
    """Where V holds NaN or infinity, of which a P of 0 makes NaN: (heads, keys, columns)."""
    if not isinstance(tensors, AttentionTensors):
        return np.zeros((1, 1, 1), bool)
    w = tensors.workload
    lengths = np.array([w.length(head) for head in range(w.kv_heads)])[:, None, None]
    special = ~np.isfinite(tensors.v) & (np.arange(w.skv)[:, None] < lengths)
    return np.repeat(special, w.sharing, axis=0)


def _masked(
    values: NDArray, exact: NDArray[np.float64], special: NDArray[np.bool_], tensors: Tensors
) -> tuple[NDArray[np.bool_], int]:
    """Elements that a value of V under a mask made NaN, and how many keys hold such values."""
    nowhere = np.zeros(values.shape, bool)
    w = tensors.workload
    if not special.any() or not w.masked:
        return nowhere, 0
    hidden = ~np.stack([seen_keys(w, head // w.sharing) for head in range(w.heads)])
    each = slice(None, None, w.sharing)  # one query head of each KV head
    keys = np.count_nonzero(special[each].any(axis=2) & hidden[each].any(axis=1))
    # Of each column, whether a row has a special value among the keys that it does not see.
    behind = np.matmul(hidden.astype(np.float32), special.astype(np.float32)) > 0
    return np.isnan(values) & ~np.isnan(exact) & behind, int(keys)
