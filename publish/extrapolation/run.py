"""Computes the grid of the papers' machines: ``make measure SET=extrapolation``."""

import time
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from publish.extrapolation.target import GRID_TARGETS
from tb.campaign.run import BASE, run_campaign
from tb.campaign.spec import read_spec
from tb.tasks import Workers

__all__ = ["GRID", "run"]

GRID = Path(__file__).with_name("grid.toml")
NAMES = (
    *("machine", "workload", "dataflow", "asked_group", "group", "mapping", "cycles"),
    *("useful_macs", "matrix_utilization", "matrix_active", "vector_active", "vector_busy"),
    *("hbm_bytes", "hbm_ideal_bytes", "hbm_bandwidth_utilization", "turns", "events"),
    *("compile_seconds", "model_seconds", "commit"),
)
"""What is kept of a point."""


def run(workers: Workers, console: Console, *, grid: Path = GRID, base: Path = BASE) -> dict:
    """Compute all points of the grid, or find what is kept: points, those that are refused, and
    the CPU seconds that all took when they were computed.

    Raises
    ------
    UserError
        If a point fails in another way than that its workload does not fit.
    """
    started = time.monotonic()
    done = run_campaign(read_spec(grid, GRID_TARGETS), GRID_TARGETS, workers, console, base=base)
    for row in done.rows:
        if row["status"] not in ("passed", "refused"):
            raise UserError(f"{row['run']}: {row['error']}")
    points = [
        {name: row[name] for name in NAMES if name in row} | {"target": row["target"]}
        for row in done.rows
        if row["status"] == "passed"
    ]
    refused = [
        {"run": row["run"], "why": row["error"]} for row in done.rows if row["status"] == "refused"
    ]
    return {
        "points": points,
        "refused": refused,
        "cpu_seconds": sum(point["compile_seconds"] + point["model_seconds"] for point in points),
        "kept": done.kept,
        "seconds": time.monotonic() - started,
    }
