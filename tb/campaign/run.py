"""Runs a campaign: builds, runs, what is kept, and the files that tell of it."""

import shutil
import sys
from collections import Counter
from errno import ENOSPC
from pathlib import Path
from typing import NamedTuple

import tomli_w
from rich.console import Console

from isa.machine import MACHINES
from isa.words import counted
from tb.campaign.spec import CampaignSpec, Planned, plan
from tb.campaign.store import Store, Task, key
from tb.campaign.table import write_tables
from tb.campaign.targets import Targets
from tb.campaign.trial import refused
from tb.files import write
from tb.hardware import hardware_of
from tb.runner import ROOT
from tb.tasks import Workers, run_tasks
from tb.waiting import ahead

__all__ = ["STATUSES", "CampaignRun", "count", "run_campaign"]

BASE = ROOT / "build" / "campaign"
STATUSES = {
    "passed": "the bits of golden, and an error within the tolerance",
    "wrong": "bits or accuracy",
    "refused": "the programs cannot be made",
    "stopped": "a tile raised an error, or the machine hung",
    "failed": "the simulator or its process died: the next call runs it again",
    "not run": "the campaign was interrupted before: the next call runs it",
}
"""What can become of a run. All but the last two are kept."""


class CampaignRun(NamedTuple):
    """What a campaign gave."""

    folder: Path
    """With ``runs.parquet``, ``runs.csv``, and ``failed/<key>`` for each run that did not pass."""
    rows: list[dict]
    """One a run, in the order of the spec."""
    kept: int
    """Runs that an earlier call had kept."""


def run_campaign(
    spec: CampaignSpec,
    targets: Targets,
    workers: Workers,
    console: Console,
    *,
    fresh: bool = False,
    base: Path = BASE,
) -> CampaignRun:
    """Run what is not there yet, and write the tables, with a row for every run also after Ctrl-C.

    Parameters
    ----------
    targets
        What the spec's targets are.
    fresh
        Run all again.
    base
        Folder of the folders of campaigns, and of what is kept, which they share.

    Raises
    ------
    UserError
        If the spec names a mesh that a machine cannot have, or the scheduler does not answer.
    """
    planned = plan(spec)
    store = Store(base / "kept", lambda row: row["status"] != "failed", fresh=fresh)
    tasks = [_task(one, targets) for one in planned]
    missing = [one for one, task in zip(planned, tasks, strict=True) if store.find(task) is None]
    _tell_ahead(missing, targets, workers)
    results: dict[str, dict] = {}
    try:
        run_tasks(_builds(missing, targets), workers, console, failed=_failed)
        results = run_tasks(tasks, workers, console, store=store, failed=_failed, tell=_tell)
    finally:
        rows = [
            _row(base / spec.name, one, key(task), results.get(task.name) or store.find(task))
            for one, task in zip(planned, tasks, strict=True)
        ]
        if any(row["status"] != "not run" for row in rows):
            _write(base / spec.name, rows)
    return CampaignRun(base / spec.name, rows, len(planned) - len(missing))


def _tell_ahead(missing: list[Planned], targets: Targets, workers: Workers) -> None:
    """What is to be done, and how long that usually takes; of a cluster nobody knows."""
    if not missing or workers.scheduler:
        return
    known = [targets[one.target].seconds for one in missing]
    runs = counted(len(missing), "run")
    if None not in known:
        ahead(runs, sum(one or 0.0 for one in known), workers.jobs)
    else:
        print(
            f"{runs}: one on the RTL usually takes seconds to minutes, a mesh that is not built "
            "yet minutes more",
            file=sys.stderr,
        )


def _task(one: Planned, targets: Targets) -> Task:
    workload = one.trial.workload
    files = (Path(workload),) if workload.endswith(".npz") else ()
    return Task(one.name, targets[one.target].run, {"trial": one.trial}, files)


def _builds(missing: list[Planned], targets: Targets) -> list[Task]:
    """One task for each hardware, so that no two processes wait for the same."""
    found: dict[tuple, Task] = {}
    for one in missing:
        build, machine = targets[one.target].build, one.trial.machine
        if build:
            mesh = f"{machine.mesh.columns}x{machine.mesh.rows}"
            name = f"hardware of {one.machine} {mesh}"
            found.setdefault(
                (one.target, hardware_of(machine)), Task(name, build, {"trial": one.trial})
            )
    return list(found.values())


def _failed(task: Task, error: Exception) -> dict:
    if isinstance(error, OSError) and error.errno == ENOSPC:  # so would all that follow
        raise error
    log = "\n".join([str(error), *getattr(error, "__notes__", ())])
    return refused((str(error) or repr(error)).splitlines()[0], "failed", log)


def _tell(row: dict) -> str:
    cycles = f"{row['cycles']:,} cycles" if "cycles" in row else ""
    return ", ".join(part for part in (row.get("status"), cycles) if part)


def _row(folder: Path, one: Planned, name: str, seen: dict | None) -> dict:
    """A row: what was asked for, what was seen, and of one that did not pass, where its log is and
    how to repeat it.
    """
    seen = seen or {"status": "not run"}
    mesh = one.trial.machine.mesh
    row = {
        "run": one.name,
        "status": "",
        "target": one.target,
        "machine": one.trial.machine.name,
        "mesh": f"{mesh.columns}x{mesh.rows}",
        **one.trial.asked(),
        **{what: value for what, value in seen.items() if what not in ("log", "seed")},
        "key": name,
    }
    if seen["status"] not in ("passed", "not run"):
        spec = _keep_failure(folder / "failed" / name, one, seen)
        row["log"] = _shown(spec.with_name("log.txt"))
        row["repeat"] = f"make campaign SPEC={_shown(spec)} RESUME=0"
    return row


def _keep_failure(folder: Path, one: Planned, seen: dict) -> Path:
    """Write the log, and a spec of this run alone, whose path it returns."""
    write(folder / "log.txt", f"{one.name}\n{seen['error']}\n{seen.get('log', '')}")
    machine, mesh = one.machine, one.trial.machine.mesh
    if machine not in MACHINES:
        write(folder / "machine.toml", one.trial.machine.to_toml())
        machine = _shown(folder / "machine.toml")
    point = {"machine": machine, "mesh": f"{mesh.columns}x{mesh.rows}", "target": one.target}
    text = tomli_w.dumps({"grid": [point | one.trial.asked()]})
    write(folder / "repeat.toml", text)
    return folder / "repeat.toml"


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _write(folder: Path, rows: list[dict]) -> None:
    """Write the tables, and remove what is left of runs that have passed since."""
    write_tables(folder, rows)
    wrong = {row["key"] for row in rows if row["status"] != "passed"}
    for path in (folder / "failed").glob("*"):
        if path.name not in wrong:
            shutil.rmtree(path)


def count(rows: list[dict]) -> dict[str, int]:
    """How many runs came to each of `STATUSES`."""
    seen = Counter(row["status"] for row in rows)
    return {status: seen[status] for status in STATUSES}
