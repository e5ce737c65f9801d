"""What a run did, instruction by instruction, for those who look at it afterwards."""

from collections.abc import Mapping
from typing import NamedTuple

from golden.decoding import Decoded
from golden.sequencer import GoldenSequencer
from isa.instructions import Queue

__all__ = ["RecordingSequencer", "Step"]


class Step(NamedTuple):
    """An instruction that was executed."""

    tile: tuple[int, int]
    queue: Queue
    slot: int
    """In the program image."""
    decoded: Decoded
    operands: Mapping[str, int]
    """Fields with the registers added."""


class RecordingSequencer(GoldenSequencer):
    """A sequencer that appends what it executes to `steps`.

    The order of the steps is a legal order of execution in which whatever an instruction sends
    arrives at once.
    """

    def __init__(self, *, steps: list[Step], **rest):
        super().__init__(**rest)
        self._steps = steps

    def step(self) -> Decoded | None:
        """Execute one instruction, see `GoldenSequencer.step`."""
        slot = self.pc
        decoded = super().step()
        if decoded is not None:
            self._steps.append(Step(self.tile, self.queue, slot, decoded, self._operands))
        return decoded
