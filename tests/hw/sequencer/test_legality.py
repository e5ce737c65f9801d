"""What a queue refuses, and what it just accepts."""

import random

import pytest
from amaranth import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.control.legality import kind_of_queue
from isa.instructions import (
    OPCODES_OF,
    Format,
    Instruction,
    Kind,
    Opcode,
    Queue,
    ReduceOp,
)
from isa.status import ErrorCode, QueueState
from tests.hw.sequencer.bench import MESH4, Bench, image, legal, queue_of


def failures(queue, programs):
    """Run programs that must fail (after one good SYNC), with resets between; the errors, and the
    offenders' indices.
    """
    bench, reset, found = Bench(queue, []), Signal(), []
    bench.limit = 200

    async def each(ctx):
        for code in programs:
            words = [word.encode() if isinstance(word, Instruction) else word for word in code]
            bench.words = [0, Instruction.of(Opcode.SYNC).encode(), *words]
            await bench._cycles(ctx)
            assert bench.error and not bench.halted, (
                f"no error, state {bench.state} at slot {bench.pc}"
            )
            assert bench.state == QueueState.ERROR
            found.append((ErrorCode(bench.error_code), bench.error_pc - 2))
            ctx.set(bench.dut.run, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    sim = Simulator(ResetInserter(reset)(bench.dut))
    sim.add_clock(1e-6)
    sim.add_testbench(each)
    sim.run()
    return found


def test_a_wrong_byte_is_refused():
    """Whichever of the 32 bytes is hit."""
    good, rng = legal(Opcode.MATMUL, a=3, b=77, wait0_sem=2).encode(), random.Random(5)
    bad = [good ^ rng.randrange(1, 256) << 8 * byte for byte in range(32)]
    assert failures(Queue.MATRIX, [[word] for word in bad]) == [(ErrorCode.BAD_CHECKSUM, 0)] * 32


@pytest.mark.parametrize("queue", Queue)
def test_no_other_opcode_is_executed(queue):
    known = {*OPCODES_OF[queue], *range(Opcode.HALT, Opcode.END + 1)}
    sync = Instruction.of(Opcode.SYNC).encode()
    words = {byte: sync ^ (byte ^ Opcode.SYNC) * 0x101 for byte in range(256) if byte not in known}
    for byte, found in zip(
        words, failures(queue, [[word] for word in words.values()]), strict=True
    ):
        assert found == (ErrorCode.ILLEGAL, 0), f"opcode {byte:#x}"


def scalar(opcode, **fields):
    return Instruction.of(opcode, **fields)


@pytest.mark.parametrize(
    "code, at",
    [
        ([scalar(Opcode.END)], 0),
        ([scalar(Opcode.LOOP, imm=0)], 0),
        ([scalar(Opcode.LI, rd=1, imm=0xFFFFFFFF), scalar(Opcode.LOOP, rs=1, imm=1)], 1),
        ([scalar(Opcode.LOOP, imm=2)] * 5, 4),
        ([scalar(Opcode.LOOP, imm=1), scalar(Opcode.END), scalar(Opcode.END)], 2),
        ([scalar(Opcode.LOOP, imm=1), scalar(Opcode.HALT, sig0_on=1)], 1),
    ],
)
def test_loops_that_do_not_nest_are_refused(code, at):
    assert failures(Queue.LOAD, [code]) == [(ErrorCode.BAD_LOOP, at)]


REGISTER = [scalar(Opcode.LI, rd=5, imm=4000)]
ILLEGAL = {
    ErrorCode.ILLEGAL: [
        *[(Opcode.MATMUL, {name: 0}) for name in ("m", "n", "k", "fmt_a", "fmt_b")],
        *[(Opcode.MATMUL, {name: fmt}) for name in ("fmt_a", "fmt_b") for fmt in (5, 7)],
        *[(op, {"m": 0}) for op in OPCODES_OF[Queue.VECTOR]],
        *[
            (op, {"n": 0})
            for op in OPCODES_OF[Queue.VECTOR]
            if op not in (Opcode.ROWMAX, Opcode.EXP)
        ],
        (Opcode.COPY, {"fmt_a": 5}),
        (Opcode.FILL, {"fmt_d": 7}),
        *[
            (op, {name: 0})
            for op in (Opcode.LOAD, Opcode.STORE, Opcode.PUT, Opcode.REDUCE)
            for name in ("rows", "words")
        ],
        *[(Opcode.REDUCE, {"fmt": fmt}) for fmt in (Format.E4M3, 7)],
        (Opcode.COPY, {"sig1_kind": 3}),
        (Opcode.SYNC, {"sig1_kind": 3}),
    ],
    ErrorCode.ADDRESS: [
        *[(Opcode.MATMUL, {name: 4096}) for name in "abc"],
        *[(Opcode.ADDV, {name: 96, f"{name}_reg": 5}) for name in "dabs"],
        (Opcode.PUT, {"local": 96, "local_reg": 5}),
        (Opcode.LOAD, {"local": 65535}),
    ],
    ErrorCode.REMOTE_ADDRESS: [
        (Opcode.PUT, {"remote": 96, "remote_reg": 5}),
        (Opcode.REDUCE, {"remote": 1 << 16}),
        (Opcode.LOAD, {"remote": MESH4.channel_words}),
        (Opcode.STORE, {"remote": (1 << 28) - 1}),
    ],
    ErrorCode.RECTANGLE: [
        *[
            (op, fields)
            for op in (Opcode.LOAD, Opcode.PUT)
            for fields in ({"x0": 2, "x1": 1}, {"y0": 3, "y1": 2}, {"x1": 4}, {"y1": 63})
        ],
        *[
            (Opcode.LOAD, {"edge": edge, "target_x": x, "target_y": y})
            for edge, x, y in (
                (0, 1, 2),
                (1, 0, 2),
                (1, 3, 2),
                (2, 2, 1),
                (3, 2, 3),
                (0, 0, 4),
                (0, 0, 63),
            )
        ],
        (Opcode.STORE, {"target_y": 1}),
        *[
            (Opcode.REDUCE, fields)
            for fields in (
                {"x0": 2, "x1": 3},
                {"x0": 0, "x1": 0},
                {"y1": 1},
                {"y0": 3},
                {"target_x": 4},
                {"target_y": 4},
            )
        ],
        (Opcode.MATMUL, {"sig1_kind": 2, "sig1_x": 4}),
        (Opcode.SYNC, {"sig1_kind": 2, "sig1_y": 4}),
    ],
}


@pytest.mark.parametrize("code", ILLEGAL)
@pytest.mark.parametrize("queue", Queue)
def test_illegal_operands_are_refused_before_they_issue(code, queue):
    cases = [(opcode, fields) for opcode, fields in ILLEGAL[code] if queue_of(opcode) == queue]
    programs = []
    for opcode, fields in cases:
        refused = (
            scalar(opcode, **fields)
            if opcode == Opcode.SYNC
            else legal(opcode, **{"wait0_count": 1, **fields})
        )
        programs.append([*REGISTER, refused])
    for (opcode, fields), found in zip(cases, failures(queue, programs), strict=True):
        assert found == (code, 1), f"{opcode.name} with {fields}"


def test_a_tile_with_fewer_semaphores_refuses_the_others():
    machine = MESH4.model_copy(update={"tile": MESH4.tile.model_copy(update={"semaphores": 6})})
    for name in ("wait0_sem", "wait1_sem", "sig0_sem", "sig1_sem"):
        for sem, state in ((5, "halted"), (6, "error")):
            used = {"wait0_count": 1, "wait1_count": 1, "sig0_on": 1, "sig1_kind": 1, name: sem}
            words, entry = image(
                Queue.OUT, [legal(Opcode.PUT, **used), Instruction.of(Opcode.HALT)]
            )
            assert getattr(Bench(Queue.OUT, words, entry=entry, machine=machine).run(200), state), (
                f"{name} = {sem}"
            )


def test_legal_extremes_issue():
    """The neighbours of what is refused."""
    accepted = [
        *[
            (Opcode.MATMUL, {"fmt_a": fmt, "fmt_b": 5 - fmt, "a": 4095, "lda": 1023})
            for fmt in (1, 2, 3, 4)
        ],
        *[
            (Opcode.ROWMAX, {"n": 0}),
            (Opcode.EXP, {"n": 0, "mask": -8192}),
            (Opcode.FILL, {"fmt_d": 4, "d": 4095}),
        ],
        (Opcode.LOAD, {"remote": MESH4.channel_words - 1, "target_y": 0}),
        (Opcode.LOAD, {"target_x": 3, "target_y": 0, "edge": 2}),
        (Opcode.STORE, {"x0": 5, "y1": 9, "target_x": 0, "target_y": 3, "edge": 0, "fmt": 3}),
        (Opcode.PUT, {"remote": 4095, "x0": 3, "y1": 1, "target_x": 63, "fmt": 3}),
        (
            Opcode.REDUCE,
            {
                "remote": 4095,
                "op": ReduceOp.MAX,
                "y0": 2,
                "y1": 2,
                "target_x": 0,
                "target_y": 3,
                "turn": 1,
            },
        ),
    ]
    for opcode, fields in accepted:
        words, entry = image(
            queue_of(opcode), [legal(opcode, **fields), Instruction.of(Opcode.HALT)]
        )
        bench = Bench(queue_of(opcode), words, entry=entry).run(500)
        assert bench.halted, f"{opcode.name} with {fields}: error {bench.error_code}"


def test_each_queue_has_its_kind():
    assert [kind_of_queue(queue) for queue in Queue] == [
        Kind.MATRIX,
        Kind.VECTOR,
        Kind.MOVE,
        Kind.MOVE,
    ]
