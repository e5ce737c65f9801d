"""What errors are measured with: results by NumPy, in float64 and in the hardware's precision."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.attention import Blocked, attention, online_attention, visible
from golden.product import blocked_product, product
from programs.attention.workload import Attention
from programs.tensors import AttentionTensors, GemmTensors, Tensors

__all__ = ["fp64_result", "same_precision_result", "seen_keys"]

BLOCK = 64
"""Keys, or columns of A, in a block of the same-precision results."""


def fp64_result(tensors: Tensors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The result in float64, with three axes (`programs.tensors`), and each element's sum of
    absolute products: |P| |V|, or |A| |B|.
    """
    if isinstance(tensors, AttentionTensors):
        q, k, v, w = tensors.q, tensors.k, tensors.v, tensors.workload
        both = attention(q, k, np.concatenate([v, np.abs(v)], axis=2), **_mask(w), scale=w.scale)
        return both[:, :, : v.shape[2]], both[:, :, v.shape[2] :]
    assert isinstance(tensors, GemmTensors)
    return product(tensors.a, tensors.b), product(np.abs(tensors.a), np.abs(tensors.b))


def seen_keys(workload: Attention, head: int) -> NDArray[np.bool_]:
    """Which keys of a KV head each query position sees: (sq, skv)."""
    return visible(workload.sq, workload.skv, workload.causal, workload.length(head))


def same_precision_result(tensors: Tensors) -> NDArray[np.float32]:
    """The result with the precision of the hardware, but NumPy's operations."""
    w = tensors.workload
    if isinstance(tensors, AttentionTensors):
        blocked = Blocked(BLOCK, w.fmt, w.p_fmt, w.o_fmt, w.scale)
        return online_attention(tensors.q, tensors.k, tensors.v, blocked, **_mask(w))
    assert isinstance(tensors, GemmTensors)
    return blocked_product(tensors.a, tensors.b, block=BLOCK, fmt=w.fmt, o_fmt=w.o_fmt)


def _mask(workload: Attention) -> dict[str, Any]:
    return {"causal": workload.causal, "lengths": workload.lengths}
