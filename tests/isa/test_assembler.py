"""Programs as text: both ways, and one line with its number for every mistake."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isa.assembler import assemble
from isa.disassembler import disassemble
from isa.errors import UserError
from isa.instructions import Format, Instruction, Opcode, Queue, SignalKind
from tests.isa.test_image import of, programs

HALT = Instruction.of(Opcode.HALT)


@settings(max_examples=40)
@given(programs())
def test_text_and_back(program):
    assert assemble(disassemble(program)) == program


@given(st.integers(0, (1 << 32) - 1))
def test_every_float_reads_back_to_its_bits(bits):
    fill = Instruction.of(Opcode.FILL, m=1, n=1, imm=bits)
    text = disassemble(of(vector=[fill, HALT]))
    assert assemble(text).queues[Queue.VECTOR][0] == fill
    shown = re.search(r"imm=(\S+)", text)
    if bits:
        assert shown
        assert shown.group(1).startswith("0x") == bool(np.isnan(np.uint32(bits).view(np.float32)))


def test_a_line_says_everything_by_name():
    matmul = Instruction.of(
        Opcode.MATMUL,
        a=0x10,
        a_reg=1,
        b=0x200,
        c=0x400,
        lda=4,
        ldb=8,
        ldc=16,
        m=32,
        n=32,
        k=64,
        fmt_a=Format.FP16,
        fmt_b=Format.E4M3,
        trans_b=1,
        accumulate=1,
        wait0_sem=3,
        wait0_count=1,
        wait1_sem=4,
        wait1_count=2,
        sig0_on=1,
        sig0_sem=5,
        sig1_kind=SignalKind.REMOTE,
        sig1_sem=7,
        sig1_x=1,
        sig1_y=2,
    )
    reduce = Instruction.of(
        Opcode.REDUCE,
        local=8,
        remote=0x100,
        remote_reg=2,
        rows=1,
        words=8,
        y1=3,
        x1=2,
        target_x=1,
        op=1,
        turn=1,
        tag=9,
        bump=1,
        sem=3,
        sig0_on=1,
        sig0_sem=1,
        sig1_kind=SignalKind.LOCAL,
        sig1_sem=2,
    )
    loop = [
        Instruction.of(Opcode.LOOP, imm=4, rs=3),
        reduce,
        Instruction.of(Opcode.ADD, rd=2, rs=2, imm=(1 << 32) - 8),
    ]
    program = of(matrix=[matmul, HALT], out=[*loop, Instruction.of(Opcode.END), HALT])
    assert disassemble(program).splitlines() == [
        ".queue matrix",
        "matmul a=0x10+r1 b=0x200 c=0x400 lda=4 ldb=8 ldc=16 m=32 n=32 k=64 fmt_a=fp16 "
        "fmt_b=e4m3 trans_b accumulate wait=3:1,4:2 signal=5 remote=7@1,2",
        "halt",
        "",
        ".queue vector",
        "halt",
        "",
        ".queue load",
        "halt",
        "",
        ".queue out",
        "loop rs=r3 imm=4",
        "  reduce local=0x8 remote=0x100+r2 rows=1 words=8 rect=0,0:2,3 target=1,0 bump sem=3 "
        "op=max fmt=fp32 turn tag=9 signal=1,2",
        "  add rd=r2 rs=r2 imm=-8",
        "end",
        "halt",
    ]


def test_what_is_unusual_is_still_said():
    """Fields that no short form covers are named one by one."""
    odd = [
        Instruction.of(Opcode.SYNC, wait1_sem=3, wait1_count=2),
        Instruction.of(Opcode.SYNC, wait0_sem=3),
        Instruction.of(Opcode.SYNC, sig0_sem=4, sig1_kind=1, sig1_sem=2, sig1_y=1),
        Instruction.of(Opcode.SYNC, sig0_on=1, sig1_kind=3, sig1_x=9),
        Instruction.of(Opcode.MATMUL, fmt_a=7),
        Instruction.of(Opcode.MATMUL, trans_b=1, fmt_b=Format.E5M2),
    ]
    program = of(matrix=[*odd, HALT])
    lines = disassemble(program).splitlines()[1:]
    assert lines[:2] == ["sync wait1_count=2 wait1_sem=3", "sync wait0_sem=3"]
    assert lines[4:6] == ["matmul fmt_a=7 fmt_b=fp32", "matmul fmt_a=fp32 fmt_b=e5m2 trans_b"]
    assert assemble(disassemble(program)) == program


def test_comments_order_and_missing_queues():
    program = assemble("""
        # Nothing but a copy.
        .queue vector   # the second
            copy n=8 m=1 fmt_d=fp16 d=0x20 a=16    # 16 = 0x10
        halt
    """)
    copy = Instruction.of(Opcode.COPY, a=16, d=32, m=1, n=8, fmt_d=Format.FP16)
    assert program == of(vector=[copy, HALT])
    assert assemble("") == of()


MISTAKES = [
    ("halt", 1, ".queue must come before the first instruction"),
    (
        ".queue engine",
        1,
        ".queue must be followed by one of matrix, vector, load, out, not 'engine'",
    ),
    (".queue load\nhalt\n.queue load", 3, "queue load appears twice"),
    (".queue load\nmatmul m=1", 2, "queue load does not execute matmul"),
    (".queue load\n\nheader", 3, "unknown mnemonic 'header'"),
    (".queue load\nload foo=1", 2, "foo=1: no such field here"),
    (".queue load\nload foo", 2, "foo: must be a mnemonic's flag or NAME=VALUE"),
    (".queue load\nload rows", 2, "rows: must be a mnemonic's flag or NAME=VALUE"),
    (".queue load\nload rows=1 words=2 rows=1", 2, "rows=1: rows is given twice"),
    (".queue load\nload rect=0,0:1,1 x1=2", 2, "x1=2: x1 is given twice"),
    (".queue load\nload rows=4096", 2, "LOAD field rows must be from 0 to 4095, not 4096"),
    (".queue load\nload rows=-1", 2, "LOAD field rows must be from 0 to 4095, not -1"),
    (".queue load\nload rows=1.5", 2, "rows=1.5: must be a number"),
    (".queue load\nload local=1+r16", 2, "LOAD field local_reg must be from 0 to 15, not 16"),
    (".queue load\nload local=1+rx", 2, "local=1+rx: must be a number"),
    (".queue load\nload rows=1+r1", 2, "rows=1+r1: must be a number"),
    (".queue load\nload rect=0,0", 2, "rect=0,0: must look like 0,0:3,1"),
    (".queue load\nload target=1", 2, "target=1: must look like 0,2"),
    (".queue load\nload edge=top", 2, "edge=top: must be one of west, east, south, north"),
    (".queue load\nload wait=3", 2, "wait=3: must look like 3:1 or 3:1,4:2"),
    (".queue load\nload wait=3:64", 2, "LOAD field wait0_count must be from 0 to 63, not 64"),
    (".queue load\nload signal=32", 2, "LOAD field sig0_sem must be from 0 to 31, not 32"),
    (".queue load\nsync remote=1", 2, "remote=1: must look like 7@1,2"),
    (".queue load\nload remote=1@2", 2, "remote=1@2: must look like 7@1,2"),
    (".queue load\nload signal=1,2 remote=3@0,0", 2, "remote=3@0,0: sig1_kind is given twice"),
    (".queue load\nsync target=0,0", 2, "target=0,0: no such field here"),
    (".queue load\nli rd=rx", 2, "rd=rx: must be a number"),
    (".queue vector\nfill imm=high", 2, "imm=high: must be a number"),
    (
        ".queue vector\nfill fmt_d=fp64",
        2,
        "fmt_d=fp64: must be one of fp32, fp16, bf16, e4m3, e5m2",
    ),
    (".queue load\nend", 2, "end without loop"),
    (".queue load\nloop imm=2\nhalt", 3, "halt inside the loop of line 2"),
    (".queue load\n" + "loop imm=2\n" * 5, 6, "more than 4 loops inside each other"),
    (".queue load\nloop imm=2\n.queue out", 3, "the loop of line 2 has no end"),
    (".queue load\nsync\n\n", 3, "queue load does not end with halt"),
    (".queue load\nhalt\nsync", 3, "queue load ended with halt"),
]


@pytest.mark.parametrize(("text", "number", "said"), MISTAKES, ids=[said for *_, said in MISTAKES])
def test_a_mistake_is_one_line_with_its_number(text, number, said):
    with pytest.raises(UserError) as caught:
        assemble(text)
    assert str(caught.value).startswith(f"line {number}: {said}")


def test_the_programs_in_the_manual_assemble():
    page = (Path(__file__).parents[2] / "docs" / "programming.md").read_text()
    blocks = [
        block
        for block in re.findall(r"```text\n(.*?)```", page, re.S)
        if block.startswith(".queue")
    ]
    assert blocks
    for block in blocks:
        assemble(block)
