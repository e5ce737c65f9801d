"""The programs of a mesh as pieces that can be left out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from isa.geometry import Rectangle, TileXY
from isa.image import Program
from isa.instructions import Instruction, Kind, Opcode, Queue, SignalKind, kind_of

__all__ = ["Piece", "Place", "pieces_of", "without"]

_WAITS = (("wait0_sem", "wait0_count"), ("wait1_sem", "wait1_count"))
_SYNC = (
    *chain(*_WAITS),
    *("sig0_on", "sig0_sem", "sig1_kind", "sig1_sem", "sig1_x", "sig1_y"),
)
"""Fields of every instruction that synchronise queues."""
_COLLECTIVE = (
    *("x0", "y0", "x1", "y1", "target_x", "target_y", "op", "fmt", "turn", "tag"),
    *("remote", "remote_pitch", "rows", "words", "bump", "sem"),
)
"""What the parts of a reduction have in common."""


class Place(NamedTuple):
    """An instruction in the code of a queue."""

    tile: TileXY
    queue: Queue
    at: int


class Piece(NamedTuple):
    """An instruction, both ends of a loop, or all parts of a reduction."""

    places: tuple[Place, ...]
    hollow: bool
    """What it leaves is a SYNC with its waits and signals; else nothing."""
    counts: tuple[tuple[TileXY, int, int], ...] = ()
    """Tile, semaphore and counts that go with it, and that waits there must do without."""


def pieces_of(programs: Mapping[TileXY, Program], *, hollow: bool) -> list[Piece]:
    """All pieces. With `hollow` those only of which nothing else counts on more than on their waits
    and signals: instructions of engines, without a count of their own.
    """
    found: list[Piece] = []
    reductions: dict[tuple, list[Place]] = {}
    seen: Counter[tuple] = Counter()
    for place, instruction, times in _walk(programs):
        if instruction.opcode == Opcode.HALT or (hollow and not _may_hollow(instruction)):
            continue
        if instruction.opcode == Opcode.REDUCE and not hollow:
            key = tuple(instruction[name] for name in _COLLECTIVE)
            seen[place.tile, key] += 1
            reductions.setdefault((key, seen[place.tile, key]), []).append(place)
            continue
        places: tuple[Place, ...] = (place,)
        if instruction.opcode == Opcode.END:
            code = programs[place.tile].queues[place.queue]
            places = (place._replace(at=_begin(code, place.at)), place)
        if instruction.opcode != Opcode.LOOP:
            counts = () if hollow else tuple(_counts(place.tile, instruction, times))
            found.append(Piece(places, hollow, counts))
    for those in reductions.values():
        first = those[0]
        instruction = programs[first.tile].queues[first.queue][first.at]
        found.append(Piece(tuple(those), hollow, tuple(_counts(first.tile, instruction, 1))))
    return found


def _walk(programs: Mapping[TileXY, Program]) -> Iterator[tuple[Place, Instruction, int]]:
    """Every instruction, and how often it is executed as far as immediate rounds of loops say."""
    for tile, program in programs.items():
        for queue, code in program.queues.items():
            rounds = [1]
            for index, instruction in enumerate(code):
                yield Place(tile, queue, index), instruction, rounds[-1]
                if instruction.opcode == Opcode.LOOP:
                    rounds.append(rounds[-1] * instruction["imm"])
                elif instruction.opcode == Opcode.END:
                    rounds.pop()


def _begin(code: list[Instruction], end: int) -> int:
    """Where the loop that ends at `end` begins."""
    depth = 0
    for index in range(end, -1, -1):
        depth += code[index].opcode == Opcode.END
        depth -= code[index].opcode == Opcode.LOOP
        if not depth:
            return index
    raise ValueError(f"no loop ends at {end}")


def _may_hollow(instruction: Instruction) -> bool:
    kind = kind_of(instruction.opcode)
    if kind == Kind.MOVE:
        return not instruction["bump"]
    return kind != Kind.SCALAR


def _counts(tile: TileXY, one: Instruction, times: int) -> Iterator[tuple[TileXY, int, int]]:
    """What an instruction that is executed so often adds to semaphores, signals included."""
    if one["sig0_on"]:
        yield tile, one["sig0_sem"], times
    if one["sig1_kind"]:
        remote = one["sig1_kind"] == SignalKind.REMOTE
        yield (one["sig1_x"], one["sig1_y"]) if remote else tile, one["sig1_sem"], times
    if kind_of(one.opcode) != Kind.MOVE or not one["bump"]:
        return
    receivers = [tile]
    if one.opcode == Opcode.REDUCE and not one["turn"]:
        receivers = [(one["target_x"], one["target_y"])]
    elif one.opcode != Opcode.STORE:
        receivers = Rectangle(*(one[name] for name in ("x0", "y0", "x1", "y1"))).tiles()
    for receiver in receivers:
        yield receiver, one["sem"], times


def without(programs: Mapping[TileXY, Program], pieces: Iterable[Piece]) -> dict[TileXY, Program]:
    """The programs without some pieces; waits at the end of queues do without their counts."""
    gone: dict[Place, bool] = {}
    lost: Counter[tuple[TileXY, int]] = Counter()
    for piece in pieces:
        gone |= dict.fromkeys(piece.places, piece.hollow)
        for tile, semaphore, count in piece.counts:
            lost[tile, semaphore] += count
    kept: dict[Place, Instruction] = {}
    for place, instruction, times in reversed(list(_walk(programs))):
        left = _left(instruction, gone.get(place))
        if left and lost:
            left = _waiting_less(left, place.tile, times, lost)
        if left:
            kept[place] = left
    found: dict[TileXY, Program] = {tile: Program() for tile in programs}
    for place in sorted(kept):
        found[place.tile].queues[place.queue].append(kept[place])
    return found


def _left(instruction: Instruction, hollow: bool | None) -> Instruction | None:
    """What is left of an instruction: itself where it stays, a SYNC or nothing where not."""
    if hollow is None:
        return instruction
    fields = {name: instruction[name] for name in _SYNC} if hollow else {}
    return Instruction.of(Opcode.SYNC, **fields) if any(fields.values()) else None


def _waiting_less(
    instruction: Instruction, tile: TileXY, times: int, lost: Counter
) -> Instruction | None:
    """The instruction, waiting for as much less as is lost; nothing if it is left without use."""
    less = {}
    for semaphore, count in _WAITS:
        here = (tile, instruction[semaphore])
        taken = min(instruction[count], lost[here] // max(1, times))
        if taken:
            lost[here] -= taken * times
            less[count] = instruction[count] - taken
            less[semaphore] = instruction[semaphore] if less[count] else 0
    if less:
        instruction = instruction.replace(**less)
        idle = not any(instruction[name] for name in ("wait0_count", "wait1_count"))
        idle &= not (instruction["sig0_on"] or instruction["sig1_kind"])
        if idle and instruction.opcode == Opcode.SYNC:
            return None
    return instruction
