"""Special values in attention on the golden machine: each in the class of fp64 attention, or as
docs/numerics.md says.
"""

import numpy as np
import pytest

from golden.attention import attention
from golden.machine import GoldenMachine
from golden.storage import round_to
from isa.formats import decode
from isa.instructions import Format
from isa.machine import load_machine
from programs.attention.compile import compile_attention
from programs.attention.mapping import DATAFLOWS
from programs.attention.workload import Attention
from verify.conformance.special_values import STORED, cases_of, classes, make_tensors

D, DV = 12, 10
DEPARTURES = {
    "subnormal_bf16_values": "0",
    "scores_beyond_fp32": "nan",
    "sums_beyond_fp32": "+inf",
    "all_scores_minus_infinite": "0",
    "infinite_value_of_a_small_probability": "nan",
}
"""Class that some element has instead of the textbook's."""


def run(workload, tensors, dataflow, mesh="2x2", **fixed):
    machine = load_machine("mesh4", mesh)
    compiled = compile_attention(machine, workload, dataflow, **fixed)
    golden = GoldenMachine(machine, compiled.programs, compiled.placement.scatter(*tensors))
    golden.run()
    return decode(compiled.placement.gather(golden.hbm), workload.o_fmt)


def shape(tensors, fmt, **more):
    q, k, v = tensors
    return Attention(
        heads=len(q), sq=q.shape[1], skv=k.shape[1], d=q.shape[2], dv=v.shape[2], fmt=fmt, **more
    )


def equal_or_masked(seen, expected, v, sq, causal):
    """Whether classes are equal; where a masked V of the column is not finite, NaN will do: +0
    times it.
    """
    skv = v.shape[1]
    last = np.arange(sq)[:, None] + skv - sq if causal else np.full((sq, 1), skv)
    hidden = np.arange(skv) > last
    spoilt = np.einsum("rk,hkc->hrc", hidden, ~np.isfinite(v)) > 0
    return (seen == expected) | spoilt & (seen == "nan")


@pytest.mark.parametrize("fmt", STORED)
@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("causal", [False, True])
def test_every_case_is_in_its_class(fmt, dataflow, causal):
    tensors = make_tensors(fmt, 20, 33, D, DV)
    # P and O in FP16 leave no room for other reasons than the inputs'; BF16 has the range of FP32
    # in O, too.
    o_fmt = Format.BF16 if fmt == Format.BF16 else Format.FP16
    workload = shape(tensors, fmt, causal=causal, p_fmt=Format.FP16, o_fmt=o_fmt)
    out = run(workload, tensors, dataflow)
    exact = attention(*tensors, causal=causal)
    fitting = equal_or_masked(classes(out), classes(exact), tensors[2], 20, causal)
    for number, (name, case) in enumerate(cases_of(fmt).items()):
        same = fitting[number]
        if case.textbook:
            assert not same.all(), f"{name} does not differ"
            found = set(classes(out[number])[~same])
            assert found == {DEPARTURES[name]}, f"{name}: {found}"
        else:
            where = np.argwhere(~same)[:1]
            assert same.all(), (
                f"{name}: at {where} {classes(out[number])[~same][0]}, not "
                f"{classes(exact[number])[~same][0]}"
            )
        finite = np.isfinite(exact[number]) & np.isfinite(out[number])
        assert np.allclose(
            out[number][finite],
            exact[number][finite],
            rtol=2**-6,
            atol=2**-8 if not case.textbook else 1e-2,
        )


@pytest.mark.parametrize("fmt", STORED)
def test_what_is_exact_is_exact(fmt):
    tensors, names = make_tensors(fmt, 20, 33, D, DV), list(cases_of(fmt))
    out = run(shape(tensors, fmt), tensors, "flat-async")
    one_hot, negative = names.index("huge_scores"), names.index("minus_zero_values")
    assert np.array_equal(out[one_hot], np.repeat(tensors[2][one_hot, :1], 20, axis=0))
    assert (out[negative, :, 1].view(np.uint32) == 0).all(), "-0 summed up must be +0"


@pytest.mark.parametrize("fmt", STORED)
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_rows_that_see_nothing_are_zero(fmt, dataflow):
    rng = np.random.default_rng(3)
    tensors = tuple(
        round_to(rng.uniform(1, 2, (3, rows, D)).astype(np.float32), fmt) for rows in (45, 19, 19)
    )
    workload = shape(tensors, fmt, causal=True)
    out = run(workload, tensors, dataflow)
    assert (out[:, :26].view(np.uint32) == 0).all()
    assert np.array_equal(classes(out), classes(attention(*tensors, causal=True)))


def test_a_masked_nan_in_v_reaches_the_rows_that_share_a_slice_with_one_that_sees_it():
    """Row 13 sees key 13. Rows 8 to 15 are one slice: P is +0 for the masked keys of the slice's
    block, and +0 * NaN is NaN.
    """
    q, k, v = (np.ones((1, 32, 8), np.float32) for _ in range(3))
    v[0, 13, 2] = np.nan
    out = run(shape((q, k, v), Format.FP16, causal=True), (q, k, v), "flash2", rows=8, columns=8)
    assert np.isfinite(out[0, :8]).all() and np.isfinite(out[0, :, [0, 1, 3]]).all()
    assert np.isnan(out[0, 8:, 2]).all()


def test_a_masked_nan_in_k_reaches_nobody():
    q, k, v = (np.ones((1, 32, 8), np.float32) for _ in range(3))
    k[0, 13, 2] = np.nan
    out = run(shape((q, k, v), Format.FP16, causal=True), (q, k, v), "flash2", rows=8, columns=8)
    assert (out[0, :13] == 1).all() and np.isnan(out[0, 13:]).all()
