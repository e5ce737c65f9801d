"""`make tables`: runs everything that README quotes, commits-to-be into docs/results, and rewrites
README's tables.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from rich.console import Console

from isa.machine import Machine, load_machine
from programs.tensors import load_workload
from scripts.docs import insert
from scripts.options import main, positive
from tb.experiment import run_experiment
from tb.mesh import Settings
from tb.runner import ROOT
from tb.tasks import Task, run_tasks

RESULTS = ROOT / "docs" / "results"
README = ROOT / "README.md"
KEPT = ROOT / "build" / "tables"
DATAFLOWS = ("flat-async", "flat", "flash2")
WORKLOADS = ("minilm", "mha:S=512,D=64,H=4")
MESHES = ("2x2", "1x4", "3x2", "5x3")
ODD = "mha:S=100,D=24,H=3"
VOLATILE = ("golden_seconds", "build_seconds", "run_seconds", "kcycles_per_second", "commit")
"""Keys that differ from run to run; `make bench` measures speed properly."""


def _one(name: str, machine: Machine, workload: str, dataflow: str, settings: Settings) -> dict:
    seen = run_experiment(
        machine,
        load_workload(workload, "fp16", 1),
        dataflow,
        dtype="fp16",
        seed=1,
        settings=settings,
    )
    return {
        "case": name,
        **{key: value for key, value in seen.result.items() if key not in VOLATILE},
    }


def _task(
    name: str, machine: Machine, workload: str, dataflow: str, settings: Settings = Settings()
) -> Task:
    what = {
        "name": name,
        "machine": machine,
        "workload": workload,
        "dataflow": dataflow,
        "settings": settings,
    }
    return Task(
        f"{name}: {workload} {dataflow} on {machine.mesh.columns}x{machine.mesh.rows}", _one, what
    )


def cases() -> list[Task]:
    """All runs; each gives what ``make sim`` writes, with the name of its case."""
    mesh4 = load_machine("mesh4")
    found = [
        _task("table", mesh4, workload, dataflow)
        for workload in WORKLOADS
        for dataflow in DATAFLOWS
    ]
    for mesh in MESHES:
        found += [
            _task("meshes", load_machine("mesh4", mesh), ODD, dataflow) for dataflow in DATAFLOWS
        ]
    tiny, small = load_machine("tiny"), "mha:S=128,D=32,H=2"
    found.append(_task("timing: as it is", tiny, small, "flat-async"))
    found.append(_task("timing: 50 % stalls", tiny, small, "flat-async", Settings(stall_rate=128)))
    for latency in (1, 400):
        slow = tiny.model_copy(update={"hbm": tiny.hbm.model_copy(update={"latency": latency})})
        found.append(_task(f"timing: HBM latency {latency}", slow, small, "flat-async"))
    return found


def verdict(row: dict) -> str:
    """What a table says of the comparison with golden."""
    return "yes" if row["bit_exact"] else f"NO, {row['mismatches']} differ"


def tables(rows: list[dict]) -> dict[str, str]:
    """Marker in README to its table."""
    main_rows = [
        "| workload | dataflow | cycles | matrix utilisation | HBM bytes | formula | bit-exact | error / reference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    odd = [
        "| mesh | dataflow | cycles | HBM bytes = formula | bit-exact |",
        "|---|---|---|---|---|",
    ]
    timing = ["| conditions | cycles | bit-exact |", "|---|---|---|"]
    for row in rows:
        moved = row["hbm_read_bytes"] + row["hbm_write_bytes"]
        if row["case"] == "table":
            main_rows.append(
                f"| {row['workload']} | {row['dataflow']} | {row['cycles']:,} | {row['matrix_utilization']:.1%} | {moved:,} "
                f"| {row['hbm_ideal_bytes']:,} | {verdict(row)} | {row['error_vs_reference']:.2f} |"
            )
        elif row["case"] == "meshes":
            same = "yes" if moved == row["hbm_ideal_bytes"] else "NO"
            odd.append(
                f"| {row['mesh']} | {row['dataflow']} | {row['cycles']:,} | {same} | {verdict(row)} |"
            )
        else:
            timing.append(
                f"| {row['case'].removeprefix('timing: ')} | {row['cycles']:,} | {verdict(row)} |"
            )
    return {
        "main table": "\n".join(main_rows),
        "odd meshes": "\n".join(odd),
        "timing": "\n".join(timing),
    }


def run() -> int:
    """Measure (or with --from-results only rewrite README)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--from-results", action="store_true", help="rewrite README from docs/results, run nothing"
    )
    parser.add_argument(
        "--jobs", default=os.environ.get("JOBS") or "2", help="simulations at a time (JOBS)"
    )
    options = parser.parse_args()
    path = RESULTS / "sim.json"
    if not options.from_results:
        tasks = cases()
        seen = run_tasks(
            tasks, positive("JOBS", options.jobs, least=1), Console(stderr=True), keep=KEPT
        )
        rows = [seen[task.name] for task in tasks]
        RESULTS.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=RESULTS, delete=False) as scratch:
            json.dump(rows, scratch, indent=1)
            scratch.write("\n")
        Path(scratch.name).replace(path)
        path.chmod(0o644)
    rows = json.loads(path.read_text())
    README.write_text(insert(README.read_text(), tables(rows)))
    return 0 if all(row["bit_exact"] for row in rows) else 1


if __name__ == "__main__":
    main(run)
