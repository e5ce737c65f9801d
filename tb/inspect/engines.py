"""What a queue and its engine did, from their signals."""

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.instructions import OPCODES_OF, Queue
from isa.status import QueueState
from tb.inspect.recording import EXECUTED, Engine
from tb.inspect.samples import Samples, runs
from tb.inspect.signals import MOVED

__all__ = ["engine"]

_STALLS = {
    Queue.MATRIX: {"operand": "operand_stall", "drain": "drain_stall"},
    Queue.VECTOR: {},
    Queue.LOAD: {},
    Queue.OUT: {"network": "stall"},
}
"""Cause of a stall to the signal that shows it."""

_L1_CLIENTS = {Queue.OUT: 0b000100, Queue.MATRIX: 0b001000, Queue.VECTOR: 0b110000}
"""Bits of ``l1.waits`` that are an engine's."""

_IDLE = (QueueState.BOOT, QueueState.HALTED)
"""States in which no command of a queue is with its engine."""


def engine(samples: Samples, tile: tuple[int, int], queue: Queue) -> Engine:
    """One queue of one tile, over the whole window."""
    place = f"tile_{tile[0]}_{tile[1]}"
    scope, first = f"{place}.{queue.name.lower()}", samples.first
    state = samples.at(f"{scope}.state")

    def when(flags: NDArray[np.bool_]) -> NDArray:
        return runs(flags, first, flags)

    stalls = {cause: when(samples.flag(f"{scope}.{name}")) for cause, name in _STALLS[queue].items()}
    if queue in _L1_CLIENTS:
        stalls["l1"] = when(samples.at(f"{place}.l1.waits") & _L1_CLIENTS[queue] != 0)
    result = Engine(
        tile,
        queue,
        executed=_executed(samples, scope, queue, state),
        states=runs(state, first),
        waits=runs(samples.at(f"{scope}.wait_sem"), first, np.isin(state, (QueueState.WAIT0, QueueState.WAIT1))),
        stalls=stalls,
    )
    if queue in (Queue.MATRIX, Queue.VECTOR):
        result.active = when(samples.flag(f"{scope}.active"))
    return result


def _executed(samples: Samples, scope: str, queue: Queue, state: NDArray) -> NDArray:
    """The instructions of a queue. An engine completes them in order."""
    issued = np.flatnonzero(samples.flag(f"{scope}.issue"))
    done = np.flatnonzero(samples.flag(f"{scope}.done"))
    early, least = _under_way(issued, done, state)
    if early < least:
        raise UserError(f"{scope} has more instructions done than issued up to cycle {samples.first + done[-1]}")
    count = early + len(issued)
    executed = np.full(count, -1, EXECUTED)
    executed["issued"][early:] = samples.first + issued
    executed["done"][: len(done)] = samples.first + done

    # The command shown is the last one issued: the newest of those that were under way, until the first new one.
    shown = executed[max(early - 1, 0) :] if not len(issued) or issued[0] else executed[early:]
    cycles = np.maximum(shown["issued"], samples.first)
    for name in ("opcode", "slot", *(MOVED if queue in (Queue.LOAD, Queue.OUT) else ())):
        shown[name] = samples.at(f"{scope}.{name}", cycles)
    if len(OPCODES_OF[queue]) == 1:
        executed["opcode"] = OPCODES_OF[queue][0]
    return executed


def _under_way(issued: NDArray, done: NDArray, state: NDArray) -> tuple[int, int]:
    """How many instructions were with the engine when the window began, and the least that explains what was done.

    The number is known if there is a cycle in which the engine has none: when the queue leaves a drain, or does not run.
    Otherwise it is taken to be the least.
    """
    earlier = np.searchsorted(issued, done)
    least = int((np.arange(1, len(done) + 1) - earlier).max(initial=0))
    drained = np.flatnonzero((state[:-1] == QueueState.DRAIN) & (state[1:] != QueueState.DRAIN)) + 1
    idle = np.append(drained, np.flatnonzero(np.isin(state, _IDLE)))
    if not len(idle):
        return least, least
    return int((done < idle[0]).sum() - (issued < idle[0]).sum()), least
