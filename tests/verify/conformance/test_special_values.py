"""Special values in attention on the RTL: every bit as on the golden machine."""

from dataclasses import replace

import numpy as np
import pytest

from isa.instructions import Format
from isa.machine import MACHINES
from programs.attention.workload import Attention
from programs.tensors import AttentionTensors
from tb.experiment import run_experiment
from verify.conformance.special_values import cases_of, make_tensors


@pytest.mark.parametrize(
    "dtype",
    ["fp16", *(pytest.param(dtype, marks=pytest.mark.slow) for dtype in ("bf16", "e4m3", "e5m2"))],
)
def test_every_case_has_the_bits_of_golden(dtype):
    fmt = Format[dtype.upper()]
    q, k, v = make_tensors(fmt, 19, 17, 8, 8)
    workload = Attention(heads=len(cases_of(fmt)), sq=19, skv=17, d=8, dv=8, fmt=fmt, causal=True)
    workload = replace(workload, p_fmt=Format.FP16)
    seen = run_experiment(
        MACHINES["tiny"],
        AttentionTensors("special values", workload, q, k, v),
        "flat-async",
    )
    assert seen.result["bit_exact"], seen.first_mismatch


@pytest.mark.parametrize("o_fmt", [Format.E4M3, pytest.param(Format.E5M2, marks=pytest.mark.slow)])
def test_an_output_beyond_its_format_overflows_as_on_golden(o_fmt):
    values = [440, 464, 465, 480, 57344, 61439, 61440, 65504]
    workload = Attention(heads=1, sq=9, skv=3, d=8, dv=len(values), o_fmt=o_fmt)
    ones, v = np.ones((1, 9, 8), np.float32), np.array([[values] * 3], np.float32)
    tensors = AttentionTensors("overflow", workload, ones, ones[:, :3], v * np.float32([1, -1] * 4))
    seen = run_experiment(MACHINES["tiny"], tensors, "flat")
    assert seen.result["bit_exact"], seen.first_mismatch
