"""The cases of a run of `make conformance`, and their outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from isa.machine import Machine
from tb.tasks import Store, Task, Workers, run_tasks
from verify.conformance.cases import SETS, ConformanceCase, cases
from verify.conformance.cost import batches, cost_of
from verify.conformance.dut import Dut
from verify.conformance.tasks import build, build_watched, is_watched, run_case, run_cases

__all__ = ["Campaign", "wanted"]


def wanted(which: str, name: str, seed: int, mesh: str) -> list[ConformanceCase]:
    """The cases of the set, or the one that the user names, which may be of any set.

    Raises
    ------
    UserError
        If no set has a case of this name.
    """
    if not name:
        return cases(which, seed, mesh)
    for which in SETS:
        if one := [case for case in cases(which, seed, mesh) if case.name == name]:
            return one
    raise UserError(
        f"CASE {name!r}: no set has a case of this name with SEED={seed}; names are in report.md"
    )


@dataclass(frozen=True)
class Campaign:
    """Where and how cases are run."""

    base: Machine
    """Machine whose tile and HBM the cases take."""
    own_channels: bool
    """Each case has HBM channels of its own, else all have those of one mesh."""
    dut: Dut | None
    target: str
    """rtl, or golden: the golden machine alone."""
    workers: Workers
    keep: Path | None
    """Folder of the outcomes that are kept."""

    def run(
        self, chosen: list[ConformanceCase], console: Console, beside: Sequence[Task] = ()
    ) -> dict[str, dict]:
        """Build what the cases need, `beside` other builds, and run them: the outcome of each, by
        its name.
        """
        shared = {"base": self.base, "own_channels": self.own_channels, "dut": self.dut}
        if self.target == "rtl":
            first = {case.mesh: case for case in chosen}
            builds = [
                Task(f"build of {mesh}", build, {"case": case, **shared})
                for mesh, case in first.items()
            ]
            met = [case for case in chosen if is_watched(case, self.own_channels, self.dut)]
            mine = {"base": self.base, "own_channels": self.own_channels}
            builds += [
                Task(f"build of {mesh} that is watched", build_watched, {"case": case, **mine})
                for mesh, case in {case.mesh: case for case in met}.items()
            ]
            run_tasks([*beside, *builds], self.workers, console)
        tasks = [
            Task(case.name, run_case, {"case": case, "target": self.target, **shared})
            for case in chosen
        ]
        return run_tasks(
            batches(tasks, run_cases, self._alike, lambda task: cost_of(task.arguments["case"])),
            self.workers,
            console,
            store=Store(self.keep, _worth) if self.keep else None,
        )

    def _alike(self, task: Task) -> tuple:
        """Cases of one batch: of one mesh, with about as much of HBM to be read back; one that is
        watched alone, as the simulator writes its notes when it ends.
        """
        case = task.arguments["case"]
        alone = is_watched(case, self.own_channels, self.dut)
        return case.mesh, bool(case.workload), case.kind == "errors", case.name if alone else ""


def _worth(outcome: dict) -> bool:
    """Whether an outcome is kept: what failed is run again."""
    return outcome["passed"] or outcome["skipped"]
