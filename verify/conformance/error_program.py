"""What a program that must stop with an error is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from golden.errors import GoldenError
from golden.machine import GoldenMachine
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Instruction, Opcode, Queue
from isa.machine import Machine
from isa.status import ErrorCode
from verify.conformance.refusals import Slot

__all__ = [
    "HALT",
    "LOOSE",
    "NOP",
    "Culprit",
    "ErrorProgram",
    "Queues",
    "Slot",
    "empty_program",
    "halting",
    "image_of",
    "neighbours",
    "program_of",
    "tiles_of",
    "verdict",
]

HALT = Instruction.of(Opcode.HALT)
NOP = Instruction.of(Opcode.LI, rd=13, imm=1)
LOOSE = 10
"""Semaphore whose count at the stop is up to timing: of a queue that runs for ever, or of what is
under way then.
"""
Queues = dict[Queue, list[Slot]]


@dataclass(frozen=True)
class Culprit:
    """An error that must be reported."""

    name: str
    tiles: tuple[TileXY, ...]
    """Where: by one of these tiles, or by several."""
    codes: tuple[ErrorCode, ...]
    """The one that it must be; of a collective that does not come to its end, one of several."""
    queue: Queue | None = None
    slot: int | None = None
    """Of the instruction; None where flits that arrive are the cause."""


@dataclass
class ErrorProgram:
    """Images of a mesh, what must be reported, and what must have happened by then."""

    images: dict[TileXY, list[int]]
    calm: dict[TileXY, list[int]]
    """The same without the errors."""
    before: dict[TileXY, Program]
    """What is executed before the machine stops, or is under way then."""
    hbm: list[NDArray[np.uint8]]
    culprits: list[Culprit] = field(default_factory=list)
    channel: bool = False
    """A channel reports it, which knows no tile: the only error of the program."""
    ordered: bool = False
    """Each error comes long before the next one: it stops the machine, and is reported alone."""

    def put(self, tile: TileXY, around: Queues, before: Queues) -> None:
        """The code of a tile, and what of it happens."""
        self.images[tile], self.calm[tile] = image_of(around), image_of(before)
        self.before[tile] = program_of(before)


def empty_program(machine: Machine, words: int) -> ErrorProgram:
    """No tile does anything but halt; every channel holds so many words of numbers."""
    idle = {tile: program_of(halting()) for tile in tiles_of(machine)}
    images = {tile: program.words() for tile, program in idle.items()}
    rng = np.random.default_rng(1)
    size = words * machine.tile.word_bytes
    hbm = [rng.integers(0, 256, size, np.uint8) for _ in machine.channels]
    return ErrorProgram(dict(images), dict(images), idle, hbm)


def halting() -> Queues:
    """Queues that do nothing."""
    return {queue: [HALT] for queue in Queue}


def tiles_of(machine: Machine) -> list[TileXY]:
    """All tiles, column by column."""
    return [(x, y) for x in range(machine.mesh.columns) for y in range(machine.mesh.rows)]


def neighbours(machine: Machine) -> list[tuple[TileXY, TileXY]]:
    """Pairs of tiles beside each other, no tile in two of them."""
    tiles = tiles_of(machine)
    along = 1 if machine.mesh.rows > 1 else 0
    steps = [(t, (t[0] + 1 - along, t[1] + along)) for t in tiles if t[along] % 2 == 0]
    return [(one, other) for one, other in steps if other in tiles]


def image_of(queues: Mapping[Queue, list[Slot]]) -> list[int]:
    """The image of any slots, good or not."""
    header = program_of({queue: [NOP] * len(code) for queue, code in queues.items()}).words()[0]
    slots = [slot for queue in Queue for slot in queues[queue]]
    return [header, *(slot if isinstance(slot, int) else slot.encode() for slot in slots)]


def program_of(queues: Mapping[Queue, list[Slot]]) -> Program:
    """The program of slots that are all instructions."""
    return Program(
        {queue: [s for s in code if isinstance(s, Instruction)] for queue, code in queues.items()}
    )


def verdict(machine: Machine, name: str, images: Mapping[TileXY, list[int]]) -> Culprit:
    """What the golden machine says to images of tiles that all take part.

    It knows no time: where members of a reduction do not agree, it sees that at its end, and what
    its tiles see, and which of them, is up to the order of events.
    """
    try:
        GoldenMachine(machine, images, [np.zeros(0, np.uint8) for _ in machine.channels]).run()
    except GoldenError as error:
        if error.code in (ErrorCode.NONE, ErrorCode.REDUCE_MISMATCH):
            codes = (ErrorCode.REDUCE_MISMATCH, ErrorCode.REDUCE_INCOMPLETE)
            return Culprit(name, tuple(images), codes)
        return Culprit(name, tuple(images), (error.code,), error.queue, error.pc)
    raise AssertionError(f"the golden machine does not refuse: {name}")
