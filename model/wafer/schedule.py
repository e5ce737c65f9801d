"""Stages of a pipeline, and two micro-batches that take turns on a die and on its links."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from model.wafer.kernels import Cycles

__all__ = ["StageTask", "cut_evenly", "interleaved"]


class StageTask(NamedTuple):
    """A kernel or a transfer, in seconds."""

    part: str
    """`d2d` is on the links, all else on the die."""
    seconds: Cycles
    floor: float
    """What it takes at least."""


def cut_evenly(costs: Sequence[float], parts: int, last: float = 0.0) -> tuple[int, ...]:
    """Numbers of consecutive layers in each part, such that the largest sum is the smallest
    possible; the last part has `last` on top, and none is empty.
    """
    sums = [0.0]
    for cost in costs:
        sums.append(sums[-1] + cost)

    @cache
    def best(end: int, count: int) -> tuple[float, tuple[int, ...]]:
        if count == 1:
            return sums[end], (end,)
        found = []
        for start in range(count - 1, end):
            worst, cuts = best(start, count - 1)
            found.append((max(worst, sums[end] - sums[start]), (*cuts, end - start)))
        return min(found)

    if parts == 1:
        return (len(costs),)
    choices = []
    for start in range(parts - 1, len(costs)):
        worst, cuts = best(start, parts - 1)
        choices.append((max(worst, sums[-1] - sums[start] + last), (*cuts, len(costs) - start)))
    return min(choices)[1]


def interleaved(tasks: Sequence[StageTask], batches: int) -> Cycles:
    """Seconds from the first task to the last of `batches` micro-batches, each of which does all
    tasks in order.

    The die runs one kernel at a time, and the links one transfer. Whoever could begin first gets
    them, the earlier micro-batch where two could.
    """
    return Cycles(*(_span(tasks, batches, end) for end in range(3)))


def _span(tasks: Sequence[StageTask], batches: int, end: int) -> float:
    if batches == 1:
        return sum(task.seconds[end] for task in tasks)
    ready, done = [0.0] * batches, [0] * batches
    free = {True: 0.0, False: 0.0}
    while min(done) < len(tasks):
        waiting = [batch for batch in range(batches) if done[batch] < len(tasks)]
        chosen = min(
            waiting, key=lambda batch: (max(ready[batch], free[_links(tasks[done[batch]])]), batch)
        )
        task = tasks[done[chosen]]
        start = max(ready[chosen], free[_links(task)])
        ready[chosen] = free[_links(task)] = start + task.seconds[end]
        done[chosen] += 1
    return max(ready)


def _links(task: StageTask) -> bool:
    return task.part == "d2d"
