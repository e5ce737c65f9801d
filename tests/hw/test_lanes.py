"""Netlists as C++ against Amaranth's simulator: every output and register of every copy, in every
cycle.
"""

import subprocess

import numpy as np
import pytest
from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.hdl import Fragment
from amaranth.hdl._ir import PortDirection, build_netlist
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.matrix.factor import Factor
from hw.matrix.grid import PeGrid
from hw.matrix.pe import ProcessingElement
from hw.sim.grid_model import TOLD_ALL
from hw.sim.lanes import lanes
from isa.machine import MACHINES

COPIES, CYCLES = 20, 40  # not a multiple of any vector


class Operators(wiring.Component):
    """Every kind of cell, narrow and wide, with parts of signals assigned and read."""

    def __init__(self):
        inputs = {"a": 40, "b": 40, "c": 9, "d": 32, "e": 1, "s": 7}
        super().__init__(
            {name: In(width) for name, width in inputs.items()}
            | {"o": Out(64)}
            | {"flags": Out(16), "p": Out(33), "q": Out(32)}
        )

    def elaborate(self, platform):
        m = Module()
        a, b, c, d, s = self.a, self.b, self.c, self.d, self.s
        m.d.comb += self.flags.eq(
            Cat(a == b, a != b, a < b, a > b, a <= b, a >= b, c == 300, c < 300, a.any(), c.all())
        )
        with m.Switch(c[:4]):
            with m.Case("01--", "1-1-"):
                m.d.sync += self.o[8:48].eq((a * b)[:40])
            with m.Case(3):
                m.d.sync += self.o.eq((a << s)[:64])
            with m.Default():
                m.d.sync += [self.o[:3].eq(c), self.o[60:].eq(~d)]
        with m.If(self.e):
            m.d.sync += self.p.eq(self.p - d)
        with m.Elif(c[8]):
            m.d.sync += self.p.eq(-d[:9])
        m.d.comb += self.q.eq(Mux(a[39], d >> s, d ^ c[2].replicate(32)) + b[5:30] & ~self.p[1:])
        return m


def _ports(component, flow):
    return {
        "__".join(map(str, path)): Value.cast(value)
        for path, member, value in component.signature.flatten(component)
        if member.flow == flow
    }


def _simulated(component, inputs):
    """Outputs by cycle of one copy, before each clock edge."""
    m = Module()
    m.submodules.component = component
    m.d.sync += Signal().eq(0)  # there is a clock, even for logic without registers
    ins, outs = _ports(component, In), _ports(component, Out)
    seen = []

    async def bench(ctx):
        for row in inputs:
            for port, value in zip(ins.values(), row, strict=True):
                ctx.set(port, int(value))
            seen.append([ctx.get(port) for port in outs.values()])
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


_MAIN = """
#include <cstdint>
#include <cstdio>
{text}
int main() {{
    static Lanes lanes;
    unsigned long long value;
    for (int cycle = 0; cycle < {cycles}; ++cycle) {{
        {read}
        lanes.show();
        {write}
        lanes.clock();
    }}
}}
"""
_EACH = "for (int k = 0; k < {copies}; ++k) "
_READ = _EACH + '{{ std::scanf("%llu", &value); lanes.{port}{at} = value; }}'
_WRITE = _EACH + 'std::printf("%llu\\n", (unsigned long long)lanes.{port}[k]);'


