"""A multiply-accumulate is an exact product and one FP32 addition, in all pairs of formats and for
every kind of operand.
"""

import itertools

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.float.mac import MultiplyAccumulate, Operand, decode_operand
from isa.formats import FORMATS, canonical, decode
from isa.instructions import Format

FORMATS_OF_OPERANDS = (Format.FP16, Format.BF16, Format.E4M3, Format.E5M2)
CORNERS = {
    Format.FP16: [
        0x0000,
        0x0001,
        0x0002,
        0x0201,
        0x03FF,
        0x0400,
        0x3BFF,
        0x3C00,
        0x3C01,
        0x7BFF,
        0x7C00,
        0x7C01,
        0x7FFF,
    ],
    Format.BF16: [
        0x0000,
        0x0001,
        0x0041,
        0x007F,
        0x0080,
        0x1F80,
        0x207F,
        0x3F80,
        0x3FFF,
        0x5F80,
        0x7F7F,
        0x7F80,
        0x7F81,
    ],
    Format.E4M3: [0x00, 0x01, 0x02, 0x03, 0x07, 0x08, 0x38, 0x39, 0x77, 0x7E, 0x7F],
    Format.E5M2: [0x00, 0x01, 0x02, 0x03, 0x04, 0x3C, 0x3D, 0x7B, 0x7C, 0x7D, 0x7F],
}
ACCUMULATORS = np.array(
    [
        0,
        0x80000000,
        1,
        0x807FFFFF,
        0x3F800000,
        0xBF800000,
        0x7F7FFFFF,
        0x7F800000,
        0xFF800000,
        0x7FC00000,
    ],
    np.uint32,
)


class OneElement(wiring.Component):
    """The decoders and one PE, with a new triple of operands every cycle."""

    def __init__(self):
        operand = {"fmt_a": In(3), "fmt_b": In(3), "a": In(16), "b": In(16)}
        super().__init__(operand | {"accumulator": In(32), "result": Out(32)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.pe = pe = MultiplyAccumulate()
        for operand, bits, fmt, bias in (
            (pe.a, self.a, self.fmt_a, 0),
            (pe.b, self.b, self.fmt_b, 126),
        ):
            for name, value in decode_operand(m, bits, fmt, bias).items():
                register = Signal(Operand().members[name].shape)
                m.d.sync += register.eq(value)
                m.d.comb += getattr(operand, name).eq(register)
        late = [self.accumulator, Signal(32), Signal(32)]
        m.d.sync += [late[1].eq(late[0]), late[2].eq(late[1])]
        m.d.comb += [
            pe.multiply.eq(1),
            pe.add.eq(1),
            pe.round.eq(1),
            pe.accumulator.eq(late[2]),
            self.result.eq(pe.result),
        ]
        return m


def products(a, b, fmt_a, fmt_b):
    """Products as the matrix engine defines them: exact, but zero of their sign below 2^-126."""
    a, b = decode(a, fmt_a).astype(np.float64), decode(b, fmt_b).astype(np.float64)
    exact = a * b
    return np.where(np.abs(exact) < 2.0**-126, np.copysign(0.0, exact), exact).astype(np.float32)


def run(fmt_a, fmt_b, a, b, accumulators):
    dut, results = OneElement(), []
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    shift_a, shift_b = (16 - FORMATS[fmt].bits for fmt in (fmt_a, fmt_b))

    async def bench(ctx):
        ctx.set(dut.fmt_a, int(fmt_a))
        ctx.set(dut.fmt_b, int(fmt_b))
        for x, y, z in itertools.chain(zip(a, b, accumulators, strict=True), [(0, 0, 0)] * 3):
            ctx.set(dut.a, int(x) << shift_a)
            ctx.set(dut.b, int(y) << shift_b)
            ctx.set(dut.accumulator, int(z))
            await ctx.tick()
            results.append(ctx.get(dut.result))

    sim.add_testbench(bench)
    sim.run()
    return np.array(results[2:-1], np.uint32)


def corners(fmt):
    """Bits of the format's edges, of both signs."""
    bits = np.array(CORNERS[fmt], FORMATS[fmt].dtype)
    return np.concatenate([bits, bits | bits.dtype.type(1 << FORMATS[fmt].bits - 1)])


@pytest.mark.parametrize("kind", ["corners", "random", "cancel"])
@pytest.mark.parametrize("fmt_a", FORMATS_OF_OPERANDS, ids=lambda fmt: fmt.name)
@pytest.mark.parametrize("fmt_b", FORMATS_OF_OPERANDS, ids=lambda fmt: fmt.name)
def test_result_is_numpys(fmt_a, fmt_b, kind):
    rng = np.random.default_rng([int(fmt_a), int(fmt_b)])
    if kind == "corners":
        a, b = (side.reshape(-1) for side in np.meshgrid(corners(fmt_a), corners(fmt_b)))
        accumulators = np.resize(ACCUMULATORS, len(a))
    else:
        a, b = (
            rng.integers(0, 1 << FORMATS[fmt].bits, 300).astype(FORMATS[fmt].dtype)
            for fmt in (fmt_a, fmt_b)
        )
        accumulators = rng.integers(0, 1 << 32, len(a), dtype=np.uint32)
        if kind == "cancel":
            with np.errstate(all="ignore"):
                noise = accumulators >> rng.integers(5, 32, len(a)).astype(np.uint32)
                accumulators = (-products(a, b, fmt_a, fmt_b)).view(np.uint32) ^ noise
    with np.errstate(all="ignore"):
        expected = canonical(accumulators.view(np.float32) + products(a, b, fmt_a, fmt_b)).view(
            np.uint32
        )
    actual = run(fmt_a, fmt_b, a, b, accumulators)
    wrong = np.flatnonzero(actual != expected)
    assert not len(wrong), "; ".join(
        f"{accumulators[i]:08x} + {a[i]:x} * {b[i]:x}: expected {expected[i]:08x}, got "
        f"{actual[i]:08x}"
        for i in wrong[:5]
    )
