"""Runs whose cycles are committed, to the cycle: no change of hardware or compilers alters them
unseen.
"""

from rich.console import Console

from isa.machine import Machine, load_machine
from tb.collectives.measure import check, run_golden
from tb.collectives.series import plan
from tb.collectives.sweep import runs
from tb.mesh import Settings, simulate
from tb.studies.run import run_published
from tb.tasks import Task, Workers, run_tasks

__all__ = ["CASES", "COUNTS", "difference", "run", "run_collectives"]

COUNTS = ("cycles", "boot_cycles")
"""What is committed of each run."""
WORDS = 16
"""Of every collective of `run_collectives`."""
SMALL = "mha:S=64,D=16,H=2"
STALLED = Settings(stall_rate=128)


def _cases() -> dict[str, Task]:
    tiny, mesh4 = load_machine("tiny"), load_machine("mesh4")
    found = [
        *(_run(tiny, SMALL, flow) for flow in ("flash2", "flash3", "flat-seq")),
        *(_run(tiny, SMALL, flow) for flow in ("flat", "flat-async")),
        _run(tiny, "gemm:M=32,N=48,K=40", "summa"),
        _run(tiny, SMALL, "flat-async", settings=STALLED),
        _run(tiny, "mha:S=50,D=24,H=2,causal=1", "flat", dtype="e4m3"),
        *(_run(mesh4, "mha:S=64,D=32,H=2", flow) for flow in ("flat-tree", "flat-async")),
        _run(mesh4, "gqa:H=4,Hkv=2,Sq=1,Skv=128,D=32", "flat"),
        _run(mesh4, "gemm:M=64,N=64,K=32", "summa", dtype="bf16"),
        *(
            Task(f"collectives on {machine.name}", run_collectives, {"machine": machine, "of": of})
            for machine, of in ((tiny, "row2"), (mesh4, "row4"))
        ),
    ]
    return {task.name: task for task in found}


def _run(machine: Machine, workload: str, dataflow: str, **more) -> Task:
    name = " ".join([machine.name, workload, dataflow, more.get("dtype", "")]).strip()
    name += ", 50 % stalls" * ("settings" in more)
    what = {"machine": machine, "workload": workload, "dataflow": dataflow, **more}
    return Task(name, run_published, what)


def run_collectives(machine: Machine, of: str) -> dict:
    """All collectives of one shape (`tb.collectives.sweep.SHAPES`), in the network and with every
    method of software, one after the other in each place that has room for it; checked.

    Raises
    ------
    UserError
        If a result is wrong, or the machine stops.
    """
    (lanes,) = runs(machine, {of: None}, lengths=(WORDS,), tried=1)
    made = plan(machine, lanes)
    check(made, run_golden(made), "golden")
    images = {tile: program.words() for tile, program in made.programs.items()}
    seen = simulate(machine, images, made.hbm, dump=made.dump)
    check(made, seen.hbm, "RTL")
    return {"cycles": seen.cycles, "boot_cycles": seen.boot_cycles, "bit_exact": True}


CASES = _cases()
"""By name."""


def difference(case: str, expected: dict | None, seen: dict) -> str:
    """What has changed of a case; empty if nothing has."""
    before = expected or {}
    changed = [
        f"{name} are {seen[name]:,} instead of {_count(before.get(name))}"
        for name in COUNTS
        if seen[name] != before.get(name)
    ]
    if not changed:
        return ""
    return (
        f"{case}: {' and '.join(changed)}. If that is meant, say so in CHANGELOG.md and accept it "
        "with make measure SET=cycles"
    )


def _count(known: int | None) -> str:
    return "what was never measured" if known is None else f"{known:,}"


def run(workers: Workers, console: Console) -> list[dict]:
    """Run all `CASES`: the counts of each."""
    seen = run_tasks(list(CASES.values()), workers, console)
    kept = (*COUNTS, "bit_exact")
    return [{"case": case, **{name: seen[case][name] for name in kept}} for case in CASES]
