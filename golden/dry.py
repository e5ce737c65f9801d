"""The golden machine without data: what its queues do, and in which order, in a fraction of the
time.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from golden.machine import GoldenMachine
from golden.races import Race, RaceError
from golden.sequencer import GoldenSequencer
from golden.statistics import CollectiveRecord
from golden.touched import touched
from isa.image import Program
from isa.instructions import Kind, Opcode, kind_of
from isa.machine import Machine

__all__ = ["Checked", "check", "list_collectives"]


class _DryMachine(GoldenMachine):
    """Executes everything but arithmetic and copies. Addresses are checked as far as an instruction
    is issued.
    """

    accesses = 0

    def _execute(self, sequencer: GoldenSequencer, opcode: Opcode, f: dict[str, int]) -> None:
        l1 = self._transfers.l1[sequencer.tile]
        for blocks in touched(opcode, f, self.machine.tile):
            for block in blocks:
                l1.check(*block)
                self.accesses += 1
        if kind_of(opcode) not in (Kind.MATRIX, Kind.VECTOR):
            super()._execute(sequencer, opcode, f)


class Checked(NamedTuple):
    """What `check` looked at, and what it found."""

    races: list[Race]
    instructions: int
    """Executed, those of the queues' own (waits, loops) among them."""
    accesses: int
    """Matrices and vectors that engines read and write in their L1, one for each operand."""
    transfers: int
    """LOADs, STOREs and PUTs, and what each member sends to a REDUCE."""
    left: dict[tuple[int, int], list[int]]
    """Counts that each tile's semaphores end with."""


_MOVES = (Opcode.LOAD, Opcode.STORE, Opcode.PUT, Opcode.REDUCE)


def check(machine: Machine, images: Mapping[tuple[int, int], Program | list[int]]) -> Checked:
    """Look for data races in the programs (or images) of a mesh's tiles, without computing
    anything.

    Raises
    ------
    GoldenError
        If the programs do not run to their end.
    """
    dry = _DryMachine(
        machine, images, [np.zeros(0, np.uint32) for _ in machine.channels], races=True
    )
    races: list[Race] = []
    try:
        dry.run()
    except RaceError as error:
        races = error.races
    executed = dry.statistics.instructions
    transfers = sum(executed[opcode] for opcode in _MOVES)
    return Checked(races, executed.total(), dry.accesses, transfers, dry.semaphores)


def list_collectives(
    machine: Machine, images: Mapping[tuple[int, int], Program | list[int]]
) -> list[CollectiveRecord]:
    """Every reduction, and every load and put to more than one tile, that the programs carry out.

    Raises
    ------
    GoldenError
        If the programs do not run to their end.
    """
    dry = _DryMachine(machine, images, [np.zeros(0, np.uint32) for _ in machine.channels])
    dry.run()
    return dry.statistics.collectives
