"""FlatAttention on many tiles, and on the tile of the papers (arXiv 2604.02110, 2505.18824): all in
RTL, every bit compared.
"""

from pathlib import Path

from rich.console import Console

from isa.machine import Machine, load_machine
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tb.runner import ROOT
from tb.tasks import Store, Task, Workers, run_tasks

__all__ = ["CASES", "run"]

KEPT = ROOT / "build" / "large"
CASES = (
    ("paper-tile", "1x1", "mha:S=128,D=128,H=2"),
    ("paper-tile", "2x2", "mha:S=256,D=128,H=2"),
    ("paper-tile", "4x4", "mha:S=512,D=128,H=2"),
    ("mesh8", "8x8", "mha:S=256,D=64,H=2"),
    ("mesh16", "16x16", "mha:S=512,D=32,H=2"),
    ("mesh32", "32x32", "mha:S=512,D=32,H=2"),
)
"""Machine, mesh and workload of each run; the dataflow is flat-async."""


def run(workers: Workers, console: Console, *, keep: Path = KEPT) -> list[dict]:
    """Run all `CASES`, or find what was kept: the flat result of each, speed and memory as they
    were when it ran.
    """
    tasks = [_task(*case) for case in CASES]
    seen = run_tasks(tasks, workers, console, store=Store(keep))
    return [seen[task.name] for task in tasks]


def _task(machine: str, mesh: str, workload: str) -> Task:
    what = {"machine": load_machine(machine, mesh), "workload": workload}
    return Task(f"{workload} on {machine} {mesh}", run_large, what)


def run_large(machine: Machine, workload: str) -> dict:
    """What ``make sim`` writes of a run with seed 1, its speed by the time of the processor."""
    seen = run_experiment(machine, load_workload(workload, "fp16", 1), "flat-async")
    speed = seen.run.simulated_cycles / seen.run.processor_seconds / 1e3
    return seen.result | {"kcycles_per_second": speed}
