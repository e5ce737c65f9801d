"""What a process of `make conformance` does at a time; every call takes and returns plain
values.
"""

import time

from isa.machine import MACHINES, Machine
from tb.hardware import build_mesh
from verify.conformance.cases import ConformanceCase, machine_of
from verify.conformance.check import run_on_golden, run_on_rtl, run_safely
from verify.conformance.dut import Dut
from verify.conformance.dut import design as dut_design
from verify.conformance.error_bins import observe_errors
from verify.conformance.error_check import error_programs
from verify.conformance.floor import floor
from verify.conformance.meeting_points import watched_design
from verify.conformance.observe import observe
from verify.conformance.prepare import prepare

__all__ = ["build", "build_watched", "run_case"]


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
    started = time.monotonic()
    if target == "golden":
        outcome = run_safely(run_on_golden, case, base, own_channels)
    else:
        design = dut_design(dut, machine_of(case, base, own_channels=own_channels)) if dut else None
        outcome = run_safely(run_on_rtl, case, base, design, own_channels)
    if outcome.how == "compile" and base.tile != MACHINES["tiny"].tile:
        outcome.skipped = True
    elif outcome.how != "compile":
        outcome.bins, outcome.floor = _known(case, base, own_channels)
    outcome.seconds = time.monotonic() - started
    return outcome.to_dict()


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
