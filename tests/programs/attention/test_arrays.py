"""Arrays become workloads, or one clear line."""

import numpy as np
import pytest

from isa.errors import UserError
from isa.instructions import Format
from programs.attention.arrays import from_arrays
from programs.attention.workload import Attention


def test_arrays():
    q = np.ones((2, 5, 4), np.float16)
    k = np.ones((2, 7, 4), np.float16)
    v = np.full((2, 7, 3), np.nan, np.float16)
    workload, *tensors, _ = from_arrays(q, k, v)
    assert workload == Attention(heads=2, sq=5, skv=7, d=4, dv=3)
    assert all(tensor.dtype == np.float32 for tensor in tensors) and np.isnan(tensors[2]).all()
    workload, q, *_ = from_arrays(
        *(a.astype(np.float32) * np.float32(1.001) for a in (q, k, v)), Format.BF16
    )
    assert workload.fmt == Format.BF16 and (q == 1).all()


def test_arrays_with_shared_heads():
    q, kv = np.ones((6, 5, 4), np.float16), np.ones((2, 7, 4), np.float16)
    assert from_arrays(q, kv, kv)[0] == Attention(heads=6, kv_heads=2, sq=5, skv=7, d=4, dv=4)


ONES = np.ones((2, 5, 4), np.float16)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ((ONES, ONES.astype(int), ONES), "k must be of a float type, not int64"),
        ((ONES.astype(complex), ONES, ONES), "q must be of a float type, not complex128"),
        ((ONES[None], ONES, ONES), "q, k and v must have the same batch, not "),
        (
            (ONES, ONES, ONES[0]),
            r"v must have a shape \(heads, rows, columns\) or .* without zeros, not \(5, 4\)",
        ),
        ((ONES[:, :0], ONES, ONES), r"q must have a shape .* not \(2, 0, 4\)"),
        ((ONES, ONES[:1], ONES), "k and v must have the same number of heads, not 1 and 2"),
        ((ONES[:1], ONES, ONES), "the heads of k and v must divide those of q, 1, not be 2"),
        ((ONES, ONES[:, :, :3], ONES), "k must have as many columns as q, 4, not 3"),
        ((ONES, ONES, ONES[:, :3]), "v must have as many rows as k, 5, not 3"),
    ],
)
def test_bad_arrays(arrays, says):
    with pytest.raises(UserError, match=says):
        from_arrays(*arrays)


def test_four_axes_are_batch_and_heads():
    q, kv = np.ones((2, 6, 5, 4), np.float16), np.ones((2, 3, 7, 4), np.float16)
    seen = from_arrays(q, kv, kv, len=np.array([3, 7]))
    lengths = (3, 3, 3, 7, 7, 7)
    assert seen.workload == Attention(heads=12, kv_heads=6, sq=5, skv=7, d=4, dv=4, lengths=lengths)
    assert seen.q.shape == (12, 5, 4) and seen.k.shape == (6, 7, 4)


def test_what_is_given_beside_the_tensors_is_used():
    given = {"causal": np.True_, "scale": np.float32(0.5), "len": np.int64(4)}
    workload = from_arrays(ONES, ONES, ONES, **given).workload
    assert (workload.causal, workload.scale, workload.lengths) == (True, 0.5, (4, 4))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"causal": np.int64(2)}, "causal must be 0 or 1, not 2"),
        ({"causal": np.ones((5, 5), bool)}, r"causal must be 0 or 1, not \(5, 5\) \(bool\)"),
        ({"scale": np.float32(np.nan)}, "scale must be one number, not nan"),
        ({"scale": np.float32(-1)}, "scale must be from 2"),
        ({"len": np.array([1, 2, 3])}, "len must be 1 whole numbers"),
        ({"len": np.float32(3)}, "len must be 1 whole numbers"),
        ({"len": np.int64(6)}, "a length must be from 1 to the 5 keys of the cache, not 6"),
    ],
)
def test_bad_options(options, says):
    with pytest.raises(UserError, match=says):
        from_arrays(ONES, ONES, ONES, **options)
