"""The verdict on a result: right ones pass whatever the data are, wrong ones fail."""

from dataclasses import replace

import numpy as np
import pytest

from isa.formats import decode
from isa.instructions import Format
from isa.machine import MACHINES
from programs.attention.arrays import from_arrays
from programs.compiler import compile_workload
from programs.tensors import AttentionTensors, load_workload
from tb.accuracy import judge
from tb.experiment import golden_output


def tensors_of(q, k, v, **options) -> AttentionTensors:
    workload, *tensors, rounding = from_arrays(q, k, v, **options)
    return AttentionTensors("test", workload, *tensors, rounding=rounding)


def drawn(heads: int, rows: int, keys: int, seed: int = 1):
    rng = np.random.default_rng(seed)
    shapes = (heads, rows, 16), (heads, keys, 16), (heads, keys, 16)
    return [rng.normal(size=shape).astype(np.float16) for shape in shapes]


def on_golden(tensors, machine: str = "mesh4", dataflow: str | None = None):
    compiled = compile_workload(MACHINES[machine], tensors.workload, dataflow)
    bits = golden_output(MACHINES[machine], tensors, compiled, tensors.scatter(compiled))
    return decode(bits, tensors.workload.o_fmt)


@pytest.fixture(scope="module")
def cancelling() -> AttentionTensors:
    """Every key twice, with V and -V: the exact result is 0."""
    q, k, v = drawn(1, 16, 64)
    v = (v * 100).astype(np.float16)
    return tensors_of(q, np.concatenate([k, k], 1), np.concatenate([v, -v], 1))


def test_a_result_that_cancels_is_held_to_what_was_added(cancelling):
    seen = on_golden(cancelling, dataflow="flash2")
    accuracy = judge(seen, cancelling)
    assert accuracy.error > 1e6 * accuracy.reference, "the relative term alone would fail it"
    assert accuracy.passed and 0 < accuracy.of_allowed < 1


def test_a_wrong_result_that_cancels_fails(cancelling):
    seen = on_golden(cancelling)
    seen[0, 3, 5] += 1
    assert not judge(seen, cancelling).passed


def test_a_small_row_is_not_judged_by_a_large_one():
    """The largest error of the reference, in the row of 1000s, would allow the wrong one."""
    ones = np.ones((2, 8, 16), np.float16)
    v = np.stack([np.full((8, 16), 1000.3, np.float16), np.full((8, 16), 0.01, np.float16)])
    tensors = tensors_of(ones, ones, v * np.linspace(1, 2, 8).astype(np.float16)[:, None])
    seen = on_golden(tensors)
    assert judge(seen, tensors).passed
    seen[1, 2, 3] += 0.001
    accuracy = judge(seen, tensors)
    assert accuracy.error < 2 * accuracy.reference and not accuracy.passed
    assert "x the tolerance" in accuracy.why()


@pytest.mark.parametrize(
    ("spec", "formats"),
    [
        ("mha:S=100,D=16,H=2,causal=1,scale=0.1", ("fp16", "", "")),
        ("mha:S=100,D=16,H=2", ("fp16", "e5m2", "bf16")),
        ("gqa:B=2,H=4,Hkv=2,Sq=5,Skv=90,D=16,len=30/90,causal=1", ("e4m3", "", "")),
        ("gemm:M=37,N=50,K=70", ("bf16", "", "fp16")),
    ],
)
def test_wrong_by_a_quarter_of_the_largest_fails(spec, formats):
    dtype, p_dtype, o_dtype = formats
    tensors = load_workload(spec, dtype, 1, p_dtype, o_dtype)
    seen = on_golden(tensors, "tiny")
    assert judge(seen, tensors).passed
    at = np.unravel_index(np.abs(seen).argmin(), seen.shape)
    wrong = seen.copy()
    wrong[at] += 3 * np.abs(seen).max()
    assert not judge(wrong, tensors).passed


def test_special_values_are_counted_and_the_error_is_over_the_others():
    q, k, v = drawn(2, 32, 32)
    v[1, 5, 2] = np.nan
    tensors = tensors_of(q, k, v)
    seen = on_golden(tensors, "tiny")
    accuracy = judge(seen, tensors)
    assert (accuracy.nan, accuracy.differ, accuracy.masked) == (32, 0, 0)
    assert 0 < accuracy.error < 1e-2 and accuracy.passed
    seen[1, 3, 2] = 1.0
    accuracy = judge(seen, tensors)
    assert accuracy.unexplained == 1 and not accuracy.passed
    seen = on_golden(tensors, "tiny")
    seen[0, 3, 2] = np.inf
    assert "another class" in judge(seen, tensors).why()


def test_a_row_of_minus_infinity_differs_from_fp64_as_documented():
    q, k, v = drawn(1, 32, 32)
    q[0, 4], k[...] = 0, np.abs(k)
    q[0, 4, 0] = -np.inf
    tensors = tensors_of(q, k, v)
    accuracy = judge(on_golden(tensors, "tiny"), tensors)
    assert accuracy.differ == 16 and not accuracy.unexplained and accuracy.error < 1e-2
    assert accuracy.passed


def test_nan_under_a_mask_is_neither_a_failure_nor_unsaid():
    q, k, v = drawn(1, 32, 32)
    v[0, 20] = np.nan
    tensors = tensors_of(q, k, v, causal=np.True_)
    accuracy = judge(on_golden(tensors, "tiny"), tensors)
    assert accuracy.masked == 1 and accuracy.reached > 0 and accuracy.overflowed == 0
    assert accuracy.passed and accuracy.nan == accuracy.reached + 12 * 16
    open_ = replace(tensors, workload=replace(tensors.workload, causal=False))
    assert judge(on_golden(open_, "tiny"), open_).masked == 0


def test_an_output_beyond_its_format_is_counted():
    ones, v = np.ones((1, 9, 16), np.float16), np.full((1, 9, 16), 1000, np.float16)
    tensors = tensors_of(ones, ones, v)
    tensors = replace(tensors, workload=replace(tensors.workload, o_fmt=Format.E4M3))
    accuracy = judge(on_golden(tensors, "tiny"), tensors)
    assert accuracy.overflowed == accuracy.nan == 9 * 16 and accuracy.passed


def test_where_nothing_is_finite_there_is_no_error():
    """Not 0, which would be the best one."""
    q, k, v = drawn(1, 8, 16)
    tensors = tensors_of(q, k, np.full_like(v, np.nan))
    accuracy = judge(on_golden(tensors), tensors)
    told = accuracy.result()
    assert accuracy.passed and told["nan_outputs"] == 128 and told["compared_outputs"] == 0
    assert told["max_abs_error"] is told["error_vs_reference"] is told["error_of_allowed"] is None
