"""Matrix and vector instructions on L1: where operands are read and results written, and a whole
attention on one tile.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden import arithmetic
from golden.attention import Blocked, attention, online_attention
from golden.storage import decode, dtype_of, encode
from golden.vector import exp_rows, masked_columns, row_max
from isa.formats import FORMATS
from isa.instructions import Format
from tests.golden.mesh import golden, read, run, small, write

FORMATS_16_8 = [Format.FP16, Format.BF16, Format.E4M3, Format.E5M2]
WORD = 16


def place(machine, word, pitch, values, fmt):
    """Store a matrix row by row at a pitch in words."""
    for row, bits in enumerate(encode(values, fmt).reshape(values.shape)):
        write(machine, (0, 0), word + row * pitch, bits)


def fetch(machine, word, pitch, rows, columns, fmt):
    """Bits of a matrix and of what is left of each row's last word."""
    each = WORD // FORMATS[fmt].bytes
    whole = -(-columns // each) * each
    bits = np.stack(
        [read(machine, (0, 0), word + row * pitch, whole, dtype_of(fmt)) for row in range(rows)]
    )
    return bits[:, :columns], bits[:, columns:]


@pytest.mark.parametrize("fmt_a", FORMATS_16_8)
@pytest.mark.parametrize("fmt_b", FORMATS_16_8)
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize("accumulate", [False, True])
def test_matmul(fmt_a, fmt_b, trans_b, accumulate):
    m, n, k = 5, 7, 19
    rng = np.random.default_rng([int(fmt_a), int(fmt_b)])
    a, b, c = (rng.normal(size=shape).astype(np.float32) for shape in ((m, k), (k, n), (m, n)))
    flags = (
        f"fmt_a={fmt_a.name.lower()} fmt_b={fmt_b.name.lower()}"
        + " trans_b" * trans_b
        + " accumulate" * accumulate
    )
    line = f"matmul a=1 b=0x80 c=0x200 lda=4 ldb=6 ldc=3 m={m} n={n} k={k} {flags}"
    machine = golden("1x1", f".queue matrix\n{line}\nhalt")
    write(machine, (0, 0), 0x200, np.full(4 * 3 * m, 7, np.float32))
    place(machine, 1, 4, a, fmt_a)
    place(machine, 0x80, 6, b.T if trans_b else b, fmt_b)
    place(machine, 0x200, 3, c, Format.FP32)
    statistics = machine.run()
    a, b = (decode(encode(x, fmt), fmt) for x, fmt in ((a, fmt_a), (b, fmt_b)))
    expected = arithmetic.matmul(a, b, c if accumulate else None)
    bits, rest = fetch(machine, 0x200, 3, m, n, Format.FP32)
    assert np.array_equal(bits, expected.view(np.uint32))
    assert rest.shape == (m, 1) and not rest.any()
    # The word after each row is not the row's.
    assert (read(machine, (0, 0), 0x200, 12 * m).reshape(m, 12)[:, 8:] == 7).all()
    assert statistics.macs == m * n * k


VECTOR = {
    "fill": lambda a, b, column, imm: np.full_like(a, imm),
    "copy": lambda a, b, column, imm: a,
    "addv": lambda a, b, column, imm: arithmetic.add(a, b),
    "maxv": lambda a, b, column, imm: arithmetic.maximum(a, b),
    "mulv": lambda a, b, column, imm: arithmetic.multiply(a, b),
    "scale": lambda a, b, column, imm: arithmetic.multiply(a, column[:, None]),
    "expd": lambda a, b, column, imm: arithmetic.exponential(a, b, imm),
    "recip": lambda a, b, column, imm: arithmetic.reciprocal(a),
}


@settings(max_examples=60)
@given(
    st.sampled_from(list(VECTOR)),
    st.sampled_from(list(Format)),
    st.sampled_from(list(Format)),
    st.integers(1, 6),
    st.integers(1, 40),
    st.booleans(),
    st.integers(0, 1 << 32),
)
def test_elementwise(name, fmt_a, fmt_d, m, n, in_place, seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=(m, n)).astype(np.float32) for _ in range(2))
    column = rng.normal(size=m).astype(np.float32)
    by_column = name == "scale"
    d = 0x10 if in_place else 0x400
    formats = f"fmt_a={fmt_a.name.lower()} fmt_d={fmt_d.name.lower()}"
    text = f"{name} d={d:#x} a=0x10 b=0x200 ldd=11 lda=11 m={m} n={n} imm=-0.75 {formats}"
    machine = golden("1x1", f".queue vector\n{text}\nhalt")
    place(machine, 0x10, 11, a, fmt_a)
    place(machine, 0x200, 11, b, Format.FP32) if not by_column else write(
        machine, (0, 0), 0x200, column
    )
    machine.run()
    a = decode(encode(a, fmt_a), fmt_a)
    bits, rest = fetch(machine, d, 11, m, n, fmt_d)
    expected = VECTOR[name](a, b, column, np.array([-0.75], np.float32))
    assert np.array_equal(bits, encode(expected, fmt_d).reshape(m, n))
    assert not rest.any()


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("n", [0, 1, 13, 32])
@pytest.mark.parametrize("masked", ["", "masked mask=-2 mask_rows=1", "masked mask=5"])
def test_softmax_pieces_in_place(lanes, n, masked):
    """ROWMAX onto its own start values; EXP from FP32 to FP16 rows that begin where they were."""
    m = 6
    rng = np.random.default_rng(n)
    scores = rng.normal(scale=3, size=(m, n)).astype(np.float32)
    start = rng.normal(size=m).astype(np.float32)
    machine = golden(
        small("1x1", vector_lanes=lanes),
        f"""
        .queue vector
        rowmax a=0x10 lda=8 b=0x100 s=0x100 with_b m={m} n={n} {masked}
        exp a=0x10 d=0x10 lda=8 ldd=8 b=0x100 s=0x108 with_s m={m} n={n} imm=0.18033688 \
            fmt_d=fp16 {masked}
        halt
    """,
    )
    write(machine, (0, 0), 0x100, np.full(12, 9, np.float32))
    place(machine, 0x10, 8, scores, Format.FP32)
    write(machine, (0, 0), 0x100, start)
    machine.run()
    mask = None
    if masked:
        mask = masked_columns(m, n, *((-2, 1) if "mask_rows" in masked else (5, 0)))
    top = row_max(scores, start, mask)
    bits, sums = exp_rows(
        scores, top, np.array([0.18033688], np.float32), fmt=Format.FP16, masked=mask, lanes=lanes
    )
    assert read(machine, (0, 0), 0x100, 12).tolist() == [*top, 0, 0, 9, 9, 9, 9]
    assert read(machine, (0, 0), 0x108, 8).tolist() == [*sums, 0, 0]
    here, rest = fetch(machine, 0x10, 8, m, n, Format.FP16)
    assert np.array_equal(here, bits) and not rest.any()


