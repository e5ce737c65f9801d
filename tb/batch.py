"""Many runs of one mesh from one start of the simulator.

Starting it, with Python in it, takes longer than most small runs do. Here that is done once. Before
its first cycle, when no memory is filled yet, the process divides itself, once for each job; and a
job that is run with several inputs does so once more, in the last cycle of reset. A run begins in
exactly the state that it would begin in alone, and no run can leave anything behind for another.
"""

import json
import shutil
from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.geometry import TileXY
from isa.machine import Machine
from tb.boot import boots_directly
from tb.estimate import refuse_if_too_large
from tb.hardware import Design, build_mesh
from tb.memory_files import write_memory
from tb.mesh import BENCH, MeshRun, RunFailure, Settings, orders_of, result_of, simulate
from tb.runner import SimulationFailure, fresh_folder, run

__all__ = ["Job", "Result", "Trial", "ran", "run_trials", "simulate_batch"]

Result = MeshRun | UserError | SimulationFailure
"""What a run gave, or why it failed: `RunFailure`, images that do not fit, the simulator."""
T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One program image per tile, and how it is run; see `tb.mesh.simulate`."""

    machine: Machine
    """Of a batch, all have one mesh and one tile; HBM may be as fast as it likes."""
    images: Mapping[TileXY, Sequence[int]]
    hbm: Sequence[NDArray[np.uint8]]
    """All of it is read back afterwards."""
    settings: Settings = Settings()
    branches: tuple[Mapping[str, int], ...] = ({},)
    """Inputs of the mesh, besides those of the design: a run for each."""

    @property
    def words(self) -> int:
        """Words of a channel that are read back."""
        return max(len(content) for content in self.hbm) // self.machine.tile.word_bytes


Trial = Generator[Sequence[Job], list[list[Result]], T]
"""Yields jobs and is sent what `simulate_batch` makes of them, until it knows what to return."""


def run_trials(trials: Sequence[Trial[T]], design: Design | None = None) -> list[T]:
    """What each trial returns. Jobs that trials want at a time are a batch."""
    found: dict[int, T] = {}
    sent: dict[int, list[list[Result]] | None] = dict.fromkeys(range(len(trials)))
    while sent:
        wanted: dict[int, Sequence[Job]] = {}
        for index, results in sent.items():
            try:
                trial = trials[index]
                wanted[index] = next(trial) if results is None else trial.send(results)
            except StopIteration as end:
                found[index] = end.value
        seen = iter(_simulate_merged([job for jobs in wanted.values() for job in jobs], design))
        sent = {index: [next(seen) for _ in jobs] for index, jobs in wanted.items()}
    return [found[index] for index in range(len(trials))]


def _simulate_merged(jobs: Sequence[Job], design: Design | None) -> list[list[Result]]:
    """The same as `simulate_batch`; jobs that differ in their branches only are one."""
    alike: dict[Hashable, list[int]] = {}
    for index, job in enumerate(jobs):
        images = tuple((tile, tuple(words)) for tile, words in job.images.items())
        alike.setdefault((job.machine, job.settings, id(job.hbm), images), []).append(index)
    merged = [
        replace(jobs[those[0]], branches=tuple(b for index in those for b in jobs[index].branches))
        for those in alike.values()
    ]
    found: dict[int, list[Result]] = {}
    for those, results in zip(alike.values(), simulate_batch(merged, design), strict=True):
        left = iter(results)
        found |= {index: [next(left) for _ in jobs[index].branches] for index in those}
    return [found[index] for index in range(len(jobs))]


def ran(result: Result) -> MeshRun | RunFailure:
    """The result of a run that took place; one that did not is raised."""
    if isinstance(result, MeshRun | RunFailure):
        return result
    raise result


def simulate_batch(jobs: Sequence[Job], design: Design | None = None) -> list[list[Result]]:
    """Run jobs on one mesh, ours or that of a `design`: of each, the result of every branch.

    One run alone is left to `tb.mesh.simulate`, which keeps its files.
    """
    if not jobs:
        return []
    if len(jobs) == 1 and (jobs[0].branches == ({},) or (design and len(jobs[0].branches) == 1)):
        return [[_alone(jobs[0], design)]]
    workdir = fresh_folder("batch")
    found: dict[int, list[Result]] = {}
    try:
        for index, job in enumerate(jobs):
            try:
                if not _prepared(job, design, workdir / str(index)):
                    found[index] = [_alone(job, design)]
            except UserError as error:
                found[index] = [error] * len(job.branches)
        left = {index: job for index, job in enumerate(jobs) if index not in found}
        if left:
            found |= _run(left, design, workdir)
    finally:
        shutil.rmtree(workdir, ignore_errors=True)
    return [found[index] for index in range(len(jobs))]


def _prepared(job: Job, design: Design | None, folder: Path) -> bool:
    """Write the files that a job reads; False where it boots otherwise than those of a batch."""
    refuse_if_too_large(job.machine)
    folder.mkdir()
    boot = write_memory(job.machine, job.images, job.hbm, folder)
    if design is None and job.branches == ({},) and boots_directly(job.machine, boot[1]):
        return False
    orders = orders_of(job.machine, job.settings, boot, design.inputs if design else {})
    (folder / "run.json").write_text(json.dumps(orders | {"branches": job.branches}))
    for branch in range(len(job.branches)):
        (folder / str(branch)).mkdir()
    return True


def _alone(job: Job, design: Design | None) -> Result:
    """A run with a start of its own."""
    if design:
        design = replace(design, inputs={**design.inputs, **job.branches[0]})
    try:
        return simulate(
            job.machine,
            job.images,
            job.hbm,
            dump=(0, job.words - 1),
            settings=job.settings,
            design=design,
        )
    except (UserError, SimulationFailure) as failure:
        return failure


def _run(jobs: Mapping[int, Job], design: Design | None, workdir: Path) -> dict[int, list[Result]]:
    machine = next(iter(jobs.values())).machine
    (workdir / "run.json").write_text(json.dumps({"jobs": [str(index) for index in jobs]}))
    last = max(job.words for job in jobs.values()) - 1
    try:
        run(
            build_mesh(machine, stall=True, design=design),
            BENCH,
            environment={"FLATMESH_RUN": str(workdir)},
            plusargs=["+hbm_dir=.", "+dump_from=0", f"+dump_to={last}"],
            workdir=workdir,
        )
    except SimulationFailure as failure:
        return {index: [failure] * len(job.branches) for index, job in jobs.items()}
    return {
        index: [
            _result(job, workdir / str(index) / str(branch)) for branch in range(len(job.branches))
        ]
        for index, job in jobs.items()
    }


def _result(job: Job, folder: Path) -> Result:
    try:
        found: MeshRun | RunFailure = result_of(job.machine, job.settings, folder, 0.0)
    except RunFailure as failure:
        found = failure
    except OSError:
        return SimulationFailure(f"{BENCH}: the simulator ended in a run of a batch")
    except SimulationFailure as failure:
        return failure
    seen = found.run if isinstance(found, RunFailure) else found
    size = job.words * job.machine.tile.word_bytes
    seen.hbm = [content[:size] for content in seen.hbm]
    return found
