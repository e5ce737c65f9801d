"""Queues: registers, loops, waits, signals, and the lines of a deadlock."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import GoldenError
from isa.assembler import assemble
from isa.image import Program
from isa.instructions import Instruction, Opcode, Queue
from isa.status import ErrorCode
from tests.golden.mesh import read, run, small


def test_loops_and_registers_walk_addresses():
    machine = run(
        "1x1",
        """
        .queue vector
        li rd=r2 imm=1
        loop imm=2
          loop rs=r2 imm=2            # 3 times
            fill d=0x10+r1 m=1 n=4 imm=1.5
            add rd=r1 rs=r1 imm=2
          end
          add rd=r1 rs=r1 imm=-1
        end
        add rd=r0 rs=r1 imm=7         # r0 stays 0
        fill d=0x30+r0 m=1 n=1 imm=2.0
        halt
    """,
    )
    filled = [word for word in range(0x10, 0x20) if read(machine, (0, 0), word, 4).all()]
    assert filled == [0x10, 0x12, 0x14, 0x15, 0x17, 0x19]
    assert read(machine, (0, 0), 0x30, 1)[0] == 2
    assert machine.statistics.instructions[Opcode.FILL] == 7
    assert machine.statistics.instructions[Opcode.END] == 2 + 6


@settings(max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_nested_loops_multiply(counts):
    body = "add rd=r1 rs=r1 imm=1"
    for count in counts:
        body = f"loop imm={count}\n{body}\nend"
    machine = run("1x1", f".queue load\n{body}\nhalt")
    assert machine.statistics.instructions[Opcode.ADD] == np.prod(counts)


def test_addresses_wrap_to_their_fields():
    """Base + register is taken modulo the field's width; the mask is signed."""
    machine = run(
        "1x1",
        """
        .queue vector
        li rd=r1 imm=-16
        fill d=0x20+r1 m=1 n=4 imm=3.0
        li rd=r2 imm=0x10000
        fill d=0x30+r2 m=1 n=4 imm=4.0
        li rd=r3 imm=-2                            # first masked column: 1 - 2 = -1, then 0, then 1
        fill d=0x40 ldd=1 m=3 n=4 imm=0.0
        exp a=0x40 lda=1 b=0x50 d=0x40 ldd=1 m=3 n=4 imm=1.0 masked mask=1+r3 mask_rows=1
        halt
    """,
    )
    assert read(machine, (0, 0), 0x10, 4).tolist() == [3] * 4
    assert read(machine, (0, 0), 0x30, 4).tolist() == [4] * 4
    assert read(machine, (0, 0), 0x40, 12).reshape(3, 4).tolist() == [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
    ]


PING = """
    .queue load
    loop imm=5
      sync wait=0:1 signal=1
    end
    sync wait=2:5,3:1 signal=4,4
    halt wait=4:2 signal=5
    .queue out
    loop imm=5
      sync signal=0
      sync wait=1:1 signal=2
    end
    sync signal=3
    halt
"""


@pytest.mark.parametrize("seed", [None, *range(5)])
def test_counting_semaphores(seed):
    machine = run("1x1", PING, seed=seed)
    assert machine.semaphores[0, 0][:6] == [0, 0, 0, 0, 0, 1]


def test_remote_signals_reach_their_tile():
    machine = run(
        "3x2",
        {
            (2, 1): ".queue matrix\nsync signal=7 remote=3@0,0\nhalt wait=9:1 remote=4@1,1",
            (0, 0): ".queue out\nhalt wait=3:1 remote=9@2,1",
        },
    )
    assert machine.semaphores[2, 1][7] == 1
    assert machine.semaphores[1, 1][4] == 1
    assert sum(map(sum, machine.semaphores.values())) == 2


