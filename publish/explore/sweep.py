"""Runs the points of a sweep in the timing model, or finds what an earlier call has kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from isa.errors import UserError
from isa.machine import Machine
from model.energy import Energy
from model.interval import Interval, interval
from model.predict import Prediction
from publish.explore.axes import Place, machine_at
from publish.extrapolation.target import run_steady
from tb.campaign.run import BASE
from tb.campaign.store import Store, Task
from tb.campaign.table import write_tables
from tb.campaign.trial import Trial, refused
from tb.tasks import Workers, run_tasks

__all__ = ["Skipped", "Sweep", "SweepPoint", "run_sweep"]


@dataclass(frozen=True)
class SweepPoint:
    """A machine of the sweep, and what the model says of the workload on it."""

    point: str
    """Its place, as ``tiles=8x8 hbm=128``."""
    on: Machine
    group: str
    mapping: str
    utilization: float
    """Useful multiply-accumulates over all that the arrays could do."""
    seen: Prediction
    energy: Energy
    """By published energies."""

    @property
    def hbm(self) -> int:
        """Bytes a cycle of all channels."""
        return self.on.hbm_bytes_per_cycle

    @property
    def l1(self) -> float:
        """MiB of all tiles."""
        return self.on.mesh.tiles * self.on.tile.l1_bytes / (1 << 20)

    @property
    def within(self) -> Interval:
        """The interval of its cycles."""
        return interval(self.on, self.seen)

    @property
    def range(self) -> tuple[float, float]:
        """The interval of its utilisation."""
        busy, within = self.utilization * self.seen.cycles, self.within
        return busy / within.high, min(1.0, busy / within.low)

    def row(self) -> dict[str, Any]:
        """Flat, with its machine and its interval."""
        mesh, tile, within = self.on.mesh, self.on.tile, self.within
        low, high = self.range
        return {
            "point": self.point,
            "machine": self.on.name,
            "tiles": f"{mesh.columns}x{mesh.rows}",
            "array": f"{tile.matrix_rows}x{tile.matrix_columns}",
            "link_bits": tile.link_bits,
            "vector_lanes": tile.vector_lanes,
            "l1_bytes": tile.l1_bytes,
            "l1_mib_of_all_tiles": self.l1,
            "hbm_bytes_per_cycle": self.hbm,
            "group": self.group,
            "mapping": self.mapping,
            "matrix_utilization": self.utilization,
            "matrix_utilization_low": low,
            "matrix_utilization_high": high,
            **self.energy.row(),
            "cycles_low": within.low,
            "cycles_high": within.high,
            "checked": within.checked,
            "cycles": self.seen.cycles,
            "matrix_active": self.seen.matrix_active,
            "vector_busy": self.seen.vector_busy,
            "hbm_bytes": self.seen.hbm_read_bytes + self.seen.hbm_write_bytes,
            "hbm_bandwidth_utilization": self.seen.hbm_bandwidth_utilization,
            "cpu_seconds": self.seen.seconds,
        }


class Skipped(NamedTuple):
    """A point without a number."""

    point: str
    why: str


class Sweep(NamedTuple):
    """What became of all points."""

    points: Sequence[SweepPoint]
    impossible: Sequence[Skipped]
    """No such machine, or the workload does not fit it."""
    failed: Sequence[Skipped]
    kept: int
    """Points that an earlier call had kept."""


def run_sweep(
    trial: Trial,
    places: Sequence[Place],
    workers: Workers,
    console: Console,
    *,
    fresh: bool = False,
    base: Path = BASE,
) -> Sweep:
    """Predict a trial on the machine at every place.

    Parameters
    ----------
    trial
        The workload, and the machine around which it is.
    fresh
        Compute all again.
    base
        Folder of what campaigns keep, which this shares.

    Raises
    ------
    UserError
        If no machine is possible, or the scheduler does not answer.
    """
    machines: dict[str, Machine] = {}
    impossible: list[Skipped] = []
    tasks: list[Task] = []
    for place in places:
        name = " ".join(f"{axis}={value}" for axis, value in place.items())
        try:
            machines[name] = machine_at(trial.machine, place)
        except UserError as error:
            impossible.append(Skipped(name, str(error)))
            continue
        there = replace(trial, machine=machines[name], group=place.get("group", trial.group))
        tasks.append(Task(name, run_steady, {"trial": there}))
    _or_refuse(tasks, impossible)
    store = Store(base / "kept", lambda row: row["status"] != "failed", fresh=fresh)
    kept = sum(store.find(task) is not None for task in tasks)
    rows = run_tasks(tasks, workers, console, store=store, failed=_failed, tell=_tell)
    impossible += [Skipped(n, r["error"]) for n, r in rows.items() if r["status"] == "refused"]
    failed = [Skipped(n, r["error"]) for n, r in rows.items() if r["status"] == "failed"]
    points = [
        _point(name, machines[name], rows[name])
        for name in machines
        if rows[name]["status"] == "passed"
    ]
    _or_refuse([*points, *failed], impossible)
    if points:
        write_tables(base.with_name("explore"), [point.row() for point in points])
    return Sweep(points, impossible, failed, kept)


def _or_refuse(left: Sequence[Any], impossible: Sequence[Skipped]) -> None:
    """Refuse a sweep of which nothing is left, by the first reason."""
    if not left:
        first = impossible[0]
        raise UserError(f"VARY: none of {len(impossible)} points is possible: {first.why}")


def _failed(_task: Task, error: Exception) -> dict:
    return refused((str(error) or repr(error)).splitlines()[0], "failed")


def _tell(row: dict) -> str:
    return f"{row['cycles']:,} cycles" if "cycles" in row else f"{row['status']}: {row['error']}"


def _point(name: str, machine: Machine, row: dict[str, Any]) -> SweepPoint:
    """A point of what `run_steady` gives."""
    seen = Prediction(
        row["cycles"],
        row["matrix_active"],
        row["vector_active"],
        row["vector_busy"],
        row["hbm_bytes"],
        0,
        row["hbm_bandwidth_utilization"],
        row["events"],
        row["compile_seconds"] + row["model_seconds"],
    )
    energy = Energy(*(row[f"energy_{part}_joules"] for part in Energy._fields))
    used = row["matrix_utilization"]
    return SweepPoint(name, machine, row["group"], row["mapping"], used, seen, energy)
