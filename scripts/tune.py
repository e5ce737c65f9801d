"""`make tune`: the mapping of a workload, chosen by running the best candidates on the RTL; with
EXHAUSTIVE=1, against all of them.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from isa.errors import UserError
from isa.machine import Machine
from programs.tensors import load_workload
from publish.output import Table, write_result
from scripts.options import common_parser, machine_of, main, overrides, positive
from tb import toolchain
from tb.experiment import commit
from tb.hardware import build_mesh
from tb.tasks import Task, run_tasks
from tb.tuner import Candidate, candidates, measure, select

__all__ = ["Tuned", "tune"]

_MANY = 100000
_WIDE = 150
"""Columns of a table that does not go to a terminal."""


class Tuned(NamedTuple):
    """Outcome: `result` is the flat object of ``result.json``, `runs` every candidate that was run,
    the fastest first.
    """

    result: dict
    runs: list[tuple[Candidate, dict]]


def run() -> int:
    """Tune one workload as the options say."""
    parser = common_parser(__doc__)
    add = parser.add_argument
    add("--top", default=os.environ.get("TOP") or "8", help="candidates to run (TOP)")
    add(
        "--exhaustive",
        default=os.environ.get("EXHAUSTIVE") or "0",
        choices=["0", "1"],
        help="1: run all (EXHAUSTIVE)",
    )
    add(
        "--most",
        default=os.environ.get("MOST") or "",
        help="EXHAUSTIVE: at most so many, the best by estimate (MOST)",
    )
    add(
        "--jobs",
        default=os.environ.get("JOBS") or str(os.cpu_count() or 1),
        help="processes (JOBS)",
    )
    options = parser.parse_args()
    toolchain.environment()
    console = Console(stderr=True)
    tuned = tune(
        machine_of(options),
        options.workload,
        (options.dtype, options.ptype, options.otype),
        positive("SEED", options.seed),
        dataflow=options.dataflow or None,
        decisions=overrides(options),
        top=positive("TOP", options.top, least=1),
        jobs=positive("JOBS", options.jobs, least=1),
        console=console,
        most=(positive("MOST", options.most, least=1) if options.most else _MANY)
        if options.exhaustive == "1"
        else 0,
    )
    path = write_result("tune", tuned.result)
    table(tuned).show(Console(width=None if sys.stdout.isatty() else _WIDE))
    print(summary(tuned.result))
    print(f"result: {Path(path).relative_to(path.parents[2])}")
    return 0


def tune(
    machine: Machine,
    spec: str,
    dtypes: tuple[str, str, str],
    seed: int,
    *,
    dataflow: str | None = None,
    decisions: dict | None = None,
    top: int,
    jobs: int,
    console: Console,
    most: int = 0,
) -> Tuned:
    """Run the best candidates of a workload, and with `most`, so many of all of them.

    Raises
    ------
    UserError
        If nothing fits, or a run fails or is wrong.
    """
    dtype, p_dtype, o_dtype = dtypes
    workload = load_workload(spec, dtype, seed, p_dtype, o_dtype).workload
    ranked = candidates(machine, workload, dataflow, decisions or {}, max(most, 16 * top))
    chosen = select(ranked, top)
    console.print(f"{spec}: building {machine.name} where it is not built", highlight=False)
    build_mesh(machine)
    running = dict.fromkeys([*chosen, *sorted(ranked, key=lambda c: c.estimate)[:most]])
    tasks = [
        Task(
            candidate.name,
            measure,
            {
                "machine": machine,
                "spec": spec,
                "dtypes": dtypes,
                "seed": seed,
                "mapping": candidate.mapping,
            },
        )
        for candidate in running
    ]
    seen = run_tasks(tasks, jobs, console)
    if wrong := [
        name for name, found in seen.items() if found["cycles"] and not found["within_error_bound"]
    ]:
        raise UserError(
            f"{spec}: the result of {wrong[0]} is not within twice the error of the same precision"
        )
    ran = [
        (candidate, seen[candidate.name]) for candidate in running if seen[candidate.name]["cycles"]
    ]
    if not ran:
        raise UserError(f"{spec}: no candidate's programs fit the program memory")
    ran.sort(key=lambda run: run[1]["cycles"])
    best, best_run = next((c, found) for c, found in ran if c in chosen)
    rule, rule_run = next(
        ((c, seen[c.name]) for c in ranked if c.name in seen and seen[c.name]["cycles"]), ran[0]
    )
    least = ran[0][1]["cycles"]
    result = {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "workload": spec,
        "dtype": dtype,
        "seed": seed,
        "commit": commit(),
        "top": top,
        "exhaustive": bool(most),
        "candidates": len(ranked),
        "runs": len(ran),
        "dataflow": best.mapping.dataflow,
        "group": f"{best.mapping.group[0]}x{best.mapping.group[1]}",
        "rows": best.mapping.rows,
        "columns": best.mapping.columns,
        "chosen": best.name,
        "chosen_cycles": best_run["cycles"],
        "chosen_estimate": round(best.estimate),
        "rule": rule.name,
        "rule_cycles": rule_run["cycles"],
        "rule_estimate": round(rule.estimate),
        "best": ran[0][0].name,
        "best_cycles": least,
        "rule_percent": 100 * (rule_run["cycles"] / least - 1),
        "chosen_percent": 100 * (best_run["cycles"] / least - 1),
    }
    return Tuned(result, ran)


def table(tuned: Tuned, shown: int = 24) -> Table:
    """What was run, and why it is not the best."""
    best, fastest = tuned.runs[0]
    rows = [
        (
            candidate.mapping.dataflow,
            candidate.group,
            candidate.slice,
            f"{candidate.mapping.slots}",
            f"{candidate.estimate:,.0f}",
            f"{run['cycles']:,}",
            f"{run['cycles'] / candidate.estimate:.2f}",
            f"{run['hbm_bytes']:,}",
            f"{run['l1_bytes']:,}",
            "" if candidate is best else why(run, fastest),
        )
        for candidate, run in tuned.runs[:shown]
    ]
    heads = (
        "dataflow",
        "group",
        "slice",
        "buffers",
        "estimate",
        "cycles",
        "ratio",
        "HBM B",
        "L1 B",
        "why it lost",
    )
    r = tuned.result
    left = len(tuned.runs) - len(rows)
    return Table(
        f"{r['workload']} ({r['dtype']}) on {r['machine']} {r['mesh']}",
        heads,
        rows,
        f"{left} more" * (left > 0),
    )


def why(run: dict, best: dict) -> str:
    """What limits a run that is slower than the best one, by its counters."""
    more = f"+{run['cycles'] / best['cycles'] - 1:.1%}"
    steps, least = (one["matrix_active"] * one["cycles"] for one in (run, best))
    if run["hbm_utilization"] >= 0.85:
        return f"{more}, HBM {run['hbm_utilization']:.0%} busy"
    if steps > 1.05 * least:
        return f"{more}, array {steps / least - 1:.0%} more steps"
    if run["hbm_bytes"] > 1.5 * best["hbm_bytes"] and run["hbm_utilization"] >= 0.6:
        return f"{more}, HBM {run['hbm_bytes'] / best['hbm_bytes']:.1f} x bytes"
    if run["vector_busy"] >= 0.8:
        return f"{more}, vector {run['vector_busy']:.0%} busy"
    if run["l1_conflict"] >= max(0.35, 1.2 * best["l1_conflict"]):
        return f"{more}, L1 {run['l1_conflict']:.0%} refused"
    return f"{more}, array {run['matrix_active']:.0%} active"


def summary(r: dict) -> str:
    """One line."""
    against = (
        ""
        if not r["exhaustive"]
        else (
            f"; of {r['runs']} runs the best has {r['best_cycles']:,}: the tuner is {r['chosen_percent']:.1f} % above it"
        )
    )
    return (
        f"chosen: {r['chosen']}: {r['chosen_cycles']:,} cycles (the rule alone: {r['rule_cycles']:,}, "
        f"{r['rule_percent']:.1f} % above the best){against}"
    )


if __name__ == "__main__":
    main(run)
