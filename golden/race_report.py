"""How data races are told: both accesses, the words, and the order that is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from golden.errors import GoldenError
from golden.recording import Step
from isa.geometry import TileXY
from isa.instructions import Opcode
from isa.status import ErrorCode

__all__ = ["Race", "RaceError", "RaceSide"]

_MOST = 20
"""Races that a message lists."""


@dataclass(frozen=True, slots=True)
class RaceSide:
    """One side of a race."""

    step: Step
    execution: int
    """Which execution of this instruction it is, from 1."""
    writes: bool
    arrives: bool = False
    """It is not the tile's engine that reads or writes, but the network or the HBM channel for it.
    """

    @property
    def place(self) -> tuple:
        """The instruction, and what of it."""
        return self.step.tile, self.step.queue, self.step.slot, self.writes, self.arrives

    @property
    def name(self) -> str:
        """The opcode."""
        return self.step.decoded.opcode.name

    @property
    def at(self) -> str:
        """The opcode and its place."""
        x, y = self.step.tile
        queue, slot = self.step.queue.name.lower(), self.step.slot
        return f"{self.name} of tile ({x},{y}) queue {queue} slot {slot}"

    def start(self, alike: bool) -> str:
        """What this access comes after; its place too if the other one is `alike` in name."""
        if self.arrives and self.step.decoded.opcode == Opcode.REDUCE:
            return f"every {self.name}"
        return self.at if alike else f"that {self.name}"

    def end(self, memory: TileXY | int, alike: bool) -> str:
        """What tells that this access to `memory` is over."""
        name = self.at if alike else f"that {self.name}"
        if not self.arrives:
            return f"the completion of {name}"
        if isinstance(memory, int) and self.writes:
            return f"the acknowledgement of {name}"
        where = "" if isinstance(memory, int) else f" in tile ({memory[0]},{memory[1]})"
        last = f"the last word of {name}" if alike else f"{name}'s last word"
        return f"the arrival of {last}{where}"

    def __str__(self) -> str:
        """`read by MATMUL of tile (0,0) queue matrix slot 3`, and which execution if there are
        several.
        """
        opcode = self.step.decoded.opcode
        verb = "written" if self.writes else "read"
        sent = "words from " if self.arrives and opcode in (Opcode.PUT, Opcode.REDUCE) else ""
        nth = f" (execution {self.execution})" if self.execution > 1 else ""
        return f"{verb} by {sent}{self.at}{nth}"


@dataclass(slots=True)
class Race:
    """Two accesses to the same words that nothing orders; `first` came first in this run."""

    memory: TileXY | int
    """The tile in whose L1, or the HBM channel in which they are."""
    words: list[int]
    first: RaceSide
    second: RaceSide
    missing: str
    """The order that would be needed and is not there, or what else is wrong."""
    times: int = 1
    """Pairs of executions of the two instructions that race."""

    def __str__(self) -> str:
        where = (
            f"HBM channel {self.memory}"
            if isinstance(self.memory, int)
            else f"the L1 of tile ({self.memory[0]},{self.memory[1]})"
        )
        again = f", {self.times} times" if self.times > 1 else ""
        return (
            f"race for {_ranges(self.words)} of {where}: {self.first}, and {self.second}{again}: "
            f"{self.missing}"
        )


class RaceError(GoldenError):
    """The program has data races.

    Attributes
    ----------
    races
        One for each pair of instructions, in the order in which they showed.
    """

    def __init__(self, races: Sequence[Race]):
        step = races[0].second.step
        lines = [str(race) for race in races[:_MOST]]
        if len(races) > _MOST:
            lines.append(f"and {len(races) - _MOST} more")
        super().__init__(
            ErrorCode.NONE, "\n".join(lines), tile=step.tile, queue=step.queue, pc=step.slot
        )
        self.races = list(races)


def _ranges(words: Sequence[int]) -> str:
    """`words 0x10..0x1f, 0x40`, the first few."""
    runs: list[list[int]] = []
    for word in words:
        if runs and word == runs[-1][1] + 1:
            runs[-1][1] = word
        else:
            runs.append([word, word])
    text = ", ".join(
        f"{low:#x}" if low == high else f"{low:#x}..{high:#x}" for low, high in runs[:4]
    )
    more = f" and {len(runs) - 4} more ranges" if len(runs) > 4 else ""
    return f"word{'s' if len(words) > 1 else ''} {text}{more}"
