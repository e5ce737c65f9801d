"""Sums and maxima are NumPy's, bit for bit, in order, after the cycles that LATENCY states, at the stated rate."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.network.combine import LATENCY, Combine
from isa.formats import canonical
from isa.instructions import ReduceOp
from isa.machine import MACHINES

TILE = MACHINES["mesh4"].tile
LANES = TILE.link_bits // 32
AWKWARD = [
    0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F7FFFFF, 0xFF7FFFFF,
    0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x33800000,
]  # fmt: skip


def random_word(rng):
    word = 0
    for lane in range(LANES):
        value = rng.choice([
            rng.choice(AWKWARD), rng.getrandbits(32), rng.randrange(0x3F000000, 0x41000000) | rng.getrandbits(1) << 31,
        ])  # fmt: skip
        if value & 0x7FFFFFFF > 0x7F800000:
            value = 0x7FC00000
        word |= value << 32 * lane
    return word


def expected(op, words):
    """The contract: left to right; canonical sums; the maximum by integer key."""
    if len(words) == 1:
        return words[0]
    operands = [np.array([word >> 32 * lane & 0xFFFFFFFF for lane in range(LANES)], np.uint32) for word in words]
    total = operands[0]
    for operand in operands[1:]:
        if op == ReduceOp.SUM:
            with np.errstate(all="ignore"):
                total = canonical(total.view(np.float32) + operand.view(np.float32)).view(np.uint32)
        else:
            total = np.where(key(total) >= key(operand), total, operand)
    return sum(int(value) << 32 * lane for lane, value in enumerate(total))


def key(bits):
    signed = bits.view(np.int32)
    return signed ^ (signed >> 31 & 0x7FFFFFFF)


def simulate(jobs, *, gap=0.0, seed=1):
    """Offer jobs (op, words); return the cycles at which they were taken, and (cycle, label, result)."""
    dut = Combine(tile=TILE, label=16)
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    rng, taken, results = random.Random(seed), [], []

    async def bench(ctx):
        offered, cycle = False, 0
        while len(results) < len(jobs) and cycle < 30 * len(jobs) + 50:
            if len(taken) < len(jobs) and (offered or rng.random() >= gap):
                op, words = jobs[len(taken)]
                payload = dict(zip("abcde", words, strict=False))
                ctx.set(dut.i.payload, {"label": len(taken), "op": op, "count": len(words), **payload})
                offered = True
            ctx.set(dut.i.valid, offered)
            if ctx.get(dut.valid):
                results.append((cycle, ctx.get(dut.label), ctx.get(dut.result)))
            if offered and ctx.get(dut.i.ready):
                taken.append(cycle)
                offered = False
            await ctx.tick()
            cycle += 1

    sim.add_testbench(bench)
    sim.run()
    return taken, results


@pytest.mark.parametrize("op", list(ReduceOp))
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_latency_and_rate(op, count):
    rng = random.Random(count)
    jobs = [(op, [random_word(rng) for _ in range(count)]) for _ in range(30)]
    taken, results = simulate(jobs)
    assert [cycle for cycle, _, _ in results] == [cycle + LATENCY[op][count] for cycle in taken]
    if count <= 3:
        assert taken == list(range(30))
    else:
        # Half rate: as long as the pipeline is full of first passes, second passes follow.
        assert taken[-1] + 1 <= 60
    assert [result for _, _, result in results] == [expected(*job) for job in jobs]


@pytest.mark.parametrize("gap", [0.0, 0.5, 0.8])
def test_mixed_jobs_keep_their_order_and_values(gap):
    rng = random.Random(gap)
    jobs = [(rng.choice(list(ReduceOp)), [random_word(rng) for _ in range(rng.randint(1, 5))]) for _ in range(150)]
    taken, results = simulate(jobs, gap=gap)
    assert [label for _, label, _ in results] == list(range(len(jobs)))
    assert [result for _, _, result in results] == [expected(*job) for job in jobs]
    latencies = [out - at for at, (out, _, _) in zip(taken, results, strict=True)]
    assert latencies == [LATENCY[op][len(words)] for op, words in jobs]


def test_maximum_keeps_the_bits_of_its_operand():
    nan = 0x7FABCDEF
    (_, [(_, _, result)]) = simulate([(ReduceOp.MAX, [0x7F800000, nan])])
    assert result == nan
    (_, [(_, _, result)]) = simulate([(ReduceOp.MAX, [0x80000000, 0x00000000, 0xFF800000])])
    assert result == 0
