"""Attention of given arrays: shapes become a workload, and values are rounded to its format."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.instructions import Format
from programs.attention.workload import Attention
from programs.common.rounding import Rounding, round_once

__all__ = ["OPTIONS", "FromArrays", "from_arrays"]

OPTIONS = ("causal", "scale", "len")
"""Arrays beside q, k and v that say more about the workload."""


class FromArrays(NamedTuple):
    """A workload, its tensors with three axes, and what rounding did to each."""

    workload: Attention
    q: NDArray[np.float32]
    k: NDArray[np.float32]
    v: NDArray[np.float32]
    rounding: dict[str, Rounding]


def from_arrays(
    q: NDArray, k: NDArray, v: NDArray, fmt: Format = Format.FP16, **options: NDArray
) -> FromArrays:
    """Workload of given tensors, and the tensors as FP32 arrays of values that `fmt` holds exactly.

    Arrays are (heads, rows, columns), or (batch, heads, rows, columns), of any float type. k and v
    may have fewer heads than q, which then share them. NaN and infinities are allowed.

    Parameters
    ----------
    options
        `OPTIONS`: ``causal`` 0 or 1, ``scale`` of the scores, ``len`` the keys of each sequence of
        the batch (or of each KV head, or of all).

    Raises
    ------
    UserError
        If a type, a shape or a value is wrong.
    """
    named = {"q": np.asarray(q), "k": np.asarray(k), "v": np.asarray(v)}
    for name, array in named.items():
        _check_array(name, array)
    batch = _batch(named)
    named = {name: array.reshape(-1, *array.shape[-2:]) for name, array in named.items()}
    (heads, sq, d), (kv_heads, skv, _), (_, _, dv) = _shapes(named)
    workload = Attention(
        heads=heads,
        kv_heads=kv_heads,
        sq=sq,
        skv=skv,
        d=d,
        dv=dv,
        fmt=fmt,
        causal=_causal(options),
        lengths=_lengths(options, batch, kv_heads),
        scale=_scale(options),
    )
    rounded = {name: round_once(array, fmt) for name, array in named.items()}
    q, k, v = (stored for stored, _ in rounded.values())
    return FromArrays(workload, q, k, v, {name: cost for name, (_, cost) in rounded.items()})


def _check_array(name: str, array: NDArray) -> None:
    if array.dtype.kind != "f":
        raise UserError(f"workload: {name} must be of a float type, not {array.dtype.name}")
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise UserError(
            f"workload: {name} must have a shape (heads, rows, columns) or (batch, heads, rows, "
            f"columns) without zeros, not {array.shape}"
        )


def _batch(named: dict[str, NDArray]) -> int:
    """Sequences: the first of four axes, which all arrays must have then."""
    batches = {array.shape[0] if array.ndim == 4 else 0 for array in named.values()}
    if len(batches) > 1:
        shapes = ", ".join(str(array.shape) for array in named.values())
        raise UserError(f"workload: q, k and v must have the same batch, not {shapes}")
    return batches.pop() or 1


def _shapes(named: dict[str, NDArray]) -> list[tuple[int, ...]]:
    shapes = [array.shape for array in named.values()]
    (heads, _, d), (kv_heads, skv, dk), (v_heads, sv, _) = shapes
    if kv_heads != v_heads:
        raise UserError(
            f"workload: k and v must have the same number of heads, not {kv_heads} and {v_heads}"
        )
    if heads % kv_heads:
        raise UserError(
            f"workload: the heads of k and v must divide those of q, {heads}, not be {kv_heads}"
        )
    if dk != d:
        raise UserError(f"workload: k must have as many columns as q, {d}, not {dk}")
    if sv != skv:
        raise UserError(f"workload: v must have as many rows as k, {skv}, not {sv}")
    return shapes


def _causal(options: dict[str, NDArray]) -> bool:
    value = np.asarray(options.get("causal", False))
    if value.size != 1 or value.dtype.kind not in "bui" or value.item() not in (0, 1):
        raise UserError(f"workload: causal must be 0 or 1, not {_short(value)}")
    return bool(value.item())


def _scale(options: dict[str, NDArray]) -> float | None:
    if "scale" not in options:
        return None
    value = np.asarray(options["scale"])
    if value.size != 1 or value.dtype.kind not in "fui" or not math.isfinite(value.item()):
        raise UserError(f"workload: scale must be one number, not {_short(value)}")
    return float(value.item())


def _lengths(options: dict[str, NDArray], batch: int, kv_heads: int) -> tuple[int, ...]:
    if "len" not in options:
        return ()
    value = np.asarray(options["len"])
    if value.dtype.kind not in "ui" or value.size not in (1, batch, kv_heads):
        raise UserError(
            f"workload: len must be {batch} whole numbers, one for each sequence of the batch, "
            f"not {_short(value)}"
        )
    return tuple(int(n) for n in np.repeat(value.reshape(-1), kv_heads // value.size))


def _short(value: NDArray) -> str:
    shown = str(value.item()) if value.size == 1 else f"{value.shape}"
    return f"{shown} ({value.dtype.name})"
