"""What a case costs to simulate: the cheap come first, and batches are equally large. Nothing but
time depends on it.
"""

import json
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from math import prod

from tb.runner import ROOT
from tb.tasks import Task, TaskBatch
from verify.conformance.case import ConformanceCase

__all__ = ["batches", "cost_of", "tiles_of_mesh"]

COMMITTED = ROOT / "docs" / "results" / "cases.json"
"""Cycles of cases, see `verify.conformance.cycles`."""
RUN = 3000
"""Cycles that the beginning and the end of a run are worth: boot, settling, probes."""
USUAL = {"tiles": 13_000, "edges": 45_000, "errors": 40_000, "meetings": 17_000}
"""Cycles of a case that nobody has counted; of a workload, 1,000."""
MOST = 3_000_000
"""Of a batch, in cycles times tiles: some ten seconds."""
MOST_CASES = 16
"""Of a batch: all their golden runs are in memory at a time."""


def tiles_of_mesh(mesh: str) -> int:
    """Tiles of ``COLUMNSxROWS``."""
    return prod(map(int, mesh.split("x")))


def cost_of(case: ConformanceCase) -> int:
    """Cycles times tiles, as far as they can be known before."""
    cycles = _counted().get(case.name, USUAL.get(case.kind, 1000))
    if case.kind == "errors":  # many runs, most of whose cycles come after the stop
        cycles = max(cycles, USUAL["errors"])
    return (cycles + RUN) * tiles_of_mesh(case.mesh)


@cache
def _counted() -> dict[str, int]:
    try:
        return json.loads(COMMITTED.read_text())["cycles"].get("", {})
    except OSError:
        return {}


def batches(
    tasks: Iterable[Task],
    call: Callable[[list[dict]], list[dict]],
    alike: Callable[[Task], Hashable],
    cost: Callable[[Task], int],
) -> list[TaskBatch]:
    """Tasks in batches of those that are `alike`, up to `MOST` each; the dearest first, so that no
    worker is left with one of them in the end.
    """
    kinds: dict[Hashable, list[Task]] = {}
    for task in tasks:
        kinds.setdefault(alike(task), []).append(task)
    found: list[tuple[int, TaskBatch]] = []
    for those in kinds.values():
        those.sort(key=cost, reverse=True)
        total, batch = 0, list[Task]()
        for task in those:
            if batch and (total + cost(task) > MOST or len(batch) == MOST_CASES):
                found.append((total, TaskBatch(tuple(batch), call)))
                total, batch = 0, []
            total += cost(task)
            batch.append(task)
        found.append((total, TaskBatch(tuple(batch), call)))
    return [batch for _, batch in sorted(found, key=lambda one: one[0], reverse=True)]
