"""FP32 addition is NumPy's, bit for bit."""

import itertools

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.float.add import Fp32Adder
from isa.formats import canonical

CORNERS = np.array(
    [
        0x00000000,
        0x00000001,
        0x00000002,
        0x00400000,
        0x007FFFFF,
        0x00800000,
        0x00800001,
        0x00FFFFFF,
        0x01000000,
        0x0C800000,
        0x33800000,
        0x33800001,
        0x34000000,
        0x3F7FFFFF,
        0x3F800000,
        0x3F800001,
        0x4B7FFFFF,
        0x4B800000,
        0x4B800001,
        0x73800000,
        0x7EFFFFFF,
        0x7F000000,
        0x7F7FFFFE,
        0x7F7FFFFF,
        0x7F800000,
        0x7F800001,
        0x7FC00000,
        0x7FFFFFFF,
    ],
    np.uint32,
)


def corner_pairs():
    values = np.concatenate([CORNERS, CORNERS | np.uint32(1 << 31)])
    pairs = np.array(list(itertools.product(values, values)), np.uint32)
    return pairs[:, 0], pairs[:, 1]


def random_pairs(kind, count=2000):
    rng = np.random.default_rng(1)
    a, b = (rng.integers(0, 1 << 32, count, dtype=np.uint32) for _ in range(2))
    exponent = rng.integers(0, 255, count)
    if kind == "close":  # exponents within alignment distance of each other
        near = np.clip(exponent + rng.integers(-28, 29, count), 0, 255)
        a, b = (x & 0x807FFFFF | e.astype(np.uint32) << 23 for x, e in ((a, exponent), (b, near)))
    elif kind == "cancel":  # almost equal magnitudes, opposite signs
        b = (
            a
            ^ np.uint32(1 << 31)
            ^ (rng.integers(0, 1 << 24, count) >> rng.integers(0, 25, count)).astype(np.uint32)
        )
    elif kind == "subnormal":
        a, b = (x & 0x80FFFFFF | rng.integers(0, 6, count, dtype=np.uint32) << 23 for x in (a, b))
    elif kind == "ties":  # few significant bits, so that exact ties are common
        near = np.clip(exponent - rng.integers(0, 27, count), 0, 254)
        mask = np.uint32(0x80700007)
        a, b = (x & mask | e.astype(np.uint32) << 23 for x, e in ((a, exponent), (b, near)))
    return a, b


def add(a, b):
    """What the adder computes, with a bubble (en = 0) every few cycles."""
    dut, sums = Fp32Adder(), []
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        for index, (x, y) in enumerate(
            itertools.chain(zip(a, b, strict=True), [(0, 0)] * dut.latency)
        ):
            ctx.set(dut.a, int(x))
            ctx.set(dut.b, int(y))
            if index % 7 == 3:
                ctx.set(dut.en, 0)
                await ctx.tick()
            ctx.set(dut.en, 1)
            sums.append(ctx.get(dut.o))
            await ctx.tick()

    sim.add_testbench(bench)
    sim.run()
    return np.array(sums[dut.latency :], np.uint32)


@pytest.mark.parametrize("kind", ["corners", "any", "close", "cancel", "subnormal", "ties"])
def test_sum_is_numpys(kind):
    a, b = corner_pairs() if kind == "corners" else random_pairs(kind)
    with np.errstate(all="ignore"):
        expected = canonical(a.view(np.float32) + b.view(np.float32)).view(np.uint32)
    actual = add(a, b)
    wrong = np.flatnonzero(actual != expected)
    assert not len(wrong), "; ".join(
        f"{a[i]:08x} + {b[i]:08x}: expected {expected[i]:08x}, got {actual[i]:08x}"
        for i in wrong[:5]
    )
