"""What a process of the mutation check does at a time: plain values in, plain values out."""

from isa.machine import Machine
from tb.branches import simulate_branches
from tb.hardware import build_mesh
from tb.mesh import MeshRun
from tb.runner import SimulationFailure
from verify.conformance.cases import ConformanceCase, machine_of
from verify.conformance.check import (
    CaseOutcome,
    judged,
    run_on_rtl,
    run_safely,
    settings_of,
    wrong_words,
)
from verify.conformance.prepare import prepare
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.copy import design as mutant_design

__all__ = ["build_mutants", "run_mutants"]

LONG = {"edges": 200_000, "meetings": 200_000}
"""Of a kind of cases, see `MUTANT_CYCLES`."""
MUTANT_CYCLES = 80_000
"""After so many cycles a mutation of any other case counts as caught: it never ends."""


def build_mutants(cases: tuple[ConformanceCase, ...], base: Machine, own_channels: bool) -> dict:
    """Make the hardware with all mutations for the mesh of each case: its tile once."""
    seconds = 0.0
    for case in cases:
        machine = machine_of(case, base, own_channels=own_channels)
        seconds += build_mesh(machine, design=mutant_design(machine, CATALOGUE, 0)).seconds
    return {"seconds": seconds}


def run_mutants(
    case: ConformanceCase, base: Machine, own_channels: bool, numbers: tuple[int, ...]
) -> dict:
    """Run a case with one mutation after the other, 0: with none. The outcome of each by its number
    as text, with ``words``: words of HBM that differ.
    """
    if case.kind == "errors":
        return {str(number): _run_errors(case, base, own_channels, number) for number in numbers}
    expected = prepare(case, base, own_channels)
    design = mutant_design(expected.machine, CATALOGUE, 0)
    runs = simulate_branches(
        expected.machine,
        expected.images(),
        expected.start,
        design,
        [{"mutant": number} for number in numbers],
        settings_of(case, LONG.get(case.kind, MUTANT_CYCLES)),
    )
    found = {}
    for number, run in zip(numbers, runs, strict=True):
        outcome = CaseOutcome(case.name, True)
        if isinstance(run, SimulationFailure):
            outcome.passed, outcome.how, outcome.detail = False, "simulator", str(run)
        else:
            outcome = judged(outcome, expected, run)
        words = wrong_words(expected, run) if isinstance(run, MeshRun) else 0
        found[str(number)] = outcome.to_dict() | {"words": words}
    return found


def _run_errors(case: ConformanceCase, base: Machine, own_channels: bool, number: int) -> dict:
    """A case of errors, which is many runs, each up to what the one before did."""
    design = mutant_design(machine_of(case, base, own_channels=own_channels), CATALOGUE, number)
    outcome = run_safely(run_on_rtl, case, base, design, own_channels, MUTANT_CYCLES)
    return outcome.to_dict() | {"words": 0}
