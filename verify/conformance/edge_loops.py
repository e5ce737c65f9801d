"""Loops of as many rounds as it takes to need every bit of their counter that a run can reach."""

from isa.instructions import Opcode, Queue
from isa.machine import Machine
from verify.conformance.edge_bench import STORED, EdgeBench
from verify.conformance.extremes import Extent
from verify.conformance.tile_programs import TileProgram

__all__ = ["LONGEST", "loop_program"]

LONGEST = 14
"""Bit of the counter that the longest loop begins with; six cycles a round."""
_SHORT = 8
"""Bits below are those of loops that each tile runs; the others are dealt to the tiles."""
_COUNTED, _WRONG_BY = 1, 2
"""Registers: the rounds that there were, and how many more than there should be."""


def loop_program(machine: Machine, seed: int, _: slice) -> TileProgram:
    """Loops of rounds that begin with each bit in turn, in the OUT queue of each tile: a loop of
    3 * 2^(bit - 1) rounds passes 2^bit on its way down.

    The rounds are counted by a register, and tell where the word is that is stored afterwards: not
    how long another loop is, which may have lost the same bits.
    """
    bench = EdgeBench(machine, seed)
    bench.fill()
    longer = range(_SHORT, LONGEST + 1)
    for number, tile in enumerate(bench.tiles):
        add = bench.adder(tile, Queue.OUT)
        bits = (*range(_SHORT), *longer[number :: len(bench.tiles)])
        for bit in bits:
            rounds = 3 << bit >> 1
            add(Opcode.LI, rd=_COUNTED, imm=0)
            add(Opcode.LOOP, imm=rounds)
            add(Opcode.ADD, rd=_COUNTED, rs=_COUNTED, imm=1)
            add(Opcode.END)
            add(Opcode.ADD, rd=_WRONG_BY, rs=_COUNTED, imm=-rounds & 0xFFFFFFFF)
            bench.store(add, bit, Extent(0, 1, 1), local_reg=_WRONG_BY)
        add(Opcode.SYNC, waits=[(STORED, len(bits))])
    return TileProgram(*bench.finish())
