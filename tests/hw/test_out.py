"""Every word leaves once, in order, with the right address, whoever stalls; and one a cycle when
nobody does.
"""

import random

import pytest

from hw.control.out import OutEngine
from isa.instructions import EdgePort, Opcode
from isa.machine import MACHINES
from tb.runner import run_unit
from tb.units.out import PORTS, POSITION, command, fields_of, flits_of, line_at
from tests.hw.simulation import simulation

TILE = MACHINES["mesh4"].tile
TILES = {
    "4 banks": TILE,
    "1 bank": TILE.model_copy(update={"l1_banks": 1}),
    "8 banks": TILE.model_copy(update={"l1_banks": 8}),
    "wide words": TILE.model_copy(update={"link_bits": 512}),
}


class Bench:
    """The engine with an L1 that answers after one cycle and networks that stall."""

    def __init__(self, tile, seed, *, l1_stall=0.0, stall=0.0, gap=0.0):
        self.tile, self.rng = tile, random.Random(seed)
        self.l1_stall, self.stall, self.gap = l1_stall, stall, gap
        self.lines = 0
        """Reads of L1."""
        self.taken_at, self.flits, self.flit_at, self.done_at, self.events = (
            [],
            [],
            [],
            [],
            {"flits": 0, "stall": 0},
        )

    def run(self, commands, limit=5000):
        """Run until all commands are done; fill in what happened when."""
        shared = simulation(OutEngine, tile=self.tile)
        self.dut = shared.dut
        self.commands = list(commands)
        self.count = len(self.commands)
        self.limit = limit
        shared.run(self._cycles)
        assert len(self.done_at) == self.count, (
            f"stuck: {len(self.done_at)} of {self.count} commands done"
        )
        return self

    async def _cycles(self, ctx):
        dut, rng, tile = self.dut, self.rng, self.tile
        ctx.set(dut.x, POSITION[0])
        ctx.set(dut.y, POSITION[1])
        response, held = None, {}
        for cycle in range(self.limit):
            offer = bool(self.commands) and rng.random() >= self.gap
            ctx.set(dut.command.valid, offer)
            if offer:
                ctx.set(dut.command.payload, self.commands[0])
            ctx.set(dut.l1.req.ready, rng.random() >= self.l1_stall)
            ctx.set(dut.l1.rsp_valid, response is not None)
            ctx.set(dut.l1.rsp_data, rng.getrandbits(64) if response is None else response)
            for name in PORTS.values():
                ctx.set(getattr(dut, name).ready, rng.random() >= self.stall)

            response = None
            if ctx.get(dut.l1.req.valid) and ctx.get(dut.l1.req.ready):
                request = ctx.get(dut.l1.req.payload)
                assert not request.write
                assert request.mask & request.mask + 1 == 0 and request.mask, (
                    "a line is read from its first word"
                )
                self.lines += 1
                response = line_at(tile, request.addr, request.mask)
            for name in PORTS.values():
                port = getattr(dut, name)
                if not ctx.get(port.valid):
                    assert name not in held, f"cycle {cycle}: {name} withdrew its flit"
                    continue
                payload = ctx.get(port.payload)
                bits = ctx.get(port.payload.as_value())
                assert held.pop(name, bits) == bits, f"cycle {cycle}: {name} changed its flit"
                if ctx.get(port.ready):
                    self.flits.append((name, fields_of(payload)))
                    self.flit_at.append(cycle)
                else:
                    held[name] = bits
            self.events["flits"] += ctx.get(dut.flits)
            self.events["stall"] += ctx.get(dut.stall)
            if ctx.get(dut.done):
                self.done_at.append(cycle)
            if offer and ctx.get(dut.command.ready):
                self.taken_at.append(cycle)
                self.commands.pop(0)
            await ctx.tick()
            if len(self.done_at) == self.count and not self.commands:
                break
        assert not ctx.get(dut.l1.req.valid)


@pytest.mark.parametrize("name", TILES)
@pytest.mark.parametrize(
    "stalls", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.6, 0.6), (0.9, 0.3)], ids=str
)
def test_flits_are_the_commands_words(name, stalls):
    rng = random.Random(f"{name} {stalls}")
    commands = [
        command(
            rng.choice(list(PORTS)),
            rng,
            rows=rng.choice([1, 1, 2, 5]),
            words=rng.choice([1, 2, 3, 4, 5, 8, 9, 17]),
        )
        for _ in range(12)
    ]
    bench = Bench(TILES[name], 1, l1_stall=stalls[0], stall=stalls[1], gap=0.3).run(commands)
    expected = [flit for c in commands for flit in flits_of(TILES[name], c)]
    assert len(bench.flits) == len(expected)
    for index, (actual, wanted) in enumerate(zip(bench.flits, expected, strict=True)):
        assert actual == wanted, f"flit {index}: expected {wanted}, got {actual}"
    assert bench.events["flits"] == len(expected)
    assert bool(bench.events["stall"]) == bool(stalls[1])
    last = [
        sum(c["rows"] * c["words"] for c in commands[: i + 1]) - 1 for i in range(len(commands))
    ]
    assert bench.done_at == [bench.flit_at[i] for i in last], "done is when the last flit is taken"


@pytest.mark.parametrize("rows, words", [(1, 16), (16, 1), (5, 3), (3, 5), (4, 9)])
@pytest.mark.parametrize("opcode", PORTS)
def test_one_flit_a_cycle_after_the_documented_latency(opcode, rows, words):
    bench = Bench(TILE, 1).run([command(opcode, random.Random(1), rows=rows, words=words)] * 2)
    count = rows * words
    for i, taken in enumerate(bench.taken_at):
        first = taken + OutEngine.LATENCY
        assert bench.flit_at[i * count : (i + 1) * count] == list(range(first, first + count))
    assert OutEngine.LATENCY <= 8
    assert bench.taken_at[1] == bench.done_at[0] + 1


def test_the_last_edge_and_the_longest_row():
    """A row of 4095 words keeps its count; every edge number gets through."""
    bench = Bench(TILE, 1).run([command(Opcode.PUT, random.Random(2), words=4095)])
    assert len(bench.flits) == 4095
    assert [flit["bump"] for _, flit in bench.flits][:-1] == [0] * 4094
    commands = [command(Opcode.STORE, random.Random(edge), edge=int(edge)) for edge in EdgePort]
    assert [flit["edge"] for _, flit in Bench(TILE, 1).run(commands).flits] == [0, 1, 2, 3]


def test_on_verilator(tmp_path):
    run_unit(OutEngine(tile=TILE), "out", "tb.units.out", workdir=tmp_path)
