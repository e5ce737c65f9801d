"""What a process of `make conformance` does at a time; every call takes and returns plain
values.
"""

import time

from isa.machine import MACHINES, Machine
from tb.batch import Trial, run_trials
from tb.hardware import build_mesh
from verify.conformance.cases import ConformanceCase, machine_of
from verify.conformance.check import CaseOutcome, check_case, run_on_golden, safely
from verify.conformance.dut import Dut
from verify.conformance.dut import design as dut_design
from verify.conformance.error_bins import observe_errors
from verify.conformance.error_check import error_programs
from verify.conformance.floor import floor
from verify.conformance.meeting_points import watched_design
from verify.conformance.observe import observe
from verify.conformance.prepare import prepare

__all__ = ["build", "build_watched", "is_watched", "run_case", "run_cases"]


def build(case: ConformanceCase, base: Machine, own_channels: bool, dut: Dut | None) -> dict:
    """Make what the cases on one mesh need, of which `case` is one."""
    machine = machine_of(case, base, own_channels=own_channels)
    made = build_mesh(machine, stall=True, design=dut_design(dut, machine) if dut else None)
    return {"seconds": made.seconds}


def build_watched(case: ConformanceCase, base: Machine, own_channels: bool) -> dict:
    """Make the hardware that notes which events meet."""
    machine = machine_of(case, base, own_channels=own_channels)
    return {"seconds": build_mesh(machine, design=watched_design(machine)).seconds}


def run_case(
    case: ConformanceCase, base: Machine, target: str, own_channels: bool, dut: Dut | None
) -> dict:
    """Run a case on the golden machine, or on that and the RTL."""
    call = {"case": case, "base": base, "target": target, "own_channels": own_channels, "dut": dut}
    return run_cases([call])[0]


def run_cases(calls: list[dict]) -> list[dict]:
    """What `run_case` gives for each of these arguments: cases on one mesh, all watched or none,
    from one start of the simulator.
    """
    started, first = time.monotonic(), calls[0]
    base, target, own, dut = (first[name] for name in ("base", "target", "own_channels", "dut"))
    machine = machine_of(first["case"], base, own_channels=own)
    watched = target == "rtl" and is_watched(first["case"], own, dut)
    design = watched_design(machine) if watched else dut_design(dut, machine) if dut else None
    chosen = [call["case"] for call in calls]
    trials = [safely(case, _trial(case, base, target, own, watched)) for case in chosen]
    outcomes = run_trials(trials, design)
    for outcome in outcomes:
        outcome.skipped = outcome.how == "compile" and base.tile != MACHINES["tiny"].tile
        outcome.seconds = (time.monotonic() - started) / len(calls)
    return [outcome.to_dict() for outcome in outcomes]


def is_watched(case: ConformanceCase, own_channels: bool, dut: Dut | None) -> bool:
    """Whether a case is run on the hardware that notes which events meet: only on the mesh and the
    channels that it was made for.
    """
    return case.kind == "meetings" and own_channels and not dut


def _trial(
    case: ConformanceCase, base: Machine, target: str, own_channels: bool, watched: bool
) -> Trial[CaseOutcome]:
    bins, least = _known(case, base, own_channels)
    if target == "golden":
        outcome = run_on_golden(case, base, own_channels)
    else:
        outcome = yield from check_case(case, base, own_channels, watched)
    outcome.bins, outcome.floor = bins, least
    return outcome


def _known(case: ConformanceCase, base: Machine, own_channels: bool) -> tuple[list[str], int]:
    """What golden knows of a case: the bins that it hits, and the cycles that it takes at least,
    0 for one of errors.
    """
    if case.kind != "errors":
        expected = prepare(case, base, own_channels)
        return sorted(observe(expected)), floor(expected)
    machine = machine_of(case, base, own_channels=own_channels)
    programs = error_programs(machine, case.numbers)
    culprits = (culprit for program in programs for culprit in program.culprits)
    return sorted(set(observe_errors(culprits))), 0
