"""Programs of all tiles of a mesh, written instruction by instruction, and loops over the segments
of a long transfer.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from isa.geometry import Rectangle, TileXY
from isa.image import Program
from isa.instructions import Instruction, Opcode, Queue, SignalKind
from isa.machine import Machine
from programs.common.check import check_programs

__all__ = ["Code", "Segment"]

UNROLLED = 4
"""Segments in the body of a loop: what the loop itself costs is shared by so many."""
_OFFSET = 1
"""Register that walks the segments, in the OUT and the VECTOR queue."""


class Segment(NamedTuple):
    """A piece of the words: `at` words plus the offset register's from their start."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls
    at: int
    words: int
    register: int
    last: bool


class Code:
    """The programs of a mesh's tiles while they grow.

    `add` appends an instruction, `segments` a loop; `programs` ends every queue and checks the
    order of reductions.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        tiles = Rectangle(0, 0, machine.mesh.columns - 1, machine.mesh.rows - 1).tiles()
        self._queues: dict[TileXY, dict[Queue, list[Instruction]]] = {
            tile: {queue: [] for queue in Queue} for tile in tiles
        }

    def add(
        self,
        tile: TileXY,
        queue: Queue,
        opcode: Opcode,
        *,
        waits: Sequence[tuple[int, int]] = (),
        signal: int | None = None,
        tell: tuple[int, TileXY] | None = None,
        **fields: int,
    ) -> None:
        """Append an instruction with its waits (semaphore, count) and signals; `tell` is one for
        another tile.
        """
        for i, (semaphore, count) in enumerate(waits):
            fields |= {f"wait{i}_sem": semaphore, f"wait{i}_count": count}
        if signal is not None:
            fields |= {"sig0_on": 1, "sig0_sem": signal}
        if tell is not None:
            fields |= {"sig1_kind": int(SignalKind.REMOTE), "sig1_sem": tell[0]}
            fields |= {"sig1_x": tell[1][0], "sig1_y": tell[1][1]}
        self._queues[tile][queue].append(Instruction.of(opcode, **fields))

    def slots(self, tile: TileXY) -> int:
        """Instruction slots that a tile's image takes so far."""
        return 1 + sum(len(code) + 1 for code in self._queues[tile].values())

    def programs(self) -> dict[TileXY, Program]:
        """The programs of all tiles.

        Raises
        ------
        UserError
            If members of a reduction disagree, or issue reductions in orders that contradict each
            other.
        """
        halt = Instruction.of(Opcode.HALT)
        programs = {
            tile: Program({queue: [*code, halt] for queue, code in queues.items()})
            for tile, queues in self._queues.items()
        }
        for program in programs.values():
            program.check()
        check_programs(self.machine, programs)
        return programs

    def segments(
        self,
        tile: TileXY,
        queue: Queue,
        words: int,
        size: int,
        step: Callable[[Segment], None],
        *,
        first: int = 0,
    ) -> None:
        """Call `step` for each segment of `size` of the words, for many of them inside a hardware
        loop.

        The first segments, `first` rounded up to whole loop bodies, and the last one are never in a
        loop.
        """
        count = -(-words // size)
        head = min(-(-first // UNROLLED) * UNROLLED, count)
        trips = max(0, count - 1 - head) // UNROLLED
        looped = range(head, head + trips * UNROLLED) if trips > 1 else range(0)
        index = 0
        while index < count:
            if index == looped.start and looped:
                self.add(tile, queue, Opcode.LI, rd=_OFFSET, imm=index * size)
                self.add(tile, queue, Opcode.LOOP, imm=trips)
                for turn in range(UNROLLED):
                    step(Segment(index + turn, turn * size, size, _OFFSET, False))
                self.add(tile, queue, Opcode.ADD, rd=_OFFSET, rs=_OFFSET, imm=UNROLLED * size)
                self.add(tile, queue, Opcode.END)
                index = looped.stop
            else:
                step(
                    Segment(
                        index, index * size, min(size, words - index * size), 0, index == count - 1
                    )
                )
                index += 1
