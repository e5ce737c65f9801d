"""When a tile passes on the slices it has read, where HBM reads do not multicast (`Mapping.reads` is ``forward``)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from programs.layout import Semaphores
from programs.mapping import Mapping
from programs.schedule import Turn

if TYPE_CHECKING:
    from programs.job import Job

__all__ = ["Forward", "arrivals", "forwarding"]


class Forward(NamedTuple):
    """A slice of k, v or q that its loader passes on: to slot (or of stream) `index`, so many rows of it."""

    name: str
    index: int
    rows: int


def forwarding(turns: Sequence[Turn], job: "Job", mapping: Mapping, *, latent: bool) -> dict[int, list[Forward]]:
    """After which turn a tile's OUT queue passes on what its LOAD queue has read; -1: at the start.

    That is the first turn after which all the receivers may have room, for this slice and for those that the LOAD queue asks
    for before it, since both queues are in order. Then everything that a PUT waits for, and everything in front of it, belongs
    to this turn or an earlier one, and what stands behind it to later ones: the order of the turns is one that all the queues
    of all tiles can follow, so that none waits for what comes behind another.
    """
    after: dict[int, list[Forward]] = defaultdict(list)
    free: dict[tuple[str, int], int] = {}
    latest = -1
    mine = job.loads & mapping.forwards

    def use(name: str, index: int, rows: int | None, turn: int, *, first: bool, last: bool) -> None:
        nonlocal latest
        if not rows:
            return
        if first and name in mine:
            latest = max(latest, free.get((name, index), -1))
            after[latest].append(Forward(name, index, rows))
        if last:
            free[name, index] = turn

    for number, (stream, values, scores) in enumerate(turns):
        for name, visit in (("v", values), ("k", scores)):
            if visit:
                _, keys = job.extent(stream, visit)
                slot = visit.use % mapping.slots
                # A K that holds V too is in use from its first scores to its last values.
                first, last = (
                    visit.first_user and not (latent and name == "v"),
                    visit.last_user and not (latent and name == "k"),
                )
                use("k" if latent else name, slot, keys.columns, number, first=first, last=last)
        if scores:
            rows = job.rows[scores.item][stream]
            use("q", stream, rows, number, first=scores.first, last=scores.last)
    return after


def arrivals(job: "Job", mapping: Mapping, semaphores: Semaphores) -> dict[tuple[str, int], int]:
    """Semaphores for slices that a tile has read and passes on: numbers that mean something in other tiles only, or nowhere."""
    streams, slots = range(mapping.streams), range(mapping.slots)
    indices = {"k": slots, "v": slots, "q": streams}
    wanted = [(name, i) for name in sorted(job.loads & mapping.forwards) for i in indices[name]]
    # Only loaders are told that a buffer is free, and only roots that O is there.
    idle = [(f"{name}_free", i) for name in indices if name not in job.loads for i in indices[name]]
    idle += [(name, s) for s in streams if s not in job.roots for name in ("o_full", "o_final", "stored")]
    return semaphores.private(wanted, idle)