def test_overlapping_rows_are_written_one_after_the_other():
    machine = run("1x1", ".queue vector\nfill d=0 ldd=1 m=3 n=5 imm=2.0\nhalt")
    assert (
        read(machine, (0, 0), 0, 20).tolist()
        == [2] * 4 + [2] * 4 + [2] * 4 + [2, 0, 0, 0] + [0] * 4
    )


def test_exp_without_columns_still_writes_its_sums():
    machine = golden("1x1", ".queue vector\nexp a=0 d=0 b=0 s=4 m=3 n=0 with_s\nhalt")
    write(machine, (0, 0), 4, np.ones(4, np.float32))
    write(machine, (0, 0), 0, np.ones(4, np.float32))
    machine.run()
    assert read(machine, (0, 0), 0, 4).all() and not read(machine, (0, 0), 4, 4).any()


ATTENTION = """
    .queue matrix
    # S = Q K^T
    matmul a=0x0 b=0x100 c=0x500 lda=8 ldb=8 ldc=16 m=32 n=64 k=64 fmt_a=fp16 fmt_b=fp16 trans_b \
        wait=0:1 signal=2
    # O = P V
    matmul a=0x500 b=0x300 c=0x700 lda=16 ldb=8 ldc=16 m=32 n=64 k=64 fmt_a=fp16 fmt_b=fp16 \
        wait=3:1,1:1 signal=4
    halt
    .queue vector
    rowmax a=0x500 lda=16 s=0x900 m=32 n=64 wait=2:1
    exp a=0x500 lda=16 b=0x900 d=0x500 ldd=16 s=0x908 with_s fmt_d=fp16 m=32 n=64 \
        imm=0.18033688 signal=3
    recip a=0x908 d=0x908 m=1 n=32 wait=4:1
    scale a=0x700 lda=16 b=0x908 d=0x700 ldd=8 fmt_d=fp16 m=32 n=64 signal=5
    halt
    .queue load
    load local=0x0 local_pitch=8 remote=0x0 remote_pitch=8 rows=32 words=8
    load local=0x100 local_pitch=8 remote=0x100 remote_pitch=8 rows=64 words=8 bump sem=0
    load local=0x300 local_pitch=8 remote=0x300 remote_pitch=8 rows=64 words=8 bump sem=1
    halt
    .queue out
    store local=0x700 local_pitch=8 remote=0x500 remote_pitch=8 rows=32 words=8 wait=5:1 bump sem=6
    sync wait=6:1
    halt
"""


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_attention_on_one_tile(seed):
    rng = np.random.default_rng(0)
    q, k, v = (
        rng.normal(size=shape).astype(np.float16) for shape in ((32, 64), (64, 64), (64, 64))
    )
    contents = np.zeros((0x600, 8), np.float16)
    for word, values in ((0, q), (0x100, k), (0x300, v)):
        contents[word : word + len(values) * 8] = values.reshape(-1, 8)
    machine = run("1x1", ATTENTION, {0: contents.view(np.uint32)}, seed)
    out = machine.hbm[0][0x500:0x600].view(np.float16).reshape(32, 64).astype(np.float64)
    q, k, v = (x[None].astype(np.float32) for x in (q, k, v))
    exact = attention(q, k, v)[0]
    reference = online_attention(q, k, v, Blocked(64, Format.FP16))[0]
    assert np.abs(out - exact).max() <= 2 * np.abs(reference - exact).max()
    assert machine.statistics.macs == 2 * 32 * 64 * 64
    assert sum(machine.statistics.hbm_words_read) == 32 * 8 + 2 * 64 * 8
    assert sum(machine.statistics.hbm_words_written) == 32 * 8
