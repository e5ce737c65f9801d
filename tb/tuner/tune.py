"""The mapping of a workload, chosen by running the best candidates on the RTL, or by another
judge's word on them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rich.console import Console

from isa.errors import UserError
from isa.machine import Machine
from programs.tensors import load_workload
from tb.experiment import commit
from tb.hardware import build_mesh
from tb.tasks import Task, Workers, run_tasks
from tb.tuner.candidates import Candidate, candidates, select
from tb.tuner.run import measure

__all__ = ["ALL", "Search", "Tuned", "tune"]

ALL = 100_000
"""More candidates than any workload has."""


class Search(NamedTuple):
    """What is tuned, and what the user fixed of it."""

    machine: Machine
    spec: str
    dtypes: tuple[str, str, str] = ("fp16", "", "")
    """Of the inputs, the probabilities and the output; the last two as the first if empty."""
    seed: int = 1
    dataflow: str | None = None
    decisions: Mapping[str, Any] = {}


class Tuned(NamedTuple):
    """Outcome: `result` is the flat object of ``result.json``, `runs` every candidate that was run,
    the fastest first.
    """

    result: dict
    runs: list[tuple[Candidate, dict]]


def tune(
    search: Search,
    *,
    top: int,
    most: int = 0,
    workers: Workers,
    console: Console,
    judge: Callable[..., dict] = measure,
) -> Tuned:
    """Run the best `top` candidates, and with `most`, so many of all of them.

    `judge` is called as `tb.tuner.run.measure` is, and gives what that gives, but for what it
    cannot know.

    Raises
    ------
    UserError
        If nothing fits, or a run fails or is wrong.
    """
    dtype, p_dtype, o_dtype = search.dtypes
    workload = load_workload(search.spec, dtype, search.seed, p_dtype, o_dtype).workload
    ranked = candidates(
        search.machine, workload, search.dataflow, dict(search.decisions), max(most, 16 * top)
    )
    chosen = select(ranked, top)
    if judge is measure:
        console.print(
            f"{search.spec}: building {search.machine.name} unless it is built", highlight=False
        )
        build_mesh(search.machine)
    running = dict.fromkeys([*chosen, *sorted(ranked, key=lambda c: c.estimate)[:most]])
    runs = _runs(search, list(running), judge, workers, console)
    return Tuned(_result(search, ranked, chosen, runs, top, most), runs)


def _runs(
    search: Search,
    running: list[Candidate],
    judge: Callable[..., dict],
    workers: Workers,
    console: Console,
) -> list[tuple[Candidate, dict]]:
    """What was seen of each candidate whose programs fit the program memory, the fastest first."""
    shared = {field: getattr(search, field) for field in ("machine", "spec", "dtypes", "seed")}
    tasks = [Task(c.name, judge, {**shared, "mapping": c.mapping}) for c in running]
    seen = run_tasks(tasks, workers, console)
    if wrong := [
        name
        for name, found in seen.items()
        if found["cycles"] and not found.get("within_error_bound", True)
    ]:
        raise UserError(
            f"{search.spec}: the result of {wrong[0]} is not within twice the error of the same "
            "precision"
        )
    runs = [(c, seen[c.name]) for c in running if seen[c.name]["cycles"]]
    if not runs:
        raise UserError(f"{search.spec}: no candidate's programs fit the program memory")
    return sorted(runs, key=lambda run: run[1]["cycles"])


def _result(
    search: Search,
    ranked: list[Candidate],
    chosen: list[Candidate],
    runs: list[tuple[Candidate, dict]],
    top: int,
    most: int,
) -> dict:
    """The flat result: the tuner's choice and the rule's, beside the best of the runs."""
    seen = dict(runs)
    best = next(c for c in seen if c in chosen)
    rule = next((c for c in ranked if c in seen), runs[0][0])
    fastest, least = runs[0][0], runs[0][1]["cycles"]
    mesh = search.machine.mesh
    return {
        "machine": search.machine.name,
        "mesh": f"{mesh.columns}x{mesh.rows}",
        "workload": search.spec,
        "dtype": search.dtypes[0],
        "seed": search.seed,
        "commit": commit(),
        "top": top,
        "exhaustive": bool(most),
        "candidates": len(ranked),
        "runs": len(runs),
        "dataflow": best.mapping.dataflow,
        "group": f"{best.mapping.group[0]}x{best.mapping.group[1]}",
        "rows": best.mapping.rows,
        "columns": best.mapping.columns,
        "chosen": best.name,
        "chosen_cycles": seen[best]["cycles"],
        "chosen_estimate": round(best.estimate),
        "rule": rule.name,
        "rule_cycles": seen[rule]["cycles"],
        "rule_estimate": round(rule.estimate),
        "best": fastest.name,
        "best_cycles": least,
        "rule_percent": 100 * (seen[rule]["cycles"] / least - 1),
        "chosen_percent": 100 * (seen[best]["cycles"] / least - 1),
    }
