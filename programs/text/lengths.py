"""How much a queue executes: loops are followed before anything runs, so that none is endless."""

from collections.abc import Sequence

from isa.instructions import LOOP_DEPTH, REGISTERS, Instruction, Opcode

__all__ = ["MOST_EXECUTED", "check_loops"]

MOST_EXECUTED = 1_000_000
"""Instructions that a queue may execute."""
_SCALARS = (Opcode.LI, Opcode.ADD, Opcode.LOOP)


def check_loops(code: Sequence[Instruction]) -> tuple[int, str]:
    """The place of an instruction with which a queue's loops go wrong, and how; no text if they
    do not.
    """
    steps = [
        (i.opcode, *((i["rd"], i["rs"], i["imm"]) if i.opcode in _SCALARS else (0, 0, 0)))
        for i in code
    ]
    registers = [0] * REGISTERS
    loops: list[list[int]] = []
    pc = executed = 0
    while pc < len(steps):
        opcode, rd, rs, imm = steps[pc]
        pc, executed = pc + 1, executed + 1
        if opcode in (Opcode.LI, Opcode.ADD) and rd:
            registers[rd] = imm + (registers[rs] if opcode == Opcode.ADD else 0) & 0xFFFFFFFF
        elif opcode == Opcode.LOOP:
            turns = imm + registers[rs] & 0xFFFFFFFF
            if not turns or len(loops) == LOOP_DEPTH:
                return pc - 1, f"a loop must run at least once, and at most {LOOP_DEPTH} may nest"
            loops.append([pc, turns])
        elif opcode == Opcode.END:
            loops[-1][1] -= 1
            if loops[-1][1]:
                pc = loops[-1][0]
            else:
                loops.pop()
        if executed > MOST_EXECUTED:
            place = loops[0][0] - 1 if loops else pc - 1
            return place, f"the queue must not execute more than {MOST_EXECUTED:,} instructions"
    return 0, ""
