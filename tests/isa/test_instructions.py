"""Instruction words: every field survives, every flipped bit is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isa.instructions import (
    BITS,
    CHECKSUM,
    COMMON,
    LAYOUTS,
    OPCODES_OF,
    Instruction,
    Kind,
    Opcode,
    Queue,
    checksum_ok,
    kind_of,
)


@st.composite
def instructions(draw, opcodes=tuple(Opcode)):
    """Any opcode with any values in any of its fields."""
    opcode = draw(st.sampled_from(opcodes))
    fields = {}
    for field in (*COMMON, *LAYOUTS[kind_of(opcode)]):
        if field.name in ("opcode", "checksum", "reserved") or draw(st.booleans()):
            continue
        low, high = (
            (-(1 << field.width - 1), (1 << field.width - 1) - 1)
            if field.signed
            else (0, (1 << field.width) - 1)
        )
        fields[field.name] = draw(st.one_of(st.integers(low, high), st.sampled_from([low, high])))
    return Instruction.of(opcode, **fields)


@given(instructions())
def test_round_trip(instruction):
    word = instruction.encode()
    assert word < 1 << BITS and checksum_ok(word)
    assert Instruction.decode(word) == instruction
    for name, value in instruction.fields:
        assert instruction[name] == value


@given(instructions(), st.integers(0, BITS - 1))
def test_any_flipped_bit_is_noticed(instruction, bit):
    with pytest.raises(ValueError, match=r"^wrong checksum$"):
        Instruction.decode(instruction.encode() ^ 1 << bit)


@given(instructions())
def test_fields_lie_where_the_layout_says(instruction):
    word, at = instruction.encode(), 0
    for field in (*COMMON, *LAYOUTS[kind_of(instruction.opcode)]):
        if field.name not in ("opcode", "checksum", "reserved"):
            assert (
                word >> at & (1 << field.width) - 1
                == instruction[field.name] & (1 << field.width) - 1
            )
        at += field.width
    assert word >> at == 0 or at == BITS


def test_layouts_fit():
    assert sum(field.width for field in COMMON) == 64
    for kind in Kind:
        assert sum(field.width for field in LAYOUTS[kind]) <= BITS - 64
        names = [field.name for field in (*COMMON, *LAYOUTS[kind])]
        assert len(set(names)) == len(names)


def test_every_engine_opcode_has_one_queue():
    engine = [opcode for opcode in Opcode if kind_of(opcode) != Kind.SCALAR]
    assert sorted(opcode for queue in Queue for opcode in OPCODES_OF[queue]) == engine


def test_building_checks_names_and_ranges():
    with pytest.raises(ValueError, match=r"^FILL has no field 'k'$"):
        Instruction.of(Opcode.FILL, k=1)
    with pytest.raises(ValueError, match=r"^FILL has no field 'checksum'$"):
        Instruction.of(Opcode.FILL, checksum=1)
    with pytest.raises(ValueError, match=r"^EXP field mask must be from -8192 to 8191, not 8192$"):
        Instruction.of(Opcode.EXP, mask=8192)
    with pytest.raises(ValueError, match=r"^MATMUL field m must be from 0 to 4095, not -1$"):
        Instruction.of(Opcode.MATMUL, m=-1)
    with pytest.raises(KeyError):
        Instruction.of(Opcode.LOAD)["k"]


def test_fields_default_to_zero_and_can_be_replaced():
    fill = Instruction.of(Opcode.FILL, m=3)
    assert fill["n"] == 0 and fill == Instruction.of(Opcode.FILL, m=3, n=0)
    assert fill.replace(m=4, n=2) == Instruction.of(Opcode.FILL, n=2, m=4)


@pytest.mark.parametrize("word", [0, (1 << BITS) - 1, CHECKSUM, 0x07 | (0x07 ^ CHECKSUM) << 8])
def test_words_that_are_no_instructions(word):
    with pytest.raises(ValueError, match=r"^(wrong checksum|unknown opcode 0x[0-9a-f]{2})$"):
        Instruction.decode(word)
