"""The order rule of reductions, checked when programs are compiled (docs/network.md says why it must hold)."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from isa.errors import UserError
from isa.image import Program
from isa.instructions import Instruction, Opcode, Queue
from programs.loops import expand

__all__ = ["check_reduction_order"]

TileXY = tuple[int, int]
Rectangle = tuple[int, int, int, int]

_RECTANGLE = ("x0", "y0", "x1", "y1")
_AGREED = ("target_x", "target_y", "tag", "op", "fmt", "turn", "rows", "words", "remote", "bump", "sem")


def check_reduction_order(programs: Mapping[TileXY, Program]) -> None:
    """Check that the members of every reduction take part in it, agree on it, and have one order for those they share.

    Raises
    ------
    UserError
        If not: the network would stop with an error, or hang.
    """
    issued: dict[TileXY, dict[Rectangle, list[tuple[int, ...]]]] = {}
    read: dict[Instruction, tuple[Rectangle, tuple[int, ...]]] = {}
    order: dict[TileXY, list[tuple[Rectangle, int]]] = {}
    for tile, program in programs.items():
        mine: dict[Rectangle, list[tuple[int, ...]]] = {}
        order[tile] = []
        for instruction in expand(program.queues[Queue.OUT]):
            if instruction.opcode == Opcode.REDUCE:
                if instruction not in read:
                    x0, y0, x1, y1 = (instruction[name] for name in _RECTANGLE)
                    read[instruction] = (x0, y0, x1, y1), tuple(instruction[name] for name in _AGREED)
                rectangle, agreed = read[instruction]
                known = mine.setdefault(rectangle, [])
                order[tile].append((rectangle, len(known)))
                known.append(agreed)
        issued[tile] = mine
    for tile, mine in issued.items():
        for rectangle, collectives in mine.items():
            x0, y0, x1, y1 = rectangle
            for other in ((x, y) for y in range(y0, y1 + 1) for x in range(x0, x1 + 1)):
                theirs = issued.get(other, {}).get(rectangle, [])
                if theirs != collectives:
                    raise UserError(_difference(tile, other, rectangle, collectives, theirs))
    if any(len(mine) > 1 for mine in issued.values()):
        _check_one_order(order)


def _difference(
    tile: TileXY, other: TileXY, rectangle: Rectangle, mine: list[tuple[int, ...]], theirs: list[tuple[int, ...]]
) -> str:
    at = next(
        (i for i, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1]), min(len(mine), len(theirs))
    )
    tags = [f"tag {issued[at][_AGREED.index('tag')]}" if at < len(issued) else "nothing" for issued in (mine, theirs)]
    return f"tiles {tile} and {other} differ in reduction {at} over {rectangle}: {tags[0]} there, {tags[1]} here"


def _check_one_order(order: Mapping[TileXY, list[tuple[Rectangle, int]]]) -> None:
    before: dict[tuple[Rectangle, int], set[tuple[Rectangle, int]]] = {}
    for sequence in order.values():
        for first, second in pairwise(sequence):
            before.setdefault(second, set()).add(first)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        cycle = " before ".join(f"reduction {number} over {rectangle}" for rectangle, number in error.args[1])
        raise UserError(f"tiles issue reductions in orders that contradict each other: {cycle}") from None
