"""Reductions that must stop the machine though each of their flits has a partner, or needs none:
parts that number their flits differently, and one tag for two collectives.
"""

from itertools import combinations

from isa.geometry import STEP, TileXY
from isa.instructions import Format, Instruction, Opcode, Queue
from isa.machine import Machine
from isa.packets import reduce_flit
from isa.status import ErrorCode
from verify.conformance.error_program import (
    HALT,
    LOOSE,
    Culprit,
    ErrorProgram,
    Slot,
    empty_program,
    halting,
    neighbours,
    verdict,
)
from verify.conformance.refusals import legal

__all__ = ["in_parts", "reused_tags"]

_WORDS = 64
"""Of each channel."""
_EARLIER = 12
"""Semaphore of what happens before."""
_MOST_ROWS = 11
"""Bit of the longest part that is so many rows of one word; longer ones have rows of 16."""
_LONG = 64
"""Rows of a collective that is to meet another one."""


def in_parts(machine: Machine) -> list[ErrorProgram]:
    """One member sends in two instructions what the other sends in one, and begins to count again
    at each power of two that a flit's number can reach.
    """
    pairs, programs = neighbours(machine), []
    bits = next(f.width for f in reduce_flit(machine.tile) if f.name == "seq")
    for start in range(0, bits, len(pairs)):
        program = empty_program(machine, _WORDS)
        for bit, (one, other) in zip(range(start, bits), pairs, strict=False):
            words = 1 if bit <= _MOST_ROWS else 16
            rows = (1 << bit) // words
            f = legal(Opcode.REDUCE, one, machine) | {"sem": LOOSE, "tag": 5, "words": words}
            f |= {"x1": other[0], "y1": other[1], "fmt": int(Format.FP32)}
            f |= {"local_pitch": 0, "remote_pitch": 0}
            whole = [f | {"rows": rows + 1, "bump": 1}]
            parts = [f | {"rows": rows, "bump": 0}, f | {"rows": 1, "bump": 1}]
            images = {}
            for tile, sent in ((one, whole), (other, parts)):
                _put(program, tile, [Instruction.of(Opcode.REDUCE, **fields) for fields in sent])
                images[tile] = program.images[tile]
            name = f"REDUCE: a member begins again after {1 << bit} flits"
            program.culprits.append(verdict(machine, name, images))
        programs.append(program)
    return programs


def reused_tags(machine: Machine) -> list[ErrorProgram]:
    """Two collectives of one tag come to a router at two of its inputs. The golden machine, which
    knows no time, cannot see that; the compilers' rules (`programs.common.check`) refuse it.
    """
    mesh = machine.mesh
    x, y = root = mesh.columns // 2, mesh.rows // 2
    beside = [(x + dx, y + dy) for dx, dy in STEP.values()]
    members = [root, *(t for t in beside if 0 <= t[0] < mesh.columns and 0 <= t[1] < mesh.rows)]
    programs = []
    for pair in combinations(members, 2):
        program = empty_program(machine, _WORDS)
        for member in pair:
            f = legal(Opcode.REDUCE, member, machine) | {"rows": _LONG, "words": 1, "bump": 1}
            f |= {"sem": LOOSE, "tag": 5, "target_x": x, "target_y": y}
            _put(program, member, [Instruction.of(Opcode.REDUCE, **f)])
        name = f"REDUCE: one tag for what {pair[0]} and {pair[1]} send to {root}"
        tiles = tuple(dict.fromkeys((root, *pair)))
        program.culprits.append(Culprit(name, tiles, (ErrorCode.REDUCE_MISMATCH,)))
        programs.append(program)
    return programs


def _put(program: ErrorProgram, tile: TileXY, reduces: list[Slot]) -> None:
    """A tile whose OUT queue reduces, and has signalled before."""
    first: list[Slot] = [Instruction.of(Opcode.SYNC, sig0_on=1, sig0_sem=_EARLIER)]
    around, before = halting(), halting()
    around[Queue.OUT], before[Queue.OUT] = [*first, *reduces, HALT], [*first, HALT]
    program.put(tile, around, before)
