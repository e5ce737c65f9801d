"""The rule's cycles of instructions are the laws of `isa.timing`, and a start."""

import pytest

from isa.instructions import Format, Opcode, ReduceOp
from isa.machine import MACHINES
from isa.timing import HOP, MOVE_START, array_cycles, reduce_hop_cycles, vector_cycles
from programs.common import costs

TILES = [MACHINES[name].tile for name in ("mesh4", "mesh16", "paper-2025")]
ISSUE = 10
"""Most cycles from the signal an instruction waits for to its command, and from its end to what it
signals.
"""


@pytest.mark.parametrize("tile", TILES, ids=str)
@pytest.mark.parametrize("shape", [(1, 8), (16, 32), (32, 100), (64, 128)], ids=str)
def test_an_engine_takes_its_law_and_a_start(tile, shape):
    assert 0 < costs.matmul_cycles(tile, *shape, 64) - array_cycles(tile, *shape, 64) <= ISSUE
    operations = ((Opcode.ROWMAX, {"with_b": True}), (Opcode.EXP, {"with_s": True}))
    for opcode, options in (*operations, (Opcode.SCALE, {}), (Opcode.MULV, {})):
        law = vector_cycles(tile, opcode, *shape, **options)
        assert abs(costs.vector_cycles(tile, *shape) - law) <= ISSUE
    law = vector_cycles(tile, Opcode.RECIP, 1, shape[1])
    assert 0 < costs.recip_cycles(tile, shape[1]) - law <= 12


@pytest.mark.parametrize("columns", [2, 4, 8, 32])
def test_an_all_reduce_takes_its_hops_and_a_start(columns):
    """A maximum goes half a row to its root, joined on the way, and half a row back; a sum is
    slower, and what goes by way of L1 as well.
    """
    for op in ReduceOp:
        there = columns // 2 * reduce_hop_cycles(op, Format.FP32, 2, 1)
        law = MOVE_START + there + columns // 2 * HOP
        assert law < costs.all_reduce_cycles((columns, 1)) <= 5 * law + 60


def test_a_put_sends_a_word_a_cycle():
    assert costs.put_cycles(100) - costs.put_cycles(40) == 60
    assert costs.put_cycles(0) > MOVE_START + HOP
