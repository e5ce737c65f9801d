"""Program images: what comes back is what went in, or one line says which slot is broken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isa.errors import UserError
from isa.image import Program
from isa.instructions import BITS, CHECKSUM, OPCODES_OF, Instruction, Opcode, Queue
from tests.isa.test_instructions import instructions

HALT = Instruction.of(Opcode.HALT)


@st.composite
def programs(draw):
    """Queues of engine instructions and straight scalar code, with loops around pieces of them."""
    queues = {}
    for queue in Queue:
        simple = instructions((*OPCODES_OF[queue], Opcode.SYNC, Opcode.LI, Opcode.ADD))
        code = draw(st.lists(simple, max_size=4))
        for _ in range(draw(st.integers(0, 3))):
            code = [
                Instruction.of(Opcode.LOOP, imm=draw(st.integers(1, 9))),
                *code,
                Instruction.of(Opcode.END),
            ]
        queues[queue] = [
            *code,
            *draw(st.lists(simple, max_size=2)),
            draw(instructions((Opcode.HALT,))),
        ]
    return Program(queues)


@settings(max_examples=40)
@given(programs())
def test_round_trip(program):
    program.check()
    words = program.words()
    assert len(words) == len(program)
    assert Program.from_words(words) == program


@settings(max_examples=40)
@given(programs(), st.data())
def test_any_flipped_bit_is_noticed_and_its_slot_named(program, data):
    words = program.words()
    slot = data.draw(st.integers(0, len(words) - 1))
    words[slot] ^= 1 << data.draw(st.integers(0, BITS - 1))
    with pytest.raises(UserError, match=rf"^program image, slot {slot}[ :(][^\n]*$"):
        Program.from_words(words)


def of(**queues):
    return Program({queue: queues.get(queue.name.lower(), [HALT]) for queue in Queue})


LOOP, END = Instruction.of(Opcode.LOOP, imm=2), Instruction.of(Opcode.END)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (of(load=[]), "queue load: must end with HALT, not be empty"),
        (of(load=[END, HALT]), "queue load, instruction 0 (END): loops must nest, at most 4 deep"),
        (
            of(out=[LOOP] * 5 + [END] * 5 + [HALT]),
            "queue out, instruction 4 (LOOP): loops must nest, at most 4 deep",
        ),
        (
            of(out=[LOOP, HALT]),
            "queue out, instruction 1 (HALT): HALT must be the last instruction, outside loops",
        ),
        (
            of(matrix=[HALT, HALT]),
            "queue matrix, instruction 0 (HALT): HALT must be the last instruction, outside loops",
        ),
        (of(matrix=[END]), "queue matrix, instruction 0 (END): loops must nest, at most 4 deep"),
        (
            of(matrix=[LOOP, END]),
            "queue matrix, instruction 1 (END): HALT must be the last instruction, outside loops",
        ),
        (
            of(load=[Instruction.of(Opcode.PUT), HALT]),
            "queue load, instruction 0 (PUT): this queue does not execute it",
        ),
        (of(load=[Instruction.of(Opcode.HEADER), HALT]), "queue load, instruction 0 (HEADER): "),
    ],
)
def test_check_says_what_the_sequencers_would_refuse(program, said):
    with pytest.raises(UserError) as caught:
        program.check()
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def header(*entries):
    word = of().words()[0]
    word &= ~(((1 << 64) - 1) << 96) & ~0xFF00
    for queue, entry in enumerate(entries):
        word |= entry << 96 + 16 * queue
    fold = 0
    for byte in word.to_bytes(32, "little"):
        fold ^= byte
    return word | (fold ^ CHECKSUM) << 8


@pytest.mark.parametrize("entries", [(2, 2, 3, 4), (1, 3, 2, 4), (1, 2, 3, 6), (0, 2, 3, 4)])
def test_entry_points_must_be_in_order(entries):
    words = of().words()
    assert header(1, 2, 3, 4) == words[0]
    with pytest.raises(UserError, match=r"^program image, slot 0: entry points out of order$"):
        Program.from_words([header(*entries), *words[1:]])


def test_no_header_and_no_image():
    words = of().words()
    for bad in ([], words[1:]):
        with pytest.raises(UserError, match=r"^program image, slot 0: not a flatmesh header$"):
            Program.from_words(bad)
