"""Programs that wait for ever: the watchdog must stop the machine, and every queue must stand where
golden's does.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from golden.errors import GoldenError
from golden.machine import GoldenMachine
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Instruction, Opcode, Queue, SignalKind
from isa.machine import Machine
from isa.status import ErrorCode, Probe, QueueState
from tb.mesh import RunFailure
from verify.conformance.error_program import HALT, Queues, halting, program_of, tiles_of

__all__ = ["Standstill", "deadlocks", "wrong_stand"]

_RING, _SHORT, _NEVER = 0, 17, 31
"""Semaphores: of what each tile has for the next one, of counts that are too few, and one that
nobody counts.
"""


class Standstill(NamedTuple):
    """Programs of a mesh, where each queue ends, and what the semaphores hold then."""

    programs: dict[TileXY, Program]
    stands: set[tuple[TileXY, Queue, int]]
    """Queues that wait, and the slot of the instruction that does."""
    semaphores: dict[TileXY, list[int]]

    def images(self) -> dict[TileXY, list[int]]:
        """Program images."""
        return {tile: program.words() for tile, program in self.programs.items()}


def deadlocks(machine: Machine) -> list[Standstill]:
    """Two: each queue of each tile waits for another reason, one that is nobody's fault alone among
    them; and one queue of one tile only, when all others have halted.

    Raises
    ------
    AssertionError
        If the golden machine comes to an end.
    """
    tiles = tiles_of(machine)
    all_wait = {
        tile: _waiting(tile, tiles[(number + 1) % len(tiles)]) for number, tile in enumerate(tiles)
    }
    one_waits = {tile: halting() for tile in tiles}
    one_waits[tiles[-1]][Queue.LOAD] = all_wait[tiles[-1]][Queue.LOAD]
    return [_judged(machine, queues) for queues in (all_wait, one_waits)]


def _waiting(tile: TileXY, following: TileXY) -> Queues:
    """MATRIX waits for a count that never comes, VECTOR for a second one, in a loop; LOAD for one
    more than there are; OUT for the tile before, as all do, before it signals to the next one.
    """
    of, (x, y) = Instruction.of, following
    few = of(Opcode.SYNC, sig0_on=1, sig0_sem=_SHORT)
    ring = {"sig1_kind": int(SignalKind.REMOTE), "sig1_sem": _RING, "sig1_x": x, "sig1_y": y}
    return {
        Queue.MATRIX: [of(Opcode.SYNC, wait0_sem=_NEVER, wait0_count=1), HALT],
        Queue.VECTOR: [
            of(Opcode.LOOP, imm=3),
            of(Opcode.SYNC, sig0_on=1, sig0_sem=_SHORT + 1),
            of(Opcode.SYNC, wait0_sem=_SHORT + 1, wait0_count=1, wait1_sem=_NEVER, wait1_count=63),
            of(Opcode.END),
            HALT,
        ],
        Queue.LOAD: [few, few, of(Opcode.SYNC, wait0_sem=_SHORT, wait0_count=3), HALT],
        Queue.OUT: [of(Opcode.SYNC, wait0_sem=_RING, wait0_count=1), of(Opcode.SYNC, **ring), HALT],
    }


def _judged(machine: Machine, queues: dict[TileXY, Queues]) -> Standstill:
    programs = {tile: program_of(code) for tile, code in queues.items()}
    golden = GoldenMachine(machine, programs, [np.zeros(0, np.uint8) for _ in machine.channels])
    try:
        golden.run()
    except GoldenError as error:
        assert error.code == ErrorCode.NONE, error
        return Standstill(programs, golden.waiting, golden.semaphores)
    raise AssertionError("the golden machine does not refuse a deadlock")


def wrong_stand(deadlock: Standstill, stopped: RunFailure) -> Iterator[tuple[str, str]]:
    """What differs: (how, one line). A tile that shows no queues is asked for its counts only."""
    if stopped.kind != "hang":
        yield "error code", f"a deadlock is seen as: {stopped}"
        return
    for tile, values in stopped.probes.items():
        where = f"tile ({tile[0]},{tile[1]})"
        for number, count in enumerate(deadlock.semaphores[tile]):
            if (seen := values[Probe.SEMAPHORE + number]) != count:
                yield "semaphores", f"{where}: semaphore {number} is {seen}, golden {count}"
        shown = values[Probe.QUEUE : Probe.SEMAPHORE]
        for queue in Queue if any(shown) else ():
            slot, state = shown[16 * queue : 16 * queue + 2]
            waits = state in (QueueState.WAIT0, QueueState.WAIT1)
            expected = [pc for t, q, pc in deadlock.stands if (t, q) == (tile, queue)]
            if ([slot] if waits else []) != expected:
                right = f"waits in slot {expected[0]}" if expected else "has halted"
                yield (
                    "hang",
                    f"{where}: queue {queue.name.lower()} is in {QueueState(state).name} of slot "
                    f"{slot}, golden's {right}",
                )
