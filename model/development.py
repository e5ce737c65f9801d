"""The RTL runs that are published, beside what the model says of them.

Nothing is fitted to them. Where the model is wrong it is a mechanism that is missing or mistaken.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isa.errors import UserError
from isa.machine import Machine, load_machine
from model.predict import Prediction, predict
from programs.common.compiled import AnyMapping, Compiled
from programs.compiler import compile_workload_mapping, rank_workload
from programs.tensors import load_workload

__all__ = ["Comparison", "PublishedRun", "compiled_run", "published_runs", "summary", "tabulate"]

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"


@dataclass(frozen=True)
class PublishedRun:
    """A run on the RTL: what ran, and its cycles."""

    name: str
    group: str
    """What kind of run it is, for tables."""
    machine: Machine
    workload: str
    dtype: str
    dataflow: str
    mapping: str
    """As its mapping describes itself."""
    cycles: int
    matrix_active: float
    vector_busy: float
    hbm_bytes: int


@dataclass(frozen=True)
class Comparison:
    """A run, and what the model says of it."""

    run: PublishedRun
    prediction: Prediction

    @property
    def error(self) -> float:
        """Signed, in percent."""
        return 100 * (self.prediction.cycles / self.run.cycles - 1)


def published_runs(results: Path = RESULTS) -> list[PublishedRun]:
    """The runs of ``tables.json`` and ``variants.json`` without stalls of the links."""
    found = []
    for name in ("tables", "variants"):
        for entry in json.loads((results / f"{name}.json").read_text()):
            title = entry.get("title") or entry["case"]
            if "stalls" not in title:
                found.append(_run(entry, title, name))
    return found


def _run(entry: dict, title: str, source: str) -> PublishedRun:
    machine = load_machine(entry["machine"].removesuffix("-slow"), entry["mesh"])
    hbm = {}
    if entry["machine"].endswith("-slow"):
        hbm["bytes_per_cycle"] = 2
    if latency := re.search(r"HBM latency (\d+)", title):
        hbm["latency"] = int(latency[1])
    if hbm:
        machine = machine.model_copy(update={"hbm": machine.hbm.model_copy(update=hbm)})
    return PublishedRun(
        f"{entry['machine']} {entry['mesh']} {entry['workload']} {entry['dtype']} "
        f"{entry['dataflow']} ({title})",
        entry.get("table", source),
        machine,
        entry["workload"],
        entry["dtype"],
        entry["dataflow"],
        entry["mapping"],
        entry["cycles"],
        entry["share_matrix_active"],
        entry["share_vector_busy"],
        entry["hbm_read_bytes"] + entry["hbm_write_bytes"],
    )


def compiled_run(run: PublishedRun) -> Compiled:
    """The programs of a run, with the mapping that it had.

    Raises
    ------
    UserError
        If there is no such mapping any more.
    """
    workload = load_workload(run.workload, run.dtype, 1).workload
    size = re.match(r"group (\d+x\d+).*?(\d+) rows x (\d+)", run.mapping)
    if size is None:
        raise UserError(f"{run.name}: no group and slice in {run.mapping!r}")
    group, rows, columns = size[1], int(size[2]), int(size[3])
    mappings: Sequence[AnyMapping] = rank_workload(
        run.machine, workload, run.dataflow, group=group, rows=rows, columns=columns
    )
    for mapping in mappings:
        compiled = compile_workload_mapping(run.machine, workload, mapping)
        if compiled.describe().split(", L1")[0] == run.mapping.split(", L1")[0]:
            return compiled
    raise UserError(f"{run.name}: no mapping is {run.mapping!r} any more")


def tabulate(runs: Iterable[PublishedRun]) -> list[Comparison]:
    """The model's word on each run."""
    return [Comparison(run, predict(compiled_run(run))) for run in runs]


def summary(rows: Sequence[Comparison]) -> dict[str, tuple[int, float, float]]:
    """Number of runs, mean and largest error without sign, of each group and of all."""
    groups = sorted({row.run.group for row in rows})
    found = {}
    for name in (*groups, "all"):
        errors = np.array([abs(row.error) for row in rows if name in (row.run.group, "all")])
        found[name] = len(errors), float(errors.mean()), float(errors.max())
    return found
