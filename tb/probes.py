"""Which probes of each tile are read after a run."""

from isa.instructions import Queue
from isa.machine import Machine
from isa.status import QUEUE_PROBES, Probe

__all__ = ["PROBES", "wanted_probes"]

PROBES = 128
"""Probes of a tile."""


def wanted_probes(machine: Machine, counters: bool) -> dict[str, list[int]]:
    """Of a run that ends well, and of one that stops: all, or without `counters`, which take
    longer to read than many a run does, errors and semaphores, and of one that stops what its
    queues do.
    """
    if counters:
        return {how: list(range(PROBES)) for how in ("ended", "stopped")}
    ended = [Probe.ERROR, *range(Probe.SEMAPHORE, Probe.SEMAPHORE + machine.tile.semaphores)]
    queues = [Probe.QUEUE + 16 * queue + at for queue in Queue for at in range(len(QUEUE_PROBES))]
    return {"ended": ended, "stopped": [*ended, Probe.ERROR_CYCLE, Probe.ERROR_DETAIL, *queues]}
