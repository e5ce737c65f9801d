"""A program text that was read: programs, memories, and where in the text everything stands."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.geometry import Rectangle, TileXY
from isa.image import Program
from isa.instructions import Queue
from isa.machine import Machine
from programs.text.blocks import Block

__all__ = ["Count", "Listing"]

_QUEUES = "|".join(queue.name.lower() for queue in Queue)
_PLACE = re.compile(
    r"(?P<of>of )?"
    rf"(?P<who>tiles? \((?P<x>\d+),(?P<y>\d+)\)(?:(?!tile)[^;\n])*?(?P<queue>{_QUEUES}),?) "
    r"(?:instruction )?(?:slot|pc) (?P<slot>\d+)"
)
"""How messages of all rooms name an instruction: a tile, then a queue and a slot of the image."""


_NEAR = 0xFF
"""Words from a name's address that a message still tells by the name."""


class Count(NamedTuple):
    """What a semaphore of some tiles must be in the end."""

    line: int
    tiles: tuple[TileXY, ...]
    semaphore: int
    value: int


@dataclass
class Listing:
    """All that a program text says."""

    path: Path
    machine: Machine
    programs: dict[TileXY, Program] = field(default_factory=dict)
    """Of every tile of the mesh."""
    lines: dict[TileXY, dict[Queue, list[int]]] = field(default_factory=dict)
    """The line of each instruction that the text has."""
    labels: dict[int, str] = field(default_factory=dict)
    """Line to label."""
    semaphores: dict[int, str] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)
    contents: list[Block] = field(default_factory=list)
    """What is in L1 and HBM before the run."""
    expected: list[Block] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    shown: list[Block] = field(default_factory=list)

    @property
    def tiles(self) -> list[TileXY]:
        """All tiles of the mesh."""
        mesh = self.machine.mesh
        return Rectangle(0, 0, mesh.columns - 1, mesh.rows - 1).tiles()

    def at(self, line: int) -> str:
        """A line, as messages name it."""
        label = f" {self.labels[line]!r}" if line in self.labels else ""
        return f"{self.path}:{line}{label}"

    def where(self, tile: TileXY, queue: Queue, slot: int) -> str:
        """The line of an instruction slot; the slot itself where the text does not have it."""
        first = 1 + sum(
            len(self.programs[tile].queues[before]) for before in Queue if before < queue
        )
        lines = self.lines.get(tile, {}).get(queue, [])
        index = slot - first
        return self.at(lines[index]) if 0 <= index < len(lines) else f"slot {slot}"

    def named(self, message: str) -> str:
        """A message with lines instead of instruction slots, and the names of semaphores and
        addresses. An instruction that it has named before is called by its label or line.
        """
        told: set[tuple[TileXY, str]] = set()

        def line(found: re.Match) -> str:
            tile, queue = (int(found["x"]), int(found["y"])), Queue[found["queue"].upper()]
            where = self.where(tile, queue, int(found["slot"]))
            if found["of"] and (tile, where) in told:
                several = sum(one == where for _, one in told) > 1
                on = f" of tile ({tile[0]},{tile[1]})" if several else ""
                return (where.partition(" ")[2] or where) + on
            told.add((tile, where))
            return f"{found['of'] or ''}{found['who']} ({where})"

        def word(found: re.Match) -> str:
            return found[1] + re.sub(r"(?<!\.)0x[0-9a-f]+", self._address, found[2])

        def semaphore(found: re.Match) -> str:
            name = self.semaphores.get(int(found[1]))
            return f"semaphore {name} ({found[1]})" if name else found[0]

        named = re.sub(r"semaphore (\d+)", semaphore, _PLACE.sub(line, message))
        return re.sub(r"(\bwords? )(0x[0-9a-f.x, ]+)", word, named)

    def _address(self, found: re.Match) -> str:
        """A word's address with the last name before it."""
        value = int(found[0], 16)
        base = max((one for one in self.addresses if one <= value), default=None)
        if base is None or value - base > _NEAR:
            return found[0]
        more = f"+{value - base:#x}" if value > base else ""
        return f"{found[0]} ({self.addresses[base]}{more})"

    def first_named(self, message: str) -> str:
        """The same, after the first line that the message names."""
        named = self.named(message)
        found = re.search(rf"{re.escape(str(self.path))}:\d+", named)
        return f"{found[0] if found else self.path}: {named}"

    def hbm(self) -> list[NDArray[np.uint8]]:
        """Bytes of every channel before the run, as far as the text speaks of them."""
        blocks = [b for b in (*self.contents, *self.expected, *self.shown) if _in_hbm(b)]
        channels = []
        for channel in self.machine.channels:
            here = [block for block in blocks if block.place == channel.index]
            words = max((block.end for block in here), default=0)
            memory = np.zeros(words * self.machine.tile.word_bytes, np.uint8)
            for block in here:
                if block.bits is not None and any(block is content for content in self.contents):
                    block.view(memory)[...] = block.bits
            channels.append(memory)
        return channels

    def fill_l1(self, l1: dict[TileXY, NDArray[np.uint8]]) -> None:
        """Write what is in the tiles' L1 before the run."""
        for block in self.contents:
            if not isinstance(block.place, int) and block.bits is not None:
                for tile in block.place:
                    block.view(l1[tile])[...] = block.bits


def _in_hbm(block: Block) -> bool:
    return isinstance(block.place, int)
