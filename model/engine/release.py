"""Why a queue is blocked, and how an engine that is free again unblocks it."""

from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.tables import CoreEvent

__all__ = ["DRAINS", "ENGINE", "FULL", "HALTED", "RUNS", "SEMAPHORE", "release", "unblock"]

RUNS, SEMAPHORE, ENGINE, FULL, DRAINS, HALTED = 0, 1, 2, 3, 4, 5
STEP = int(CoreEvent.STEP)


@compiled
def release(s, q, t):
    """The engine of queue q takes a command from t on."""
    s.queue[q].engine_at = t
    if s.queue[q].blocked == ENGINE:
        unblock(s, q, t)


@compiled
def unblock(s, q, t):
    """Queue q goes on at t, or when it comes to what it waits for."""
    at, cause = max(t, s.queue[q].ready_at), s.queue[q].blocked
    s.queue[q].waited[cause] += at - s.queue[q].ready_at
    s.queue[q].blocked = RUNS
    push(s, at, STEP, 0, q)
