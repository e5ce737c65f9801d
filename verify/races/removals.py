"""Programs with one wait or one signal left out."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Instruction, Kind, Opcode, Queue, SignalKind, kind_of

__all__ = ["Removal", "apply", "removals"]

Programs = Mapping[TileXY, Program]

_RECEIVERS = ("x0", "y0", "x1", "y1")


def _cleared(*names: str) -> tuple[tuple[str, int], ...]:
    return tuple((name, 0) for name in names)


class Removal(NamedTuple):
    """One wait, signal or bump: of an instruction, or, for the bump of a REDUCE, of the same one in
    all its members.
    """

    kind: str
    """wait, signal or bump."""
    semaphore: int
    tile: TileXY
    queue: Queue
    at: int
    """Instruction of the queue."""
    changes: tuple[tuple[str, int], ...]
    """Fields, with the values that they then have."""
    counts: tuple[TileXY, ...] = ()
    """Tiles whose semaphore misses what is not signalled."""

    def describe(self, programs: Programs, name: str) -> str:
        """`wait for p_full of MATMUL, tile (0,0) queue matrix slot 4`; `name` is the
        semaphore's.
        """
        what = {"wait": "wait for", "signal": "signal to", "bump": "bump of"}[self.kind]
        queues = programs[self.tile].queues
        slot = 1 + sum(len(queues[queue]) for queue in Queue if queue < self.queue) + self.at
        x, y = self.tile
        opcode = queues[self.queue][self.at].opcode.name
        return (
            f"{what} {name} of {opcode}, tile ({x},{y}) queue {self.queue.name.lower()} slot {slot}"
        )


def removals(programs: Programs) -> Iterator[Removal]:
    """Everything that can be left out, tile by tile, queue by queue, in the order of the
    instructions.
    """
    reduced: set[tuple] = set()
    for tile, program in programs.items():
        for queue, code in program.queues.items():
            for at, instruction in enumerate(code):
                for i in (0, 1):
                    if instruction[f"wait{i}_count"]:
                        changes = _cleared(f"wait{i}_count", f"wait{i}_sem")
                        yield Removal("wait", instruction[f"wait{i}_sem"], tile, queue, at, changes)
                if instruction["sig0_on"]:
                    changes = _cleared("sig0_on", "sig0_sem")
                    yield Removal(
                        "signal", instruction["sig0_sem"], tile, queue, at, changes, (tile,)
                    )
                if instruction["sig1_kind"]:
                    there = (instruction["sig1_x"], instruction["sig1_y"])
                    target = there if instruction["sig1_kind"] == SignalKind.REMOTE else tile
                    changes = _cleared("sig1_kind", "sig1_sem", "sig1_x", "sig1_y")
                    yield Removal(
                        "signal", instruction["sig1_sem"], tile, queue, at, changes, (target,)
                    )
                if kind_of(instruction.opcode) == Kind.MOVE and instruction["bump"]:
                    if instruction.opcode == Opcode.REDUCE:
                        if _collective(instruction) in reduced:
                            continue
                        reduced.add(_collective(instruction))
                    changes = ("bump", 0), ("sem", 0)
                    yield Removal(
                        "bump",
                        instruction["sem"],
                        tile,
                        queue,
                        at,
                        changes,
                        _receivers(instruction, tile),
                    )


def apply(programs: Programs, removal: Removal) -> dict[TileXY, Program]:
    """The programs without it."""
    instruction = programs[removal.tile].queues[removal.queue][removal.at]
    alike: Callable[[TileXY, int, Instruction], bool]
    if removal.kind == "bump" and instruction.opcode == Opcode.REDUCE:
        tiles = set(_members(instruction))

        def alike(tile: TileXY, at: int, other: Instruction) -> bool:
            return other.opcode == Opcode.REDUCE and _collective(other) == _collective(instruction)
    else:
        tiles = {removal.tile}

        def alike(tile: TileXY, at: int, other: Instruction) -> bool:
            return at == removal.at

    changed = dict(programs)
    for tile in tiles:
        queues = programs[tile].queues
        code = [
            other.replace(**dict(removal.changes)) if alike(tile, at, other) else other
            for at, other in enumerate(queues[removal.queue])
        ]
        changed[tile] = Program({**queues, removal.queue: code})
    return changed


def _collective(instruction: Instruction) -> tuple[int, ...]:
    return tuple(
        instruction[name] for name in (*_RECEIVERS, "target_x", "target_y", "tag", "sem", "turn")
    )


def _members(instruction: Instruction) -> list[TileXY]:
    x0, y0, x1, y1 = (instruction[name] for name in _RECEIVERS)
    return [(x, y) for y in range(y0, y1 + 1) for x in range(x0, x1 + 1)]


def _receivers(instruction: Instruction, tile: TileXY) -> tuple[TileXY, ...]:
    """Tiles whose semaphore a transfer bumps."""
    if instruction.opcode == Opcode.STORE:
        return (tile,)
    if instruction.opcode == Opcode.REDUCE and not instruction["turn"]:
        return ((instruction["target_x"], instruction["target_y"]),)
    return tuple(_members(instruction))
