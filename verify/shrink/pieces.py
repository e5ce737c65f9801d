"""The programs of a mesh as pieces that can be left out."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Instruction, Kind, Opcode, Queue, kind_of

__all__ = ["Piece", "pieces_of", "without"]

_SYNC = (
    *("wait0_sem", "wait0_count", "wait1_sem", "wait1_count"),
    *("sig0_on", "sig0_sem", "sig1_kind", "sig1_sem", "sig1_x", "sig1_y"),
)
"""Fields of every instruction that synchronise queues."""


class Piece(NamedTuple):
    """An instruction, or both ends of a loop."""

    tile: TileXY
    queue: Queue
    places: tuple[int, ...]
    """In the code of its queue."""
    hollow: bool
    """What it leaves is a SYNC with its waits and signals; else nothing."""


def pieces_of(programs: Mapping[TileXY, Program], *, hollow: bool) -> list[Piece]:
    """All pieces. With `hollow` those only of which nothing else counts on more than on their waits
    and signals: instructions of engines, without a count of their own.
    """
    found = []
    for tile, program in programs.items():
        for queue, code in program.queues.items():
            loops: list[int] = []
            for place, instruction in enumerate(code):
                places: tuple[int, ...] = (place,)
                if instruction.opcode == Opcode.LOOP:
                    loops.append(place)
                    continue
                if instruction.opcode == Opcode.END:
                    places = (loops.pop(), place)
                if instruction.opcode != Opcode.HALT and (not hollow or _may_hollow(instruction)):
                    found.append(Piece(tile, queue, places, hollow))
    return found


def _may_hollow(instruction: Instruction) -> bool:
    kind = kind_of(instruction.opcode)
    if kind == Kind.MOVE:
        return not instruction["bump"]
    return kind != Kind.SCALAR


def without(programs: Mapping[TileXY, Program], pieces: Iterable[Piece]) -> dict[TileXY, Program]:
    """The programs without some pieces."""
    gone = {(p.tile, p.queue, place): p.hollow for p in pieces for place in p.places}
    found = {}
    for tile, program in programs.items():
        queues = {}
        for queue, code in program.queues.items():
            queues[queue] = [
                one
                for place, instruction in enumerate(code)
                for one in _left(instruction, gone.get((tile, queue, place)))
            ]
        found[tile] = Program(queues)
    return found


def _left(instruction: Instruction, hollow: bool | None) -> list[Instruction]:
    """What is left of an instruction: itself where it stays, a SYNC or nothing where not."""
    if hollow is None:
        return [instruction]
    fields = {name: instruction[name] for name in _SYNC} if hollow else {}
    return [Instruction.of(Opcode.SYNC, **fields)] if any(fields.values()) else []
