"""Latency and accepted load against offered load: open-loop traffic, unbounded source queues,
warm-up, measured window.
"""

from collections.abc import Sequence

import numpy as np

from isa.machine import Machine
from tb.noc.campaign import data_bench, machine_for
from tb.noc.patterns import bound, destinations
from tb.noc.play import Outcome, Progress, Run, play
from tb.noc.traffic import Packets, data_run
from tb.runner import SimulationFailure
from tb.units.network import ends

__all__ = ["LOADS", "saturation"]

LOADS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Offered loads, as fractions of the pattern's bound."""
QUICK_LOADS = (0.2, 0.4, 0.6, 0.7, 0.8, 1.0)
WARM_UP, WINDOW = 1000, 3000
"""Cycles before the measured window, and of it."""
KEPT_UP = 0.98
"""Share of the offered load that a network below saturation accepts; the rest is chance at the ends
of the window.
"""


def saturation(
    mesh: str,
    pattern: str,
    fifo_depth: int | None = None,
    *,
    quick: bool = False,
    seed: int = 1,
    loads: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> dict:
    """Measure the load-latency curve of a pattern of unicasts, each tile sending single flits at
    random (Bernoulli).

    Returns
    -------
    dict
        ``bound``: flits a tile and cycle at which the busiest link or port of the pattern is full.
        ``curve``: by offered load (flits a tile and cycle) the accepted load and the mean latency,
        from the birth of a flit to its arrival, waiting at its source included. ``saturation``: the
        largest accepted load, as a fraction of the bound. ``sustained``: the largest offered load
        that was accepted, as a fraction of the bound.
    """
    machine = machine_for(mesh, fifo_depth)
    limit = bound(pattern, machine.mesh)
    rng = np.random.default_rng(seed)
    offered = [share * limit for share in loads or (QUICK_LOADS if quick else LOADS)]
    runs = [_run(pattern, machine, load, rng) for load in offered]
    outcomes = play(
        data_bench(machine),
        len(ends(machine.mesh.columns, machine.mesh.rows)),
        [run for run, _ in runs],
        seed=seed,
        progress=progress,
    )
    curve = []
    for load, (run, book), outcome in zip(offered, runs, outcomes, strict=True):
        number = book.identify(outcome.flits)
        if (outcome.flits != run.flits[number]).any() or (
            outcome.target != book.target[number]
        ).any():
            raise SimulationFailure(
                f"{pattern} on {mesh} at load {load:.3f}: a flit is wrong, or at the wrong tile"
            )
        curve.append({"offered": load, **_point(machine, run, outcome, number)})
    kept = [point["offered"] for point in curve if point["accepted"] >= KEPT_UP * point["offered"]]
    return {
        "mesh": mesh,
        "pattern": pattern,
        "fifo_depth": machine.mesh.fifo_depth,
        "bound": limit,
        "curve": curve,
        "saturation": max(point["accepted"] for point in curve) / limit,
        "sustained": max(kept, default=0.0) / limit,
    }


def _run(pattern: str, machine: Machine, load: float, rng: np.random.Generator):
    tiles, cycles = machine.mesh.tiles, WARM_UP + WINDOW
    birth, source = np.nonzero(rng.random((cycles, tiles)) < load)
    there = destinations(pattern, machine.mesh, source, rng)
    x, y = there % machine.mesh.columns, there // machine.mesh.columns
    packets = Packets(source, np.stack([x, y, x, y]).T, np.ones(len(source), np.int64), birth)
    return data_run(packets, machine, rng, limit=cycles, patience=cycles)


def _point(machine: Machine, run: Run, outcome: Outcome, number) -> dict:
    window = outcome.cycle >= WARM_UP
    birth = np.asarray(run.birth)[number]
    measured = birth >= WARM_UP
    latency = (outcome.cycle - birth)[measured]
    return {
        "accepted": float(window.sum() / WINDOW / machine.mesh.tiles),
        "latency": float(latency.mean()) if len(latency) else None,
    }
