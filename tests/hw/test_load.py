"""A LOAD is one read request that says everything the channel needs."""

import random

import pytest
from amaranth.sim import Simulator

from hw.control.load import LoadEngine
from hw.layouts import read_descriptor
from isa.instructions import LAYOUTS, Kind, Opcode
from isa.machine import MACHINES

TILE = MACHINES["mesh4"].tile


@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
def test_requests_are_the_commands(stall):
    rng = random.Random(str(stall))
    commands = [
        {
            "opcode": int(Opcode.LOAD),
            **{f.name: rng.getrandbits(f.width) for f in LAYOUTS[Kind.MOVE]},
        }
        for _ in range(20)
    ]
    dut, requests, done = LoadEngine(tile=TILE), [], 0
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        nonlocal done
        waiting, taken_at, held = list(commands), None, None
        for cycle in range(1000):
            offer = bool(waiting) and rng.random() >= 0.3
            ctx.set(dut.command.valid, offer)
            if offer:
                ctx.set(dut.command.payload, waiting[0])
            ctx.set(dut.request.ready, ready := rng.random() >= stall)
            if ctx.get(dut.request.valid):
                bits, payload = (
                    ctx.get(dut.request.payload.as_value()),
                    ctx.get(dut.request.payload),
                )
                assert held in (None, bits), f"cycle {cycle}: the request changed"
                assert held or taken_at == cycle - 1, (
                    f"cycle {cycle}: offered in the cycle after the command"
                )
                held = None if ready else bits
                if ready:
                    requests.append(payload)
            else:
                assert held is None, f"cycle {cycle}: the request was withdrawn"
            assert ctx.get(dut.done) == (ready and ctx.get(dut.request.valid))
            done += ctx.get(dut.done)
            if offer and ctx.get(dut.command.ready):
                taken_at = cycle
                waiting.pop(0)
            await ctx.tick()
            if done == len(commands):
                return

    sim.add_testbench(bench)
    sim.run()
    assert done == len(requests) == len(commands)
    for index, (request, c) in enumerate(zip(requests, commands, strict=True)):
        descriptor = {
            "pitch": c["remote_pitch"],
            "rows": c["rows"],
            "words": c["words"],
            "local": c["local"],
            "local_pitch": c["local_pitch"],
        }
        expected = {
            "x": c["target_x"],
            "y": c["target_y"],
            "edge": c["edge"],
            "write": 0,
            "program": 0,
            "addr": c["remote"],
            **{name: c[name] for name in ("x0", "y0", "x1", "y1", "bump", "sem", "tag")},
            "data": read_descriptor(TILE).const(descriptor).as_value().value,
        }
        for name, value in expected.items():
            assert getattr(request, name) == value, f"request {index}, {name}"
