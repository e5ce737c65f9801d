"""What `make noc` runs on bare networks of routers: simulations fit for a process each."""

from typing import Any

import tb.noc
from tb.noc.deadlock import PATTERNS as DEADLOCK
from tb.noc.orders import KINDS as DISAGREEMENTS
from tb.noc.orders import disagreements
from tb.tasks import Task

__all__ = ["MESHES", "ROW", "router_tasks"]

ROW = "4x1"
MESHES = ("4x4", "8x8")
PATTERNS = ("uniform", "transpose", "bit-complement", "tornado", "neighbour", "hotspot")
DEPTHS = (2,)
"""FIFO depths, besides the machine's own, at which uniform traffic on 4x4 is repeated: the
published router has 2.
"""
STALLS = (0.0, 0.5)
RANDOM = {"1x4": 100_000, "4x1": 100_000, "3x2": 800_000, "4x4": 700_000}
"""Flits of random traffic on each mesh."""


def router_tasks(quick: bool, seed: int) -> list[Task]:
    """One or two simulations each. A quick run keeps to networks that are compiled in seconds, and
    to fewer flits and runs.
    """
    tasks: list[Task] = []
    arguments: dict[str, Any]
    points: list[tuple[str, str, int | None]] = [
        ("uniform", "4x4", None),
        ("neighbour", "4x4", None),
    ]
    if not quick:
        tasks.append(Task(f"zero load {ROW}", tb.noc.zero_load, {"mesh": ROW}))
        points = [(pattern, mesh, None) for mesh in MESHES for pattern in PATTERNS]
        points += [("uniform", "4x4", depth) for depth in DEPTHS]
    for pattern, mesh, depth in points:
        name = f"saturation {pattern} {mesh}" + (f", FIFO depth {depth}" if depth else "")
        arguments = {
            "mesh": mesh,
            "pattern": pattern,
            "fifo_depth": depth,
            "quick": quick,
            "seed": seed,
        }
        tasks.append(Task(name, tb.noc.saturation, arguments))
    for mesh, flits in {"4x4": 50_000}.items() if quick else RANDOM.items():
        arguments = {"mesh": mesh, "seed": seed, "flits": flits, "quick": quick}
        tasks.append(Task(f"random traffic {mesh}", tb.noc.random_traffic, arguments))
    for pattern in DEADLOCK:
        for stall in STALLS:
            arguments = {
                "pattern": pattern,
                "runs": 20 if quick else 500,
                "stall": stall,
                "seed": seed,
            }
            tasks.append(
                Task(
                    f"deadlock set: {pattern}, sinks refuse {stall:.0%}",
                    tb.noc.deadlock_set,
                    arguments,
                )
            )
    for kind in () if quick else DISAGREEMENTS:
        arguments = {"kind": kind, "runs": 100, "seed": seed}
        tasks.append(Task(f"members disagree: {kind}", disagreements, arguments))
    tasks.append(Task("faults", tb.noc.faults, {"quick": quick, "seed": seed}))
    return tasks
