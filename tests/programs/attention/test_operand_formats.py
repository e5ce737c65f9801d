"""Formats of q, k and v, of the probabilities and of the output, from HBM to HBM on the golden
machine.
"""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from golden.attention import Blocked, attention, online_attention
from golden.machine import GoldenMachine
from isa.errors import UserError
from isa.formats import decode
from isa.instructions import Format, Opcode, Queue
from isa.machine import load_machine
from programs.attention.compile import compile_attention
from programs.attention.workload import Attention, parse_attention, random_tensors

FP16, BF16, E4M3, E5M2 = Format.FP16, Format.BF16, Format.E4M3, Format.E5M2
ORACLE = {
    FP16: np.float16,
    BF16: ml_dtypes.bfloat16,
    E4M3: ml_dtypes.float8_e4m3fn,
    E5M2: ml_dtypes.float8_e5m2,
}
"""Types that know nothing of `isa.formats`."""
TAILS = "gqa:Sq=13,Skv=45,D=21,Dv=11,H=4,Hkv=2"


def run(workload, tensors=None, *, dataflow="flat-async", mesh="3x2", **fixed):
    """Bits of the output, the compilation and the tensors."""
    machine = load_machine("mesh4", mesh)
    tensors = tensors or random_tensors(workload, 7)
    compiled = compile_attention(machine, workload, dataflow, **fixed)
    golden = GoldenMachine(machine, compiled.programs, compiled.placement.scatter(*tensors))
    statistics = golden.run()
    written = sum(statistics.hbm_words_written) * machine.tile.word_bytes
    assert written == compiled.hbm_ideal_write_bytes
    assert sum(statistics.hbm_words_read) * machine.tile.word_bytes == compiled.hbm_ideal_read_bytes
    return compiled.placement.gather(golden.hbm), compiled, tensors


def reference(workload, tensors, block):
    blocked = Blocked(block, workload.fmt, workload.p_fmt, workload.o_fmt)
    return online_attention(*tensors, blocked, causal=workload.causal)


def test_p_and_o_are_as_the_inputs_unless_said():
    workload = parse_attention("mha:S=8,D=8", E4M3)
    assert (workload.p_fmt, workload.o_fmt) == (E4M3, E4M3)
    assert replace(workload, o_fmt=FP16).p_fmt == E4M3
    for name in ("fmt", "p_fmt", "o_fmt"):
        with pytest.raises(
            UserError, match=r"a storage format must be fp16, bf16, e4m3 or e5m2, not fp32$"
        ):
            replace(workload, **{name: Format.FP32})


@pytest.mark.parametrize("p_fmt", ORACLE)
@pytest.mark.parametrize("fmt", ORACLE)
def test_error_is_that_of_the_formats(fmt, p_fmt):
    o_fmt = list(ORACLE)[
        (fmt + p_fmt) % len(ORACLE)
    ]  # so that each pair of two of the three is seen
    workload = replace(parse_attention(TAILS, fmt), p_fmt=p_fmt, o_fmt=o_fmt)
    bits, compiled, tensors = run(workload, group="3x2", rows=5, columns=7)
    exact = attention(*tensors)
    out = bits.view(ORACLE[o_fmt]).astype(np.float64)
    error, floor = (
        np.abs(x - exact).max()
        for x in (out, reference(workload, tensors, compiled.mapping.columns))
    )
    assert error <= 2 * floor


@pytest.mark.parametrize("dataflow", ["flat", "flash3", "flash2"])
@pytest.mark.parametrize(
    "formats", [(E4M3, FP16, BF16), (FP16, E5M2, E4M3), (E5M2, E5M2, E5M2)], ids=str
)
def test_every_dataflow(dataflow, formats):
    fmt, p_fmt, o_fmt = formats
    workload = replace(parse_attention("mha:S=33,D=20,H=2,causal=1", fmt), p_fmt=p_fmt, o_fmt=o_fmt)
    bits, compiled, tensors = run(workload, dataflow=dataflow)
    exact = attention(*tensors, causal=True)
    error = np.abs(bits.view(ORACLE[o_fmt]).astype(np.float64) - exact).max()
    assert error <= 2 * np.abs(reference(workload, tensors, compiled.mapping.columns) - exact).max()


@pytest.mark.parametrize("fmt", ORACLE)
def test_hbm_holds_what_the_oracle_rounds_to(fmt):
    """With one key, P is 1 and O is v."""
    rng = np.random.default_rng(1)
    q, k, v = (
        rng.normal(size=shape).astype(np.float32) for shape in ((1, 5, 8), (1, 1, 8), (1, 1, 19))
    )
    for o_fmt in ORACLE:
        workload = Attention(heads=1, sq=5, skv=1, d=8, dv=19, fmt=fmt, o_fmt=o_fmt)
        bits, _, _ = run(workload, (q, k, v), dataflow="flash2", mesh="1x1")
        expected = v.astype(ORACLE[fmt]).astype(np.float32).astype(ORACLE[o_fmt])
        assert np.array_equal(bits[0], np.repeat(expected[0].view(bits.dtype), 5, axis=0))


@pytest.mark.parametrize("o_fmt", ORACLE)
def test_an_output_beyond_the_format_overflows_as_the_oracle_does(o_fmt):
    values = [440, 464, 480, 57344, 61440, 65504]
    workload = Attention(heads=1, sq=2, skv=1, d=8, dv=len(values), o_fmt=o_fmt)
    v = np.array([[values]], np.float32)
    tensors = np.ones((1, 2, 8), np.float32), np.ones((1, 1, 8), np.float32), v
    bits, _, _ = run(workload, tensors, dataflow="flash2", mesh="1x1")
    with np.errstate(over="ignore"):
        expected = v[0].astype(ORACLE[o_fmt]).astype(np.float32)
    for out in (decode(bits, o_fmt)[0], reference(workload, tensors, 4)[0]):
        assert np.array_equal(out, np.repeat(expected, 2, axis=0), equal_nan=True)


def test_instructions_name_each_format():
    workload = replace(parse_attention("mha:S=32,D=16", E4M3), p_fmt=FP16, o_fmt=BF16)
    _, compiled, _ = run(workload, dataflow="flat", mesh="2x1")
    program = compiled.programs[0, 0]
    products = {
        (i["trans_b"], i["fmt_a"], i["fmt_b"])
        for i in program.queues[Queue.MATRIX]
        if i.opcode == Opcode.MATMUL
    }
    assert products == {(1, E4M3, E4M3), (0, FP16, E4M3)}
    assert {i["fmt_d"] for i in program.queues[Queue.VECTOR] if i.opcode == Opcode.EXP} == {FP16}


def test_wider_output_takes_wider_rows():
    narrow, wide = (
        replace(parse_attention("mha:S=32,D=64", E4M3), o_fmt=fmt) for fmt in (E4M3, FP16)
    )
    written = [
        run(workload, dataflow="flat", mesh="2x1")[1].hbm_ideal_write_bytes
        for workload in (narrow, wide)
    ]
    assert written == [32 * 64, 2 * 32 * 64]
