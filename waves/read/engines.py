"""What a queue and its engine did, from their signals."""

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.instructions import OPCODES_OF, Queue
from isa.status import L1_CLIENTS, QueueState
from waves.read.recording import EXECUTED, EngineActivity
from waves.read.samples import Samples, runs
from waves.read.signals import MOVED

__all__ = ["engine"]

_STALLS = {
    Queue.MATRIX: {"operand": "operand_stall", "drain": "drain_stall"},
    Queue.VECTOR: {},
    Queue.LOAD: {},
    Queue.OUT: {"network": "stall"},
}
"""Cause of a stall to the signal that shows it."""

_ACCESSES = {
    queue: sum(1 << bit for bit, name in enumerate(L1_CLIENTS) if name.startswith(client))
    for queue, client in {Queue.OUT: "out", Queue.MATRIX: "matrix", Queue.VECTOR: "vector"}.items()
}
"""Bits of ``l1.waits`` that are an engine's."""

_DATAPATHS = (Queue.MATRIX, Queue.VECTOR)
"""Queues whose engine shows when its datapath moves."""

_IDLE = (QueueState.BOOT, QueueState.HALTED)
"""States in which no command of a queue is with its engine."""


def engine(samples: Samples, tile: tuple[int, int], queue: Queue) -> EngineActivity:
    """One queue of one tile, over the whole window.

    Raises
    ------
    UserError
        If something unknown is used, or more instructions are done than issued.
    """
    place, first = f"tile_{tile[0]}_{tile[1]}", samples.first
    scope = f"{place}.{queue.name.lower()}"
    state = samples.at(f"{scope}.state")
    stalls = {cause: samples.flag(f"{scope}.{name}") for cause, name in _STALLS[queue].items()}
    if queue in _ACCESSES:
        stalls["l1"] = samples.at(f"{place}.l1.waits") & _ACCESSES[queue] != 0
    active = samples.flag(f"{scope}.active") if queue in _DATAPATHS else np.zeros(len(state), bool)
    busy = np.logical_or.reduce([active, *stalls.values()])
    return EngineActivity(
        tile,
        queue,
        executed=_executed(samples, scope, queue, state, busy),
        states=runs(state, first),
        waits=runs(
            samples.at(f"{scope}.wait_sem"),
            first,
            np.isin(state, (QueueState.WAIT0, QueueState.WAIT1)),
        ),
        stalls={cause: runs(when, first, when) for cause, when in stalls.items()},
        active=runs(active, first, active),
    )


def _executed(
    samples: Samples, scope: str, queue: Queue, state: NDArray, busy: NDArray[np.bool_]
) -> NDArray:
    """The instructions of a queue. An engine completes them in order."""
    flags = samples.flag(f"{scope}.issue"), samples.flag(f"{scope}.done")
    early = _under_way(*flags, state, busy)
    issued, done = map(np.flatnonzero, flags)
    if (
        len(done) > early + len(issued)
        or (done[early:] <= issued[: max(len(done) - early, 0)]).any()
    ):
        raise UserError(
            f"{scope} has more instructions done than issued up to cycle {samples.last}"
        )
    executed = np.full(early + len(issued), -1, EXECUTED)
    executed["issued"][early:] = samples.first + issued
    executed["done"][: len(done)] = samples.first + done

    # The command shown is the last one issued: the newest of those that were under way, until the
    # first new one.
    shown = executed[max(early - 1, 0) :] if not len(issued) or issued[0] else executed[early:]
    cycles = np.maximum(shown["issued"], samples.first)
    for name in ("opcode", "slot", *(MOVED if queue in (Queue.LOAD, Queue.OUT) else ())):
        shown[name] = samples.at(f"{scope}.{name}", cycles)
    if len(OPCODES_OF[queue]) == 1:
        executed["opcode"] = OPCODES_OF[queue][0]
    return executed


def _under_way(
    issue: NDArray[np.bool_], done: NDArray[np.bool_], state: NDArray, busy: NDArray[np.bool_]
) -> int:
    """How many instructions were with the engine when the window began.

    It is known if there is a cycle in which the engine has none: when the queue leaves a drain, or
    does not run. Otherwise it is taken to be the least number with which the engine never works,
    waits or completes without an instruction.
    """
    more = np.cumsum(np.append(0, issue.astype(int) - done))
    idle = np.isin(state, _IDLE)
    idle[1:] |= (state[:-1] == QueueState.DRAIN) & (state[1:] != QueueState.DRAIN)
    if idle.any():
        return max(0, -int(more[idle.argmax()]))
    working = (
        busy & ~issue | done
    )  # an engine may ask L1 for operands in the very cycle of the issue
    return max(0, int((1 - more[:-1])[working].max(initial=0)))
