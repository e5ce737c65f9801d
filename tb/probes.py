"""Which probes of each tile are read after a run."""

from isa.instructions import Queue
from isa.machine import Machine
from isa.status import QUEUE_PROBES, Probe

__all__ = ["wanted_probes"]

PROBES = range(128)
"""Of a tile."""


def wanted_probes(machine: Machine, counters: bool) -> dict[str, list[int]]:
    """`all` that there are; and those of a run that `ended` well, and of one that `stopped`: all,
    or without `counters`, which take longer to read than many a run does, errors and semaphores,
    and of one that stopped what its queues do.
    """
    every = list(PROBES)
    if counters:
        return {"all": every, "ended": every, "stopped": every}
    ended = [Probe.ERROR, *range(Probe.SEMAPHORE, Probe.SEMAPHORE + machine.tile.semaphores)]
    queues = [Probe.QUEUE + 16 * queue + at for queue in Queue for at in range(len(QUEUE_PROBES))]
    stopped = [*ended, Probe.ERROR_CYCLE, Probe.ERROR_DETAIL, *queues]
    return {"all": every, "ended": ended, "stopped": stopped}
