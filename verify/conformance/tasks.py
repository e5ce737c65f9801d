"""What a process of `make conformance` does at a time; every call takes and returns plain
values.
"""

import time

from isa.machine import MACHINES, Machine
from tb.hardware import build_mesh
from verify.conformance.cases import ConformanceCase, machine_of
from verify.conformance.check import CaseOutcome, run_on_golden, run_on_rtl, run_safely
from verify.conformance.dut import Dut
from verify.conformance.dut import design as dut_design
from verify.conformance.error_bins import observe_errors
from verify.conformance.error_check import error_programs
from verify.conformance.meeting_points import watched_design
from verify.conformance.observe import observe
from verify.conformance.prepare import prepare
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.copy import design as mutant_design

__all__ = ["build", "build_mutants", "build_watched", "run_case", "run_mutant"]

LONG = {"edges": 200_000, "meetings": 200_000}
"""Of a kind of cases, see `MUTANT_CYCLES`."""
MUTANT_CYCLES = 80_000
"""After so many cycles a mutation counts as caught: it never ends."""


def build(case: ConformanceCase, base: Machine, own_channels: bool, dut: Dut | None) -> dict:
    """Make what the cases on one mesh need, of which `case` is one."""
    machine = machine_of(case, base, own_channels=own_channels)
    made = build_mesh(machine, stall=True, design=dut_design(dut, machine) if dut else None)
    return {"seconds": made.seconds}


def build_watched(case: ConformanceCase, base: Machine, own_channels: bool) -> dict:
    """Make the hardware that notes which events meet."""
    machine = machine_of(case, base, own_channels=own_channels)
    return {"seconds": build_mesh(machine, design=watched_design(machine)).seconds}


def build_mutants(case: ConformanceCase, base: Machine, own_channels: bool) -> dict:
    """Make the hardware with all mutations."""
    machine = machine_of(case, base, own_channels=own_channels)
    return {"seconds": build_mesh(machine, design=mutant_design(machine, CATALOGUE, 0)).seconds}


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
        outcome.bins = sorted(_bins(case, base, own_channels))
    outcome.seconds = time.monotonic() - started
    return outcome.to_dict()


def _bins(case: ConformanceCase, base: Machine, own_channels: bool) -> set[str]:
    """The bins that a case hits."""
    if case.kind != "errors":
        return observe(prepare(case, base, own_channels))
    machine = machine_of(case, base, own_channels=own_channels)
    programs = error_programs(machine, case.numbers)
    return set(observe_errors(culprit for program in programs for culprit in program.culprits))


def run_mutant(case: ConformanceCase, base: Machine, own_channels: bool, number: int) -> dict:
    """Run a case with one mutation, 0: with none."""
    design = mutant_design(machine_of(case, base, own_channels=own_channels), CATALOGUE, number)
    most = LONG.get(case.kind, MUTANT_CYCLES)
    outcome: CaseOutcome = run_safely(run_on_rtl, case, base, design, own_channels, most)
    return outcome.to_dict()
