"""The microbenchmarks on the RTL and in the model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from isa.machine import Machine
from model.predict import predict_images
from publish.calibration.benchmarks import Micro, benchmarks
from publish.calibration.laws import LAWS
from publish.calibration.machines import Varied, machines
from tb.experiment import commit
from tb.runner import ROOT
from tb.studies.micro import read_text, run_text
from tb.tasks import Store, Task, Workers, run_tasks

__all__ = ["BY_CHANNELS", "calibrated", "compare", "is_exact", "largest", "modelled", "planned"]

KEPT = ROOT / "build" / "calibrate" / "runs"
BY_CHANNELS = ("read", "write", "channel under load")
"""Laws that an HBM of other numbers can change."""


class PlannedMicro(NamedTuple):
    """A run."""

    of: Varied
    micro: Micro

    @property
    def name(self) -> str:
        """Machine, law and what it does."""
        return f"{self.of.name}: {self.micro.law}: {self.micro.name}"


def planned(chosen: Callable[[Varied], bool] = lambda varied: True) -> list[PlannedMicro]:
    """All runs of the chosen machines, in the order of their builds."""
    return [
        PlannedMicro(varied, micro)
        for varied in machines()
        if chosen(varied)
        for micro in benchmarks(varied.machine)
        if not varied.channels_only or micro.law in BY_CHANNELS
    ]


def modelled(machine: Machine, text: str) -> int:
    """Cycles of a program text in the model."""
    listing = read_text(machine, text)
    images = {tile: program.words() for tile, program in listing.programs.items()}
    return predict_images(machine, images).cycles


def calibrated(
    runs: Sequence[PlannedMicro], workers: Workers, console: Console, keep: Path = KEPT
) -> list[dict]:
    """A row a run. What the RTL took is kept by its sources; the model is asked every time.

    Raises
    ------
    UserError
        If a run fails.
    """
    tasks = [_task(run) for run in runs]
    seen = run_tasks(tasks, workers, console, store=Store(keep))
    at = commit()
    return [compare(run, seen[run.name]["cycles"]) | {"commit": at} for run in runs]


def _task(run: PlannedMicro) -> Task:
    return Task(run.name, run_text, {"machine": run.of.machine, "text": run.micro.text})


def compare(run: PlannedMicro, cycles: int) -> dict:
    """A row: the law, the machine, the cycles of both and their difference."""
    machine, micro = run.of.machine, run.micro
    model = modelled(machine, micro.text)
    tile, hbm = machine.tile, machine.hbm
    return {
        "law": micro.law,
        "run": micro.name,
        "machine": run.of.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "matrix_rows": tile.matrix_rows,
        "matrix_columns": tile.matrix_columns,
        "mac_latency": tile.mac_latency,
        "vector_lanes": tile.vector_lanes,
        "l1_banks": tile.l1_banks,
        "link_bits": tile.link_bits,
        "adder_stages": machine.mesh.adder_stages,
        "hbm_bytes_per_cycle": hbm.bytes_per_cycle,
        "hbm_latency": hbm.latency,
        "rtl_cycles": cycles,
        "model_cycles": model,
        "difference": model - cycles,
    }


def largest(rows: Sequence[dict]) -> dict:
    """The row with the largest difference without sign; of equal ones that of the shorter run."""
    return max(rows, key=lambda row: (abs(row["difference"]), -row["rtl_cycles"]))


def is_exact(rows: Sequence[dict]) -> bool:
    """Whether all differences are 0."""
    return not any(row["difference"] for row in rows)


def by_law(rows: Sequence[dict]) -> dict[str, list[dict]]:
    """The rows of each law that has any, in the order of `LAWS`."""
    parts = {law: [row for row in rows if row["law"] == law] for law in LAWS}
    return {law: part for law, part in parts.items() if part}
