"""Sums and maxima are NumPy's, bit for bit, in order, after the cycles that
`isa.timing.combine_cycles` states, at the stated rate.
"""

import random

import numpy as np
import pytest

from hw.network.combine import Combine
from isa.formats import FORMATS, canonical, decode, encode
from isa.instructions import Format, ReduceOp
from isa.machine import MACHINES
from isa.timing import combine_cycles
from tests.hw.simulation import simulation

TILE = MACHINES["mesh4"].tile
LANES = TILE.link_bits // 32
ROUNDS = 12
"""Jobs in a row of each number of words."""
AWKWARD = [
    0x00000000,
    0x80000000,
    0x3F800000,
    0xBF800000,
    0x7F800000,
    0xFF800000,
    0x7FC00000,
    0x7F7FFFFF,
    0xFF7FFFFF,
    0x00000001,
    0x80000001,
    0x007FFFFF,
    0x00800000,
    0x33800000,
]


def random_word(rng, fmt=Format.FP32):
    """A word of any bits, but FP32 NaN only canonical: others are no result of any engine."""
    if fmt != Format.FP32:
        return rng.getrandbits(TILE.link_bits)
    word = 0
    for lane in range(LANES):
        value = rng.choice(
            [
                rng.choice(AWKWARD),
                rng.getrandbits(32),
                rng.randrange(0x3F000000, 0x41000000) | rng.getrandbits(1) << 31,
            ]
        )
        if value & 0x7FFFFFFF > 0x7F800000:
            value = 0x7FC00000
        word |= value << 32 * lane
    return word


def elements(word, fmt):
    return np.frombuffer(
        word.to_bytes(TILE.word_bytes, "little"), np.dtype(f"<u{FORMATS[fmt].bytes}")
    )


def expected(op, words, fmt=Format.FP32):
    """The contract: left to right; sums in FP32, canonical, rounded once; the maximum by sign and
    magnitude.
    """
    if len(words) == 1:
        return words[0]
    operands = [elements(word, fmt) for word in words]
    if op == ReduceOp.SUM:
        total = decode(operands[0], fmt)
        for operand in operands[1:]:
            with np.errstate(all="ignore"):
                total = canonical(total + decode(operand, fmt))
        total = encode(total, fmt)
    else:
        total = operands[0]
        for operand in operands[1:]:
            total = np.where(key(total) >= key(operand), total, operand)
    return int.from_bytes(total.astype(operands[0].dtype).tobytes(), "little")


def key(bits):
    signed = bits.view(bits.dtype.str.replace("u", "i")).astype(np.int64)
    return signed ^ np.where(signed < 0, (1 << 8 * bits.itemsize - 1) - 1, 0)


def simulate(jobs, *, stages=1, formats=tuple(Format), gap=0.0, seed=1):
    """Offer jobs (op, fmt, words); return the cycles at which they were taken, and (cycle, label,
    result).
    """
    shared = simulation(Combine, tile=TILE, label=16, stages=stages, formats=tuple(sorted(formats)))
    dut, rng, taken, results = shared.dut, random.Random(seed), [], []

    async def bench(ctx):
        offered, cycle = False, 0
        while len(results) < len(jobs) and cycle < 30 * len(jobs) + 50:
            if len(taken) < len(jobs) and (offered or rng.random() >= gap):
                op, fmt, words = jobs[len(taken)]
                payload = dict(zip("abcde", words, strict=False))
                ctx.set(
                    dut.i.payload,
                    {"label": len(taken), "op": op, "fmt": fmt, "count": len(words), **payload},
                )
                offered = True
            ctx.set(dut.i.valid, offered)
            if ctx.get(dut.valid):
                results.append((cycle, ctx.get(dut.label), ctx.get(dut.result)))
            if offered and ctx.get(dut.i.ready):
                taken.append(cycle)
                offered = False
            await ctx.tick()
            cycle += 1

    shared.run(bench)
    return taken, results


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("fmt", [Format.FP32, Format.FP16])
@pytest.mark.parametrize("op", list(ReduceOp))
def test_latency_and_rate(op, fmt, stages):
    rng = random.Random(stages)
    counts = [count for count in range(1, 6) for _ in range(ROUNDS)]
    jobs = [(op, fmt, [random_word(rng, fmt) for _ in range(count)]) for count in counts]
    taken, results = simulate(jobs, stages=stages, formats={Format.FP32, fmt})
    assert [result for _, _, result in results] == [
        expected(op, words, fmt) for op, fmt, words in jobs
    ]
    waits = [cycle - at for at, (cycle, _, _) in zip(taken, results, strict=True)]
    assert waits == [combine_cycles(op, fmt, count, stages) for count in counts]
    for count in range(1, 6):
        first, *_, last = taken[(count - 1) * ROUNDS : count * ROUNDS]
        # Sums of four and five at half rate: as long as the pipeline is full of first passes,
        # second passes follow.
        assert (
            last - first + 1 == ROUNDS
            if count <= 3 or op == ReduceOp.MAX
            else last - first + 1 <= 2 * ROUNDS
        )


@pytest.mark.parametrize("stages, gap", [(1, 0.0), (1, 0.6), (2, 0.3)])
def test_mixed_jobs_keep_their_order_and_values(gap, stages):
    rng = random.Random(gap)
    jobs = []
    for _ in range(80):
        fmt = rng.choice([Format.FP32, *Format])
        jobs.append(
            (
                rng.choice(list(ReduceOp)),
                fmt,
                [random_word(rng, fmt) for _ in range(rng.randint(1, 5))],
            )
        )
    taken, results = simulate(jobs, gap=gap, stages=stages)
    assert [label for _, label, _ in results] == list(range(len(jobs)))
    assert [result for _, _, result in results] == [
        expected(op, words, fmt) for op, fmt, words in jobs
    ]
    latencies = [out - at for at, (out, _, _) in zip(taken, results, strict=True)]
    assert latencies == [combine_cycles(op, fmt, len(words), stages) for op, fmt, words in jobs]


def test_maximum_keeps_the_bits_of_its_operand():
    nan = 0x7FABCDEF
    (_, [(_, _, result)]) = simulate(
        [(ReduceOp.MAX, Format.FP32, [0x7F800000, nan])], formats=[Format.FP32]
    )
    assert result == nan
    (_, [(_, _, result)]) = simulate(
        [(ReduceOp.MAX, Format.FP32, [0x80000000, 0x00000000, 0xFF800000])], formats=[Format.FP32]
    )
    assert result == 0
