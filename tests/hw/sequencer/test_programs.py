"""A queue issues its program's commands in order, waits before them and signals after them."""

import random

import pytest
from amaranth import ResetInserter, Signal
from amaranth.sim import Simulator

from isa.instructions import (
    Instruction,
    Opcode,
    Queue,
)
from isa.status import QueueState
from tests.hw.sequencer.bench import MESH4, Bench, image, legal
from tests.hw.sequencer.reference import interpret, random_body, random_sync

ROOMY = MESH4.model_copy(
    update={
        "tile": MESH4.tile.model_copy(update={"l1_bytes": 1 << 20}),
        "hbm": MESH4.hbm.model_copy(update={"channel_bytes": 1 << 32}),
    }
)
"""Every address is legal, so that address arithmetic may wrap."""


@pytest.mark.parametrize("queue", Queue)
@pytest.mark.parametrize("stall", [0.0, 0.4, 0.8])
def test_random_programs(queue, stall):
    rng = random.Random(f"{queue} {stall}")
    code = [*random_body(rng, queue, 0, 30), Instruction.of(Opcode.HALT, **random_sync(rng))]
    trace = interpret(code)
    words, entry = image(queue, code)
    bench = Bench(
        queue, words, entry=entry, stall=stall, machine=ROOMY, engine_time=rng.choice([1, 30])
    ).run()
    assert bench.halted and not bench.error, (
        f"state {bench.state} at slot {bench.pc}, error {bench.error_code}"
    )
    assert bench.instructions == len(trace)
    assert bench.of("wait") == [wait for waits, _, _ in trace for wait in waits]
    commands = [command for _, command, _ in trace if command]
    for index, (actual, expected) in enumerate(zip(bench.of("command"), commands, strict=True)):
        assert actual == expected, f"command {index}: expected {expected}, got {actual}"
    assert bench.of("signal") == [signal for _, _, signals in trace for signal in signals]
    check_order(bench, trace)
    expected_counters = [
        sum(bench.states[QueueState[name]] for name in names)
        for names in (["FETCH"], ["WAIT0", "WAIT1"], ["ENGINE", "DRAIN"])
    ]
    assert bench.counters == expected_counters


def check_order(bench, trace):
    """Waits come before their command and after the one before; signals after the completion of
    their instruction.
    """
    waits, commands, signals, done = (
        iter(bench.at(kind)) for kind in ("wait", "command", "signal", "done")
    )
    issued, completed = -1, -1
    for wanted, command, sent in trace:
        for at in [next(waits) for _ in wanted]:
            assert at > issued, "a wait was taken before the instruction before it issued"
            issued = at
        if command:
            at = next(commands)
            assert at > issued, "a command was issued before its waits"
            issued, completed = at, next(done)
        elif sent:
            completed = max(completed, issued)
        for at in [next(signals) for _ in sent]:
            assert at > completed, "a signal was sent before its instruction was complete"
            completed = at


def test_loops_walk_an_affine_pattern():
    """Two nested loops with an ADD per stride visit the addresses of two nested Python loops."""
    add = Instruction.of
    code = [
        add(Opcode.LOOP, imm=3),
        add(Opcode.LI, rd=2, imm=0),
        add(Opcode.LOOP, imm=4),
        legal(Opcode.PUT, local=100, local_reg=1, remote=50, remote_reg=2),
        add(Opcode.ADD, rd=2, rs=2, imm=8),
        add(Opcode.END),
        add(Opcode.ADD, rd=1, rs=1, imm=1000),
        add(Opcode.END),
        add(Opcode.HALT),
    ]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=1).run()
    assert bench.halted
    expected = [(100 + 1000 * i, 50 + 8 * j) for i in range(3) for j in range(4)]
    assert [(c["local"], c["remote"]) for c in bench.of("command")] == expected


def test_reset_forgets_registers_and_loops():
    """A second run after a reset behaves as the first, although memories keep their contents."""
    code = [
        Instruction.of(Opcode.LOOP, imm=2),
        Instruction.of(Opcode.ADD, rd=1, rs=1, imm=7),
        legal(Opcode.PUT, local_reg=1),
        Instruction.of(Opcode.END),
        Instruction.of(Opcode.HALT),
    ]
    words, entry = image(Queue.OUT, code)
    bench, reset = Bench(Queue.OUT, words, entry=entry), Signal()

    async def twice(ctx):
        await bench._cycles(ctx)
        ctx.set(bench.dut.run, 0)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await bench._cycles(ctx)

    bench.limit = 500
    sim = Simulator(ResetInserter(reset)(bench.dut))
    sim.add_clock(1e-6)
    sim.add_testbench(twice)
    sim.run()
    assert [c["local"] for c in bench.of("command")] == [7, 14, 7, 14]