def test_a_deadlock_says_who_waits_for_what():
    with pytest.raises(GoldenError) as caught:
        run(
            "2x1",
            {
                (
                    0,
                    0,
                ): (
                    ".queue vector\nfill d=0 m=1 n=1\nsync wait=3:2,4:1\nhalt\n.queue out\n"
                    "sync signal=3\nhalt wait=5:63"
                ),
                (1, 0): ".queue load\nhalt wait=31:1",
            },
        )
    assert str(caught.value).splitlines() == [
        "deadlock: 3 of 8 queues wait for ever",
        "tile (0,0) queue vector pc 3: waits for semaphore 3 >= 2, has 1",
        "tile (0,0) queue out pc 7: waits for semaphore 5 >= 63, has 0",
        "tile (1,0) queue load pc 3: waits for semaphore 31 >= 1, has 0",
    ]
    assert caught.value.code == ErrorCode.NONE


def test_a_deadlock_names_the_reductions_that_are_not_complete():
    reduce = "reduce local=0 remote=8 rows=1 words=1 rect=0,0:1,0 target=0,0 tag=9 bump sem=1"
    with pytest.raises(
        GoldenError,
        match=r"reduction tag 9 over \(0, 0, 1, 0\) to \(0, 0\): posted by \(0,0\), not by \(1,0\)",
    ):
        run("2x1", {(0, 0): f".queue out\n{reduce}\nhalt wait=1:1"})
    with pytest.raises(GoldenError, match=r"^unfinished reductions\nreduction tag 9 "):
        run("2x1", {(1, 0): f".queue out\n{reduce}\nhalt"})


def test_semaphores_a_tile_does_not_have():
    machine = small("1x1", semaphores=8)
    with pytest.raises(GoldenError, match="ILLEGAL: semaphore 8 of 8"):
        run(machine, ".queue load\nhalt wait=8:1")
    with pytest.raises(GoldenError, match="SEMAPHORE_OVERFLOW: semaphore 9"):
        run(machine, ".queue out\nput rows=1 words=1 remote=1 bump sem=9\nhalt")


def test_what_a_compiler_refuses_is_refused_by_the_sequencer_too():
    """Images as words may hold anything."""
    words = assemble(PING).words()
    assert run("1x1", {(0, 0): words}).semaphores[0, 0][5] == 1

    def caught(words):
        with pytest.raises(GoldenError) as error:
            run("1x1", {(0, 0): words})
        return error.value.code, error.value.queue, error.value.pc

    assert caught([*words[:1], words[1] ^ 1 << 100, *words[2:]]) == (
        ErrorCode.BAD_CHECKSUM,
        Queue.MATRIX,
        1,
    )
    assert caught([words[0] ^ 1 << 70, *words[1:]]) == (ErrorCode.BAD_HEADER, None, None)
    assert caught(words[:-1])[0] == ErrorCode.BAD_CHECKSUM  # runs into empty memory
    assert caught(words + [0] * 600) == (ErrorCode.REMOTE_ADDRESS, None, None)

    def queue_of(*code):
        return Program(
            {**assemble("").queues, Queue.LOAD: [Instruction.of(opcode, imm=1) for opcode in code]}
        ).words()

    halt, loop = Opcode.HALT, Opcode.LOOP
    assert caught(queue_of(Opcode.END, halt)) == (ErrorCode.BAD_LOOP, Queue.LOAD, 3)
    assert caught(queue_of(loop, halt)) == (ErrorCode.BAD_LOOP, Queue.LOAD, 4)
    assert caught(queue_of(*[loop] * 5)) == (ErrorCode.BAD_LOOP, Queue.LOAD, 7)
    assert caught(queue_of(Opcode.HEADER, halt)) == (ErrorCode.ILLEGAL, Queue.LOAD, 3)
    words = queue_of(halt)
    words[3] = Instruction.of(Opcode.PUT, rows=1, words=1).encode()
    assert caught(words) == (ErrorCode.ILLEGAL, Queue.LOAD, 3)
    words[3] = 0x07 | (0x07 ^ 0xA5) << 8
    assert caught(words) == (ErrorCode.ILLEGAL, Queue.LOAD, 3)
