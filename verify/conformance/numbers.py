"""Numbers that show faults: classes of special values, tensors that hold them, and words for
instruction programs.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS, decode, encode
from isa.instructions import Format

__all__ = [
    "CLASSES",
    "FILLS",
    "MATRIX_FILLS",
    "class_masks",
    "exists",
    "fill",
    "fill_matrices",
    "raw_words",
]

Tensor = NDArray[np.float32]
Bits = NDArray[np.unsignedinteger]

CLASSES = ("+0", "-0", "subnormal", "normal", "+inf", "-inf", "nan")
"""What an element can be."""


def class_masks(bits: Bits, fmt: Format) -> dict[str, NDArray[np.bool_]]:
    """Which elements are of which of `CLASSES`."""
    values, info = decode(bits, fmt), FORMATS[fmt]
    negative = (bits >> info.bits - 1).astype(bool)
    smallest = np.float64(2.0) ** (1 - info.bias)
    finite = np.isfinite(values)
    tiny = (
        finite
        & (values != 0)
        & (np.abs(np.where(finite, values, np.float32(0)).astype(np.float64)) < smallest)
    )
    return {
        "+0": (values == 0) & ~negative,
        "-0": (values == 0) & negative,
        "subnormal": tiny,
        "normal": finite & (values != 0) & ~tiny,
        "+inf": np.isinf(values) & ~negative,
        "-inf": np.isinf(values) & negative,
        "nan": np.isnan(values),
    }


def exists(name: str, fmt: Format, *, computed: bool = False) -> bool:
    """Whether a format has elements of a class; `computed`: as results of a product in FP32, which
    are 0 below 2^-126.
    """
    if computed and name == "subnormal" and FORMATS[fmt].exponent == FORMATS[Format.FP32].exponent:
        return False
    return FORMATS[fmt].has_infinity or name not in ("+inf", "-inf")


def _special(fmt: Format) -> Bits:
    """Bits next to every edge of a format, and halfway between what it can represent and narrower
    formats cannot.
    """
    info = FORMATS[fmt]
    one, top, sign = (
        1 << info.mantissa,
        (1 << info.exponent) - 1 << info.mantissa,
        1 << info.bits - 1,
    )
    edges = {0, 1, 2, one - 1, one, one + 1, top - 1, top, top + 1, info.bias << info.mantissa}
    if fmt == Format.FP32:
        for other in (f for f in Format if f != Format.FP32):
            narrow = FORMATS[other]
            drop = info.mantissa - narrow.mantissa
            low, high = info.bias - narrow.bias + 1, info.bias + narrow.bias
            for exponent in (
                low - narrow.mantissa - 1,
                low - narrow.mantissa,
                low - 1,
                low,
                info.bias,
                high,
                high + 1,
            ):
                if 0 < exponent < 255:
                    half = exponent << 23 | 1 << drop - 1
                    edges |= {
                        exponent << 23,
                        half,
                        half - 1,
                        half + 1,
                        half | 1 << drop,
                        (exponent + 1 << 23) - 1,
                    }
    bits = np.array(sorted(edge for edge in edges if edge < sign), np.uint32)
    return np.concatenate([bits, bits | np.uint32(sign)]).astype(info.dtype)


_VANISHING = [
    sign * 2.0 ** -(info.bias + info.mantissa)
    for info in FORMATS.values()
    if info.exponent < 8
    for sign in (1, -1)
]
"""Half the smallest subnormal of each narrow format: a tie that goes down to zero."""


def raw_words(
    rng: np.random.Generator, fmt: Format, count: int, *, wild: bool
) -> NDArray[np.uint8]:
    """Bytes of `count` random elements.

    Tame ones are of magnitude 2^-4 to 2^4, with zeros and subnormals among them, and repeated so
    that sums cancel; wild ones are edges of the format and any bits at all.
    """
    info = FORMATS[fmt]
    anything = rng.integers(0, 1 << info.bits, count, np.uint64).astype(info.dtype)
    if wild:
        special = rng.choice(_special(fmt), count)
        ends = rng.choice(
            encode(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, *_VANISHING], np.float32), fmt),
            count,
        )
        kind = rng.random(count)
        return np.ascontiguousarray(
            np.where(kind < 0.5, special, np.where(kind < 0.7, ends, anything))
        ).view(np.uint8)
    sign = anything & np.array(1 << info.bits - 1, info.dtype)
    mantissa = anything & np.array((1 << info.mantissa) - 1, info.dtype)
    exponent = (info.bias + rng.integers(-4, 5, count)).astype(info.dtype) << np.array(
        info.mantissa, info.dtype
    )
    normal = sign | exponent | mantissa
    kind = rng.random(count)
    few = rng.choice(normal[:8] if count >= 8 else normal, count) ^ sign
    out = np.where(
        kind < 0.1, sign | mantissa, np.where(kind < 0.25, few, np.where(kind < 0.3, sign, normal))
    )
    return np.ascontiguousarray(out.astype(info.dtype)).view(np.uint8)


def _largest(fmt: Format) -> float:
    """The largest finite number."""
    info = FORMATS[fmt]
    bits = ((1 << info.exponent) - 1 << info.mantissa) - 1 if info.has_infinity else info.nan - 1
    return float(decode(np.array([bits], info.dtype), fmt)[0])


def _some(rng: np.random.Generator, tensor: Tensor, value: float, share: float) -> None:
    """Put `value` in place of some elements, one at least, in rows of their own so that not every
    output has it.
    """
    rows = tensor.reshape(-1, tensor.shape[-1])
    for row in rng.choice(len(rows), max(1, int(share * len(rows))), replace=False):
        rows[row, rng.integers(rows.shape[1])] = value


def _normal(rng, q, k, v, fmt, visible):
    """As they were drawn."""


def _zeros(rng, q, k, v, fmt, visible):
    for tensor in (q, k, v):
        tensor[rng.random(tensor.shape) < 0.5] = 0.0
        tensor[rng.random(tensor.shape) < 0.3] *= np.float32(-0.0)
    v[..., 0] = -0.0


def _subnormal(rng, q, k, v, fmt, visible):
    smallest = np.float32(2.0) ** (1 - FORMATS[fmt].bias)
    for tensor in (q, v):
        some = rng.random(tensor.shape) < 0.5
        tensor[some] = (rng.uniform(-1, 1, tensor.shape) * smallest).astype(np.float32)[some]
    # Outputs that round, or are flushed, to -0.
    v[..., 0] = -smallest
    v[..., -1] = 0.0
    v[:, 0, -1] = -smallest * np.float32(2.0) ** -FORMATS[fmt].mantissa


def _infinite(rng, q, k, v, fmt, visible):
    _some(rng, q, np.inf, 0.05)
    if visible or not np.shares_memory(k, v):
        _some(rng, k, -np.inf, 0.02)
    if visible:
        _some(rng, v, np.inf, 0.02)
        _some(rng, v, -np.inf, 0.02)


def _nan(rng, q, k, v, fmt, visible):
    _some(rng, q, np.nan, 0.1)
    if visible:
        v[0, rng.integers(v.shape[1]), 0] = np.nan


def _huge(rng, q, k, v, fmt, visible):
    # Products of these stay below FP32's largest number.
    q *= np.float32(min(_largest(fmt) / 8, 2.0**40))
    k *= np.float32(min(_largest(fmt) / 8, 2.0**40))


def _equal(rng, q, k, v, fmt, visible):
    k[:] = k[:, :1]


FILLS: dict[str, Callable] = {
    "normal": _normal,
    "zeros": _zeros,
    "subnormal": _subnormal,
    "infinite": _infinite,
    "nan": _nan,
    "huge": _huge,
    "equal": _equal,
}
"""Kinds of tensors: standard normal ones, and what is done to them."""


def fill(
    kind: str, seed: int, tensors: tuple[Tensor, Tensor, Tensor], fmt: Format, *, visible: bool
) -> None:
    """Put special values into the tensors Q, K and V, in place, and round them to `fmt`; without
    `visible`, no infinity or NaN into V.

    A key that is masked has the weight 0, which does not hide those (docs/dataflows.md).
    """
    FILLS[kind](np.random.default_rng(seed), *tensors, fmt, visible)
    for tensor in tensors:
        tensor[...] = decode(encode(tensor, fmt), fmt)


MATRIX_FILLS = ("normal", "zeros", "subnormal", "infinite", "nan")
"""Those of `FILLS` that go for a matrix product, whose results nothing scales."""


def fill_matrices(kind: str, seed: int, a: Tensor, b: Tensor, fmt: Format) -> None:
    """Put special values into the factors of a product, in place, and round them to `fmt`."""
    fill(kind, seed, (a, b.copy(), b), fmt, visible=True)
