"""The attention that README quotes: dataflows, meshes that do not divide, and timing."""

from pathlib import Path

from rich.console import Console

from isa.machine import Machine, load_machine
from tb.mesh import Settings
from tb.runner import ROOT
from tb.studies.run import run_published
from tb.tasks import Store, Task, Workers, run_tasks

__all__ = ["cases", "run"]

KEPT = ROOT / "build" / "tables"
DATAFLOWS = ("flat-async", "flat", "flash2")
WORKLOADS = ("minilm", "mha:S=512,D=64,H=4")
MESHES = ("2x2", "1x4", "3x2", "5x3")
ODD = "mha:S=100,D=24,H=3"


def run(workers: Workers, console: Console, *, keep: Path = KEPT) -> list[dict]:
    """Run all `cases`, or find what was kept: the flat result of each, with its case."""
    chosen = cases()
    seen = run_tasks([task for _, task in chosen], workers, console, store=Store(keep))
    return [{"case": name, **seen[task.name]} for name, task in chosen]


def cases() -> list[tuple[str, Task]]:
    """All runs, by the name of the case."""
    mesh4 = load_machine("mesh4")
    found = [_case("table", mesh4, spec, name) for spec in WORKLOADS for name in DATAFLOWS]
    for mesh in MESHES:
        machine = load_machine("mesh4", mesh)
        found += [_case("meshes", machine, ODD, name) for name in DATAFLOWS]
    tiny, small = load_machine("tiny"), ("mha:S=128,D=32,H=2", "flat-async")
    found.append(_case("timing: as it is", tiny, *small))
    found.append(_case("timing: 50 % stalls", tiny, *small, Settings(stall_rate=128)))
    for latency in (1, 400):
        slow = tiny.model_copy(update={"hbm": tiny.hbm.model_copy(update={"latency": latency})})
        found.append(_case(f"timing: HBM latency {latency}", slow, *small))
    return found


def _case(
    name: str, machine: Machine, workload: str, dataflow: str, settings: Settings = Settings()
) -> tuple[str, Task]:
    mesh = f"{machine.mesh.columns}x{machine.mesh.rows}"
    what = {
        "machine": machine,
        "workload": workload,
        "dataflow": dataflow,
        "settings": settings,
    }
    return name, Task(f"{name}: {workload} {dataflow} on {mesh}", run_published, what)
