"""`make tables`: runs everything that README quotes, commits-to-be into docs/results, and rewrites README's tables."""

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console

from isa.machine import load_machine
from scripts.docs import insert
from scripts.options import main
from tb.experiment import load_workload, run_experiment
from tb.mesh import Settings
from tb.runner import ROOT

RESULTS = ROOT / "docs" / "results"
README = ROOT / "README.md"
DATAFLOWS = ("flat-async", "flat", "flash2")
WORKLOADS = ("minilm", "mha:S=512,D=64,H=4")
MESHES = ("2x2", "1x4", "3x2", "5x3")
ODD = "mha:S=100,D=24,H=3"
VOLATILE = ("golden_seconds", "build_seconds", "run_seconds", "kcycles_per_second", "commit")
"""Keys that differ from run to run; `make bench` measures speed properly."""


def _one(console: Console, name: str, machine, workload: str, dataflow: str, settings: Settings = Settings()) -> dict:
    console.print(f"{name}: {workload} {dataflow}", highlight=False)
    tensors = load_workload(workload, "fp16", 1)
    seen = run_experiment(machine, tensors, dataflow, dtype="fp16", seed=1, settings=settings)
    result = {"case": name, **{key: value for key, value in seen.result.items() if key not in VOLATILE}}
    console.print(f"  {result['cycles']:,} cycles, {'bit-exact' if seen.passed else 'FAILED'}", highlight=False)
    return result


def measure(console: Console) -> list[dict]:
    """Run all cases; each result is what ``make sim`` writes, with the name of its case."""
    mesh4 = load_machine("mesh4")
    rows = [_one(console, "table", mesh4, workload, dataflow) for workload in WORKLOADS for dataflow in DATAFLOWS]
    for mesh in MESHES:
        rows += [_one(console, "meshes", load_machine("mesh4", mesh), ODD, dataflow) for dataflow in DATAFLOWS]
    tiny, small = load_machine("tiny"), "mha:S=128,D=32,H=2"
    rows.append(_one(console, "timing: as it is", tiny, small, "flat-async"))
    rows.append(_one(console, "timing: 50 % stalls", tiny, small, "flat-async", Settings(stall_rate=128)))
    for latency in (1, 400):
        slow = tiny.model_copy(update={"hbm": tiny.hbm.model_copy(update={"latency": latency})})
        rows.append(_one(console, f"timing: HBM latency {latency}", slow, small, "flat-async"))
    return rows


def _verdict(row: dict) -> str:
    return "yes" if row["bit_exact"] else f"NO, {row['mismatches']} differ"


def tables(rows: list[dict]) -> dict[str, str]:
    """Marker in README to its table."""
    main_rows = ["| workload | dataflow | cycles | matrix utilisation | HBM bytes | formula | bit-exact | error / reference |",
                 "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    odd = ["| mesh | dataflow | cycles | HBM bytes = formula | bit-exact |", "|---|---|---|---|---|"]
    timing = ["| conditions | cycles | bit-exact |", "|---|---|---|"]
    for row in rows:
        moved = row["hbm_read_bytes"] + row["hbm_write_bytes"]
        if row["case"] == "table":
            main_rows.append(
                f"| {row['workload']} | {row['dataflow']} | {row['cycles']:,} | {row['matrix_utilization']:.1%} | {moved:,} "
                f"| {row['hbm_ideal_bytes']:,} | {_verdict(row)} | {row['error_vs_reference']:.2f} |"
            )
        elif row["case"] == "meshes":
            same = "yes" if moved == row["hbm_ideal_bytes"] else "NO"
            odd.append(f"| {row['mesh']} | {row['dataflow']} | {row['cycles']:,} | {same} | {_verdict(row)} |")
        else:
            timing.append(f"| {row['case'].removeprefix('timing: ')} | {row['cycles']:,} | {_verdict(row)} |")
    return {"main table": "\n".join(main_rows), "odd meshes": "\n".join(odd), "timing": "\n".join(timing)}


def run() -> int:
    """Measure (or with --from-results only rewrite README)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from-results", action="store_true", help="rewrite README from docs/results, run nothing")
    options = parser.parse_args()
    path = RESULTS / "sim.json"
    if not options.from_results:
        rows = measure(Console(stderr=True))
        RESULTS.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=RESULTS, delete=False) as scratch:
            json.dump(rows, scratch, indent=1)
            scratch.write("\n")
        Path(scratch.name).replace(path)
        path.chmod(0o644)
    README.write_text(insert(README.read_text(), tables(json.loads(path.read_text()))))
    return 0


if __name__ == "__main__":
    main(run)
