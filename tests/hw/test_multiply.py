"""The vector multiply is the rounded exact product, with its own rule for what is too small."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.float.multiply import Fp32Multiplier
from isa.formats import canonical

CORNERS = np.array(
    [
        0x00000000,
        0x00000001,
        0x00400000,
        0x007FFFFF,
        0x00800000,
        0x00800001,
        0x00FFFFFF,
        0x1F800000,
        0x20000000,
        0x207FFFFF,
        0x3EFFFFFF,
        0x3F000000,
        0x3F7FFFFF,
        0x3F800000,
        0x3F800001,
        0x3FB504F3,
        0x3FB504F4,
        0x3FFFFFFF,
        0x5F7FFFFF,
        0x5F800000,
        0x7E800000,
        0x7F000000,
        0x7F7FFFFF,
        0x7F800000,
        0x7F800001,
        0x7FC00000,
        0x7FFFFFFF,
    ],
    np.uint32,
)
SMALLEST = np.ldexp(1.0, -126)


def pairs(kind, count=2000):
    rng = np.random.default_rng(2)
    if kind == "corners":
        values = np.concatenate([CORNERS, CORNERS | np.uint32(1 << 31)])
        return np.repeat(values, len(values)), np.tile(values, len(values))
    a, b = (rng.integers(0, 1 << 32, count, dtype=np.uint32) for _ in range(2))
    if kind in ("smallest", "largest"):  # products around 2^-126 or 2^128
        exponent = (
            rng.integers(1, 126, count) if kind == "smallest" else rng.integers(128, 255, count)
        )
        other = {"smallest": 128, "largest": 382}[kind] - exponent + rng.integers(-2, 2, count)
        a, b = (
            x & 0x807FFFFF | np.clip(e, 0, 254).astype(np.uint32) << 23
            for x, e in ((a, exponent), (b, other))
        )
    elif kind == "ties":  # 12 by 13 bits: the exact product often ends in the guard bit
        a, b = a & 0xFFFFF800 | 0x800, b & 0xFFFFFC00 | 0x400
    return a, b


def product(a, b):
    """The contract in float64, where the product of two float32 is exact."""
    x, y = (bits.view(np.float32).astype(np.float64) for bits in (a, b))
    x, y = (np.where(np.abs(v) < SMALLEST, np.copysign(0.0, v), v) for v in (x, y))
    exact = x * y
    return canonical(
        np.where(np.abs(exact) < SMALLEST, np.copysign(0.0, exact), exact).astype(np.float32)
    ).view(np.uint32)


def multiply(a, b):
    """What the multiplier computes, with a bubble (en = 0) every few cycles."""
    dut, products = Fp32Multiplier(), []
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        for index in range(len(a) + dut.latency):
            ctx.set(dut.a, int(a[index % len(a)]))
            ctx.set(dut.b, int(b[index % len(a)]))
            if index % 7 == 3:
                ctx.set(dut.en, 0)
                await ctx.tick()
            ctx.set(dut.en, 1)
            products.append(ctx.get(dut.o))
            await ctx.tick()

    sim.add_testbench(bench)
    sim.run()
    return np.array(products[dut.latency :], np.uint32)


@pytest.mark.parametrize("kind", ["corners", "any", "smallest", "largest", "ties"])
def test_product_is_the_rounded_exact_one(kind):
    a, b = pairs(kind)
    with np.errstate(all="ignore"):
        expected = product(a, b)
    actual = multiply(a, b)
    wrong = np.flatnonzero(actual != expected)
    assert not len(wrong), "; ".join(
        f"{a[i]:08x} * {b[i]:08x}: expected {expected[i]:08x}, got {actual[i]:08x}"
        for i in wrong[:5]
    )
