"""What `make noc` runs on the mesh: simulations fit for a process each."""

from collections.abc import Iterable
from typing import Any

from isa.errors import UserError
from isa.machine import Machine, load_machine
from tb.collectives.crowds import crowd_lane
from tb.collectives.expect import receivers
from tb.collectives.homes import machine_for
from tb.collectives.measure import measure
from tb.collectives.series import SeriesLane, plan
from tb.collectives.sweep import LENGTHS, SHAPES, runs
from tb.tasks import Task

__all__ = ["machine_of_options", "measure_lanes", "mesh_tasks"]

QUICK_LENGTHS = (1, 4, 16, 64)
CROWD_WORDS = 64


def machine_of_options(name: str, mesh: str) -> Machine:
    """The machine that collectives are measured on.

    Raises
    ------
    UserError
        If there is no such machine, or its mesh is too small for any of the shapes.
    """
    machine = machine_for(load_machine(name, mesh or None))
    if not _fitting(machine):
        raise UserError(
            f"MESH must hold a row of at least 2 tiles, {machine.mesh.columns}x{machine.mesh.rows} "
            "does not"
        )
    return machine


def _fitting(machine: Machine) -> list[str]:
    return [
        shape
        for shape, (width, height) in SHAPES.items()
        if width <= machine.mesh.columns and height <= machine.mesh.rows
    ]


def measure_lanes(machine: Machine, lanes: list[SeriesLane], seed: int) -> dict:
    """One run of the mesh: timings by key, and how much was checked."""
    made = plan(machine, lanes, seed=seed)
    timings, run = measure(made)
    return {
        "timings": timings,
        "cycles": run.simulated_cycles,
        "run_seconds": run.run_seconds,
        "build_seconds": run.build_seconds,
        "items": sum(len(lane.items) for lane in lanes),
        "flits_checked": sum(
            c.words * len(receivers(c))
            for lane in made.lanes
            for item in lane.items
            for c in item.collectives
        ),
    }


def mesh_tasks(machine: Machine, quick: bool, seed: int) -> list[Task]:
    """Runs of the mesh: sweeps of all shapes that fit, small ones side by side, and crowds."""
    rows = machine.mesh.rows
    half = (rows + 1) // 2
    fitting = set(_fitting(machine))
    few: dict[str, Any] = {"lengths": QUICK_LENGTHS, "tried": 1} if quick else {"lengths": LENGTHS}
    sweeps: list[tuple[dict[str, Iterable[int] | None], dict[str, Any]]]
    if quick and half < rows:
        sweeps = [({"row8": range(half), "row4": range(half, rows)}, {})]
    elif quick:
        sweeps = [({"row8": None}, {}), ({"row4": None}, {})]
    else:
        sweeps = [({"row8": None}, {})]
        sweeps += (
            [({"row4": range(half), "row2": range(half, rows)}, {})]
            if half < rows
            else [({"row4": None}, {}), ({"row2": None}, {})]
        )
        sweeps += [({"4x4": None}, {"slowest": 3, "software_to": 1024})]
    sweeps += [({"8x8": None}, {"slowest": 3, "software_to": 512, "tried": 1 if quick else 2})]
    tasks = []
    for shapes, more in sweeps:
        shapes = {shape: places for shape, places in shapes.items() if shape in fitting}
        filled = runs(machine, shapes, **{**few, **more}) if shapes else []
        for number, lanes in enumerate(filled):
            name = f"{' and '.join(shapes)}, run {number + 1} of {len(filled)}"
            tasks.append(
                Task(name, measure_lanes, {"machine": machine, "lanes": lanes, "seed": seed})
            )
    for number, lane in enumerate(crowd_lane(machine, CROWD_WORDS)):
        tasks.append(
            Task(
                f"crowds {number + 1}",
                measure_lanes,
                {"machine": machine, "lanes": [lane], "seed": seed},
            )
        )
    return tasks
