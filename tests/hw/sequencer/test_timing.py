"""When a queue issues, waits, drains and stops."""

import pytest

from isa.instructions import (
    Instruction,
    Opcode,
    Queue,
)
from tests.hw.sequencer.bench import Bench, image, legal


def test_latencies_are_the_documented_ones():
    """Three cycles a scalar; a command 3 cycles after its fetch, one more per register and wait; a
    signal after done.
    """
    put = legal(Opcode.PUT, local_reg=1, remote_reg=1, wait0_count=1, wait1_count=1, sig0_on=1)
    code = [
        Instruction.of(Opcode.LI, rd=1),
        *[legal(Opcode.PUT)] * 2,
        put,
        Instruction.of(Opcode.HALT),
    ]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=1).run()
    fetches, commands = bench.at("fetch"), bench.at("command")
    assert fetches[1] - fetches[0] == 3
    assert [command - fetch for fetch, command in zip(fetches[1:], commands, strict=False)] == [
        3,
        3,
        7,
    ]
    assert bench.at("signal") == [bench.at("done")[-1] + 1]


def test_the_next_instruction_gets_ready_while_the_engine_is_busy():
    code = [*[legal(Opcode.PUT, wait0_count=1)] * 6, Instruction.of(Opcode.HALT)]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=200).run()
    assert bench.at("command")[3] < bench.at("done")[0], "four commands can be with the engine"
    assert bench.at("wait")[4] < bench.at("done")[0] < bench.at("command")[4]


@pytest.mark.parametrize(
    "sync",
    [Instruction.of(Opcode.SYNC, wait0_sem=3, wait0_count=2), Instruction.of(Opcode.LI, rd=1)],
)
def test_sync_without_signals_does_not_drain(sync):
    code = [legal(Opcode.PUT), sync, legal(Opcode.PUT), Instruction.of(Opcode.HALT)]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=500, seed=3).run()
    assert bench.halted and bench.at("command")[1] < bench.at("done")[0]


def test_stop_offers_nothing_more():
    loop, end, halt = (
        Instruction.of(Opcode.LOOP, imm=100),
        Instruction.of(Opcode.END),
        Instruction.of(Opcode.HALT),
    )
    code = [loop, legal(Opcode.PUT, sig0_on=1, wait0_count=1), end, halt]
    words, entry = image(Queue.OUT, code)
    for stop_at in range(100, 120):
        bench = Bench(Queue.OUT, words, entry=entry, stop_at=stop_at, stall=0.3).run(stop_at + 50)
        assert not bench.halted and not bench.error
        assert all(
            cycle < stop_at
            for kind in ("fetch", "wait", "command", "signal")
            for cycle in bench.at(kind)
        )
