"""The exponential follows `isa.exp2` bit for bit, and is as good as it is said to be over every
FP16 input.
"""

import math

import numpy as np
from amaranth.sim import Simulator

from hw.float.exp2 import Exp2

LOG2E = np.float32(math.log2(math.e))


def power(t):
    """2^t by the rule of `isa.exp2`, on float32 values; written with exact integers, not with the
    hardware's shifts.
    """
    t = np.asarray(t, np.float32)
    with np.errstate(all="ignore"):
        fixed = np.trunc(np.clip(t.astype(np.float64), -256, 256) * 2.0**23)
    fixed = np.where(np.isnan(fixed), 0, fixed).astype(np.int64)
    whole, fraction = np.divmod(fixed, 1 << 23)
    index, rest = np.divmod(fraction, 1 << 15)
    entry = np.rint(np.exp2(np.arange(257) / 256) * 2.0**23).astype(np.int64)
    significand = entry[index] + (entry[index + 1] - entry[index]) * rest // (1 << 15)
    y = np.ldexp(significand.astype(np.float64), whole - 23)
    y = np.where(y < 2.0**-126, 0.0, np.where(t >= 128, np.inf, y))
    return np.where(np.isnan(t), np.float32(np.nan), y.astype(np.float32)).astype(np.float32)


def hardware(t):
    """What the component computes, with a bubble (en = 0) every few cycles."""
    dut, seen = Exp2(), []
    bits = np.ascontiguousarray(t, np.float32).view(np.uint32)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        for index in range(len(bits) + dut.latency):
            ctx.set(dut.a, int(bits[index % len(bits)]))
            if index % 7 == 3:
                ctx.set(dut.en, 0)
                await ctx.tick()
            ctx.set(dut.en, 1)
            seen.append(ctx.get(dut.o))
            await ctx.tick()

    sim.add_testbench(bench)
    sim.run()
    return np.array(seen[dut.latency :], np.uint32).view(np.float32)


def bits(values):
    values = np.array(values, np.float32)
    values[np.isnan(values)] = np.float32(np.nan)
    return values.view(np.uint32)


def test_any_argument():
    rng = np.random.default_rng(5)
    specials = [
        0.0,
        -0.0,
        1,
        -1,
        127.99999,
        128,
        1e30,
        -126,
        -126.00001,
        -127,
        -128,
        -1e30,
        np.inf,
        -np.inf,
        np.nan,
        1e-45,
        -1e-45,
        2.0**-23,
        -(2.0**-23),
        -(2.0**-24),
        0.99999994,
        -0.99999994,
    ]
    t = np.concatenate(
        [
            np.array(specials, np.float32),
            rng.uniform(-130, 130, 2000).astype(np.float32),
            rng.uniform(-2, 2, 1000).astype(np.float32),
            rng.integers(0, 1 << 32, 1000, dtype=np.uint32).view(np.float32),
        ]
    )
    expected, actual = power(t), hardware(t)
    wrong = np.flatnonzero(bits(expected) != bits(actual))
    assert not len(wrong), "; ".join(
        f"2^{t[i]!r}: expected {expected[i]!r}, got {actual[i]!r}" for i in wrong[:5]
    )


def test_every_fp16_input_up_to_zero():
    x = (
        np.arange(0x8000, 0xFC01, dtype=np.uint16).view(np.float16).astype(np.float32)
    )  # -0 down to -infinity
    exact = np.exp(x.astype(np.float64))
    with np.errstate(invalid="ignore"):
        t = (x.astype(np.float64) * np.float64(LOG2E)).astype(np.float32)
    y = hardware(t)
    assert np.array_equal(bits(y), bits(power(t)))
    assert y[0] == 1.0 and y[-1] == 0.0
    assert (np.diff(y) <= 0).all(), "not monotone"

    stored = y.astype(np.float16)
    ulp = np.spacing(np.maximum(exact.astype(np.float16), np.float16(2.0**-14))).astype(np.float64)
    error = np.abs(stored.astype(np.float64) - exact) / ulp
    floor = np.abs(exact.astype(np.float16).astype(np.float64) - exact) / ulp
    print(
        f"error in ulp of FP16: {error.max():.5f} at {x[error.argmax()]}, correctly rounded "
        f"{floor.max():.5f}"
    )
    print(f"not correctly rounded: {(stored != exact.astype(np.float16)).sum()} of {len(x)}")
    assert error.max() < 0.502 and floor.max() <= 0.5
    normal = exact >= 2.0**-126
    assert (np.abs(y[normal] - exact[normal]) / exact[normal]).max() < 2.0**-16
