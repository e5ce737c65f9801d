"""Netlists as C++ against Amaranth's simulator: every output and register of every copy, in every
cycle.
"""

import subprocess

import numpy as np
import pytest
from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.float.mac import MultiplyAccumulate
from hw.matrix.factor import Factor
from hw.sim.lanes import lanes

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
        (MultiplyAccumulate, ("multiply", "add", "round")),
        (Operators, ("s", "e")),
    ],
    ids=["factor", "pe", "operators"],
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


class _Remembers(wiring.Component):
    def __init__(self):
        super().__init__({"i": In(4), "o": Out(4)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = words = memory.Memory(shape=4, depth=16, init=[])
        m.d.comb += [words.read_port(domain="comb").addr.eq(self.i), self.o.eq(self.i)]
        m.d.comb += self.o.eq(words.read_port(domain="comb").data)
        return m


def test_what_it_cannot_do_is_refused():
    with pytest.raises(NotImplementedError, match="AsyncReadPort in lanes"):
        lanes(_Remembers(), "Lanes", "4")
