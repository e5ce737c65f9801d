"""The golden machine without data: what its queues do, and in which order, in a fraction of the time."""

from collections.abc import Mapping

import numpy as np

from golden.machine import GoldenMachine
from golden.races import Race, RaceError
from golden.sequencer import Sequencer
from golden.touched import touched
from isa.image import Program
from isa.instructions import Kind, Opcode, kind_of
from isa.machine import Machine

__all__ = ["find_races"]


class _DryMachine(GoldenMachine):
    """Executes everything but arithmetic and copies. Addresses are checked as far as an instruction is issued."""

    def _execute(self, sequencer: Sequencer, opcode: Opcode, f: dict[str, int]) -> None:
        l1 = self._l1[sequencer.tile]
        for blocks in touched(opcode, f, self.machine.tile):
            for block in blocks:
                l1.check(*block)
        if kind_of(opcode) not in (Kind.MATRIX, Kind.VECTOR):
            super()._execute(sequencer, opcode, f)


def find_races(machine: Machine, images: Mapping[tuple[int, int], Program | list[int]]) -> list[Race]:
    """All data races of the programs (or images) of a mesh's tiles, without computing anything.

    Raises
    ------
    GoldenError
        If the programs do not run to their end.
    """
    dry = _DryMachine(machine, images, [np.zeros(0, np.uint32) for _ in machine.channels], races=True)
    try:
        dry.run()
    except RaceError as error:
        return error.races
    return []