@pytest.mark.parametrize("options", ["-O1 -march=native", "-O2"])
@pytest.mark.parametrize(
    "make, shared",
    [
        (lambda: Factor(bias=126), ("load", "fmt")),
        (lambda: ProcessingElement(entries=6, latency=2), TOLD_ALL),
        (lambda: ProcessingElement(entries=16, latency=4), TOLD_ALL),
        (Operators, ("s", "e")),
    ],
    ids=["factor", "pe", "slow-pe", "operators"],
)
def test_same_bits(make, shared, options, tmp_path):
    rng = np.random.default_rng(1)
    component = make()
    ins, outs = _ports(component, In), _ports(component, Out)
    values = rng.integers(0, 1 << 63, (CYCLES, len(ins), COPIES), np.uint64)
    for index, (port, signal) in enumerate(ins.items()):
        values[:, index] >>= np.uint64(63 - len(signal))
        if port in shared:
            values[:, index] = values[:, index, :1]
        if "entry" in port:  # of those that there are
            values[:, index] %= np.uint64(6)
    text = _MAIN.format(
        text=lanes(component, "Lanes", str(COPIES), shared),
        cycles=CYCLES,
        read="\n".join(
            _READ.format(copies=COPIES, port=port, at="" if port in shared else "[k]")
            for port in ins
        ),
        write="\n".join(_WRITE.format(copies=COPIES, port=port) for port in outs),
    )
    (tmp_path / "main.cpp").write_text(text)
    command = ["g++", *options.split(), "-std=c++17", "main.cpp", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    numbers = "\n".join(map(str, values.reshape(-1)))
    printed = subprocess.run(
        [tmp_path / "main"], input=numbers, capture_output=True, text=True, check=True
    ).stdout
    seen = np.array(printed.split(), np.uint64).reshape(CYCLES, len(outs), COPIES)
    for copy in range(COPIES):
        expected = np.array(_simulated(make(), values[:, :, copy]), np.uint64)
        assert np.array_equal(seen[:, :, copy], expected), copy


class Remembers(wiring.Component):
    """A memory of 16 words, with initial values, or parts of words that are written alone."""

    def __init__(self, *, init=(), granularity=None):
        self._init, self._granularity = init, granularity
        super().__init__({"at": In(4), "i": In(8), "o": Out(8)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = memory.Memory(shape=8, depth=16, init=self._init)
        read = words.read_port(domain="comb")
        write = words.write_port(granularity=self._granularity)
        m.d.comb += [write.addr.eq(self.at), write.en.eq(self.i), write.data.eq(self.i)]
        m.d.comb += [read.addr.eq(self.at), self.o.eq(read.data)]
        return m


class Resets(wiring.Component):
    """A register with a reset."""

    def __init__(self):
        super().__init__({"i": In(8), "o": Out(8)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.eq(self.i)
        return m


@pytest.mark.parametrize(
    "component, shared, what",
    [
        (Remembers(), (), "An address that is not an input of all copies"),
        (Remembers(init=[1]), ("at",), "A memory with initial values"),
        (Remembers(granularity=4), ("at",), "A write of parts of a word"),
    ],
)
def test_what_it_cannot_do_is_refused(component, shared, what):
    with pytest.raises(NotImplementedError, match=f"{what} in lanes"):
        lanes(component, "Lanes", "4", shared)


def test_every_pe_has_the_factors_of_its_row_and_column():
    """The wiring that ``rtl_grid.h`` has by hand: the same nets in Amaranth's netlist."""
    grid = PeGrid(tile=MACHINES["tiny"].tile)
    m = grid.elaborate(None)
    ports = {name: (value, PortDirection.Input) for name, value in _ports(grid, In).items()}
    ports |= {name: (value, PortDirection.Output) for name, value in _ports(grid, Out).items()}
    signals = build_netlist(Fragment.get(m, None), ports=ports).signals
    factors = {}
    for name in ("a", "b"):
        for index, bits in enumerate(getattr(grid, name)):
            factors[name, index] = factor = getattr(m.submodules, f"{name}_{index}")
            for into, source in (("bits", bits), ("fmt", f"fmt_{name}"), ("load", f"load_{name}")):
                source = getattr(grid, source) if isinstance(source, str) else source
                assert signals[getattr(factor, into)] == signals[source]
    for i, j in np.ndindex(len(grid.a), len(grid.b)):
        pe = getattr(m.submodules, f"pe_{i}_{j}")
        for operand, factor in ((pe.a, factors["a", i]), (pe.b, factors["b", j])):
            for name in operand.signature.members:
                assert signals[getattr(operand, name)] == signals[getattr(factor.o, name)]
        for name in TOLD_ALL:
            if name != "ask":
                assert signals[getattr(pe, name)] == signals[getattr(grid, name)]
        for name in ("read", "fill"):
            assert signals[getattr(pe, name)] == signals[getattr(grid, name)][i : i + 1]
        assert signals[pe.fill_data] == signals[grid.fill_data][32 * j : 32 * j + 32]
