"""The adder for numbers that are not negative is NumPy's addition, bit for bit."""

import itertools

import numpy as np
from amaranth import Module, Signal
from amaranth.sim import Simulator

from hw.float.add_positive import add_positive

CORNERS = [
    0,
    1,
    0x00400000,
    0x007FFFFF,
    0x00800000,
    0x00800001,
    0x00FFFFFF,
    0x01000000,
    0x33800000,
    0x33800001,
    0x34000000,
    0x3F7FFFFF,
    0x3F800000,
    0x3F800001,
    0x4B7FFFFF,
    0x4B800000,
    0x7EFFFFFF,
    0x7F000000,
    0x7F7FFFFE,
    0x7F7FFFFF,
    0x7F800000,
    0x7FC00000,
]


def pairs():
    rng = np.random.default_rng(8)
    a = rng.integers(0, 0x7F800000, 4000, dtype=np.uint32)
    exponent = np.clip((a >> 23).astype(np.int64) + rng.integers(-28, 29, len(a)), 0, 254).astype(
        np.uint32
    )
    b = rng.integers(0, 0x7F800000, len(a), dtype=np.uint32) & 0x7FFFFF | exponent << 23
    # Few significant bits make exact ties common.
    a[1000:2000] &= 0x7F80000F
    b[1000:2000] &= 0x7FF00000
    corners = np.array(list(itertools.product(CORNERS, CORNERS)), np.uint32)
    return np.concatenate([a, corners[:, 0]]), np.concatenate([b, corners[:, 1]])


def test_sum_is_numpys():
    a, b = pairs()
    with np.errstate(over="ignore"):
        expected = (a.view(np.float32) + b.view(np.float32)).view(np.uint32)
    expected = np.where((a == 0x7FC00000) | (b == 0x7FC00000), 0x7FC00000, expected)
    m, x, y, total = Module(), Signal(31), Signal(31), Signal(31)
    m.d.comb += total.eq(add_positive(m, x, y))
    sim, actual = Simulator(m), []

    async def bench(ctx):
        for left, right in zip(a, b, strict=True):
            ctx.set(x, int(left))
            ctx.set(y, int(right))
            actual.append(ctx.get(total))

    sim.add_testbench(bench)
    sim.run()
    wrong = np.flatnonzero(np.array(actual, np.uint32) != expected)
    assert not len(wrong), "; ".join(
        f"{a[i]:08x} + {b[i]:08x}: expected {expected[i]:08x}, got {actual[i]:08x}"
        for i in wrong[:5]
    )
