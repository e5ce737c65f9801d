"""The loop over events."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.engine.channel import serve
from model.engine.compiled import compiled, entry
from model.engine.heap import pop, push
from model.engine.laws import Laws
from model.engine.matrix import begin_chunk, drain, loaded
from model.engine.moves import gone
from model.engine.network import cycle
from model.engine.release import HALTED
from model.engine.sequencer import done, signal, step
from model.engine.state import CoreState, fresh
from model.engine.tables import Collectives, CoreEvent, Fabric, Paths, TaskTable
from model.engine.work import worked

__all__ = ["CoreOutcome", "Deadlock", "simulate"]

STEP, SIGNAL, DONE, CHUNK, LOADED, DRAIN, WORKED, SERVE = (int(e) for e in CoreEvent)


class Deadlock(RuntimeError):
    """Nothing can happen any more, and some queue has not halted."""


class CoreOutcome(NamedTuple):
    """What came of a run."""

    cycles: float
    """From the start to the last activity."""
    events: int
    matrix_active: NDArray[np.float64]
    """Cycles in which each tile's array was at work."""
    work_active: NDArray[np.float64]
    """Likewise each queue's work."""
    busy: NDArray[np.float64]
    """Cycles in which each queue's engine had a command."""
    waited: NDArray[np.float64]
    """(queues, 6): cycles in which each queue waited for a semaphore, its engine, a place among its
    outstanding commands, their ends; columns as `model.engine.release` numbers the causes.
    """
    words_read: NDArray[np.int64]
    """Words that each channel read."""
    words_written: NDArray[np.int64]


def simulate(
    code: TaskTable, paths: Paths, joins: Collectives, fabric: Fabric, laws: Laws
) -> CoreOutcome:
    """Run all queues to their ends.

    Raises
    ------
    Deadlock
        If a queue waits forever; the message names the first one.
    """
    state = fresh(code, paths, joins, fabric, laws)
    _run(state)
    stuck = np.flatnonzero(state.queue["blocked"] != HALTED)
    if len(stuck):
        q = int(stuck[0])
        raise Deadlock(
            f"{len(stuck)} queues do not halt: the first is queue {q % 4} of tile {q // 4}, at row "
            f"{state.queue['pc'][q]} of the table"
        )
    return CoreOutcome(
        float(state.run["last"][0]),
        int(state.run["events"][0]),
        state.tile["matrix_active"],
        state.queue["active"],
        state.queue["busy"],
        state.queue["waited"],
        state.channel["words_read"],
        state.channel["words_written"],
    )


@entry
def _run(s: CoreState):
    laws = s.laws[0]
    for q in range(len(s.queue)):  # the matrix queue last: its turn was that of the boot
        s.queue[q].fetches = laws.start + laws.port * ((q + 3) & 3)
        push(s, s.queue[q].fetches, STEP, 0, q)
    run = s.run[0]
    while True:
        moving = run.links + run.routers > 0
        if run.heaped == 0 and not moving:
            return
        if moving and (run.heaped == 0 or s.heap[0].time > run.cycle):
            now = run.cycle
            for i in range(cycle(s)):
                gone(s, s.entered[i], now)
        else:
            _happen(s)


@compiled
def _happen(s):
    """The next event."""
    t, key = pop(s)
    s.run[0].events += 1
    kind, extra, index = key >> 56, (key >> 32) & 0xFFFFFF, key & 0xFFFFFFFF
    if kind == STEP:
        step(s, index, t)
    elif kind == SIGNAL:
        signal(s, index, extra, t)
    elif kind == DONE:
        done(s, index, t)
    elif kind == CHUNK:
        begin_chunk(s, index, t)
    elif kind == LOADED:
        loaded(s, index, extra, t)
    elif kind == DRAIN:
        drain(s, index, extra == 1, t)
    elif kind == WORKED:
        worked(s, index, extra, t)
    else:
        serve(s, index, t)
