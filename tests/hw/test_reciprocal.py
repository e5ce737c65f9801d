"""The divider is float32 division, with the vector engine's rule for zeros and for what is too
small.
"""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.float.reciprocal import Fp32Reciprocal
from isa.formats import canonical

LANES = 16
SPECIALS = np.array(
    [
        0x00000000,
        0x00000001,
        0x007FFFFF,
        0x00800000,
        0x00800001,
        0x3F7FFFFF,
        0x3F800000,
        0x3F800001,
        0x3FFFFFFF,
        0x40400000,
        0x7E7FFFFF,
        0x7E800000,
        0x7E800001,
        0x7EFFFFFF,
        0x7F000000,
        0x7F000001,
        0x7F7FFFFF,
        0x7F800000,
        0x7F800001,
        0x7FC00000,
    ],
    np.uint32,
)


def operands(kind):
    rng = np.random.default_rng(3)
    if kind == "specials":
        values = np.concatenate([SPECIALS, SPECIALS | np.uint32(1 << 31)])
    elif kind == "powers":
        values = np.arange(512, dtype=np.uint32) << 23
    else:
        values = rng.integers(0, 1 << 32, 1200, dtype=np.uint32)
    return np.concatenate([values, np.zeros(-len(values) % LANES, np.uint32)])


def expected_of(values):
    x = values.view(np.float32)
    small = np.abs(x) < np.float32(2.0**-126)
    with np.errstate(all="ignore"):
        y = np.where(small, np.float32(0), np.float32(1) / x).astype(np.float32)
        y = np.where(np.abs(y) < np.float32(2.0**-126), np.copysign(np.float32(0), y), y)
    return canonical(y).view(np.uint32)


@pytest.mark.parametrize("kind", ["specials", "powers", "any"])
def test_reciprocal_is_numpys(kind):
    values = operands(kind)
    dut, actual = Fp32Reciprocal(lanes=LANES), []
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        for chunk in values.reshape(-1, LANES):
            for a, value in zip(dut.a, chunk, strict=True):
                ctx.set(a, int(value))
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            assert not ctx.get(dut.done)
            await ctx.tick().repeat(dut.latency - 2)
            assert not ctx.get(dut.done)
            for a in dut.a:
                ctx.set(a, 0)
            await ctx.tick()
            assert ctx.get(dut.done)
            actual.extend(ctx.get(o) for o in dut.o)

    sim.add_testbench(bench)
    sim.run()
    expected = expected_of(values)
    wrong = np.flatnonzero(np.array(actual, np.uint32) != expected)
    assert not len(wrong), "; ".join(
        f"1/{values[i]:08x}: expected {expected[i]:08x}, got {actual[i]:08x}" for i in wrong[:5]
    )


@pytest.mark.parametrize("lanes", [0, -1, "2"])
def test_refuses_a_bad_number_of_lanes(lanes):
    with pytest.raises(TypeError, match=r"^Number of lanes must be a positive integer, not "):
        Fp32Reciprocal(lanes=lanes)
