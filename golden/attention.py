"""Attention twice: the textbook in float64, and an online softmax with the hardware's precision but
NumPy's operations.

What the hardware computes is judged by ``max|out - attention| / max|online_attention -
attention|``: how much worse it is than anything of the same precision has to be.

Shapes: q is (heads, Sq, D), k (kv heads, Skv, D), v (kv heads, Skv, Dv), the result (heads, Sq,
Dv); the number of heads is a multiple of the kv heads, and consecutive heads share one. Causal
masks end at the last key: row i sees the keys up to i + Skv - Sq, so that the last query sees all
of them. A row that sees no key is 0. With `lengths`, one for each KV head, only so many of its keys
count, as if it had no others.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.arithmetic import quiet
from golden.storage import round_to
from isa.instructions import Format

__all__ = ["Blocked", "attention", "online_attention", "visible"]


class Blocked(NamedTuple):
    """How an online softmax is cut, stored and scaled."""

    keys: int
    """In a block."""
    fmt: Format
    """Of the inputs."""
    p_fmt: Format | None = None
    """Of P; None: `fmt`."""
    o_fmt: Format | None = None
    """Of the output; None: `fmt`."""
    scale: float | None = None
    """Of the scores; None: 1 / sqrt(D)."""


def attention(
    q: NDArray[np.floating],
    k: NDArray[np.floating],
    v: NDArray[np.floating],
    *,
    causal: bool = False,
    lengths: Sequence[int] = (),
    scale: float | None = None,
) -> NDArray[np.float64]:
    """softmax(scale * q k^T) v in float64; `scale` defaults to 1 / sqrt(D).

    A masked key takes no part at all, whatever it holds; NaN and infinities among the others give
    what IEEE 754 gives.
    """
    _check(q, k, v, lengths)
    scale = 1 / np.sqrt(q.shape[2]) if scale is None else scale
    out = np.zeros((*q.shape[:2], v.shape[2]))
    with quiet():
        for head, kv in _heads(q, k):
            seen = visible(q.shape[1], k.shape[1], causal, lengths[kv] if lengths else k.shape[1])
            scores = scale * (q[head].astype(np.float64) @ k[kv].astype(np.float64).T)
            top = np.max(scores, axis=1, keepdims=True, initial=-np.inf, where=seen)
            weights = np.exp(scores - top, where=seen, out=np.zeros_like(scores))
            total = weights.sum(axis=1, keepdims=True)
            rows = seen.any(axis=1)
            out[head, rows] = _weighted(weights, v[kv].astype(np.float64), seen)[rows] / total[rows]
    return out


def online_attention(
    q: NDArray[np.floating],
    k: NDArray[np.floating],
    v: NDArray[np.floating],
    blocked: Blocked,
    *,
    causal: bool = False,
    lengths: Sequence[int] = (),
) -> NDArray[np.float32]:
    """The same over blocks of keys, with inputs, P and the output in the formats of `blocked`, all
    else in FP32.

    Statistics as in the hardware's dataflow: a running maximum, and a running sum of P as it was
    rounded.
    """
    _check(q, k, v, lengths)
    block, fmt = blocked.keys, blocked.fmt
    p_fmt, o_fmt = (fmt if f is None else f for f in (blocked.p_fmt, blocked.o_fmt))
    factor = np.float32(1 / np.sqrt(q.shape[2]) if blocked.scale is None else blocked.scale)
    q, k, v = (round_to(np.asarray(x, np.float32), fmt) for x in (q, k, v))
    out = np.zeros((*q.shape[:2], v.shape[2]), np.float32)
    with quiet():
        for head, kv in _heads(q, k):
            seen = visible(q.shape[1], k.shape[1], causal, lengths[kv] if lengths else k.shape[1])
            top = np.full((q.shape[1], 1), -np.inf, np.float32)
            total = np.zeros((q.shape[1], 1), np.float32)
            for start in range(0, k.shape[1], block):
                part = slice(start, start + block)
                scores = np.where(
                    seen[:, part], q[head] @ k[kv, part].T * factor, np.float32(-np.inf)
                )
                before, top = top, np.maximum(top, scores.max(axis=1, keepdims=True))
                p = round_to(
                    np.where(scores == -np.inf, np.float32(0), np.exp(scores - top)), p_fmt
                )
                keep = np.where(before == -np.inf, np.float32(0), np.exp(before - top))
                total = total * keep + p.sum(axis=1, keepdims=True)
                out[head] = out[head] * keep + _weighted(p, v[kv, part], seen[:, part])
            out[head] = np.where(total == 0, np.float32(0), out[head] / total)
    return round_to(out, o_fmt)


def _check(q: NDArray, k: NDArray, v: NDArray, lengths: Sequence[int]) -> None:
    shapes = (
        q.ndim == k.ndim == v.ndim == 3 and k.shape[:2] == v.shape[:2] and q.shape[2] == k.shape[2]
    )
    if not shapes or q.shape[0] % k.shape[0]:
        raise ValueError(
            "q, k and v must be (heads, Sq, D), (kv heads, Skv, D) and (kv heads, Skv, Dv), "
            f"heads a multiple of kv heads, not {q.shape}, {k.shape} and {v.shape}"
        )

    if lengths and (
        len(lengths) != k.shape[0] or not 0 < min(lengths) <= max(lengths) <= k.shape[1]
    ):
        raise ValueError(
            f"lengths must be {k.shape[0]}, each from 1 to {k.shape[1]}, not {tuple(lengths)}"
        )


def _heads(q: NDArray, k: NDArray) -> Iterator[tuple[int, int]]:
    group = q.shape[0] // k.shape[0]
    return ((head, head // group) for head in range(q.shape[0]))


def visible(rows: int, columns: int, causal: bool, length: int) -> NDArray[np.bool_]:
    """Which keys each query sees."""
    keys, last = np.arange(columns), np.full((rows, 1), length)
    if causal:
        last = np.arange(rows)[:, None] + length - rows + 1
    return keys < last


def _weighted(weights: NDArray, v: NDArray, seen: NDArray[np.bool_]) -> NDArray:
    """Weights @ v without 0 * inf or 0 * NaN from values that are not seen."""
    if np.isfinite(v).all() or seen.all():
        return weights @ v
    return np.stack([weights[row, see] @ v[see] for row, see in enumerate(seen)])
