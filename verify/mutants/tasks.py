"""What a process of the mutation check does at a time: plain values in, plain values out."""

from collections.abc import Iterator

from isa.machine import Machine
from tb.batch import Job, Result, Trial, ran, run_trials
from tb.hardware import build_mesh
from tb.mesh import MeshRun
from tb.runner import SimulationFailure
from verify.conformance.cases import ConformanceCase, machine_of
from verify.conformance.check import (
    CaseOutcome,
    check_error_case,
    judged,
    safely,
    settings_of,
    wrong_words,
)
from verify.conformance.prepare import Expected, prepare
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.copy import design as mutant_design

__all__ = ["build_mutants", "run_mutants", "run_some_mutants"]

LONG = {"edges": 200_000, "meetings": 200_000}
"""Of a kind of cases, see `MUTANT_CYCLES`."""
MUTANT_CYCLES = 80_000
"""After so many cycles a mutation of any other case counts as caught: it never ends."""
Seen = dict[str, dict]
"""Outcomes by the number of the mutation as text."""


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
    call = {"case": case, "base": base, "own_channels": own_channels, "numbers": numbers}
    return run_some_mutants([call])[0]


def run_some_mutants(calls: list[dict]) -> list[dict]:
    """What `run_mutants` gives for each of these arguments: cases on one mesh, from one start of
    the simulator.
    """
    own = calls[0]["own_channels"]
    machine = machine_of(calls[0]["case"], calls[0]["base"], own_channels=own)
    trials = {index: list(_trials(**call)) for index, call in enumerate(calls)}
    every = [trial for those in trials.values() for trial in those]
    seen = iter(run_trials(every, mutant_design(machine, CATALOGUE, 0)))
    return [
        {number: outcome for _ in those for number, outcome in next(seen).items()}
        for those in trials.values()
    ]


def _trials(
    case: ConformanceCase, base: Machine, own_channels: bool, numbers: tuple[int, ...]
) -> Iterator[Trial[Seen]]:
    """One for all mutations; of a case of errors, whose runs depend on those before, one each."""
    if case.kind == "errors":
        machine = machine_of(case, base, own_channels=own_channels)
        yield from (_errors(case, machine, number) for number in numbers)
    else:
        # Races are none of a mutation's business: the case itself has been looked at.
        yield _at_once(prepare(case, base, own_channels, checked=False), numbers)


def _at_once(expected: Expected, numbers: tuple[int, ...]) -> Trial[Seen]:
    case = expected.case
    settings = settings_of(case, LONG.get(case.kind, MUTANT_CYCLES))
    branches = tuple({"mutant": number} for number in numbers)
    [results] = yield [Job(expected.machine, expected.images(), expected.start, settings, branches)]
    return {
        str(number): _outcome(expected, result)
        for number, result in zip(numbers, results, strict=True)
    }


def _outcome(expected: Expected, result: Result) -> dict:
    outcome, words = CaseOutcome(expected.case.name, True), 0
    if isinstance(result, SimulationFailure):
        outcome.passed, outcome.how, outcome.detail = False, "simulator", str(result)
    else:
        run = ran(result)
        outcome = judged(outcome, expected, run)
        words = wrong_words(expected, run) if isinstance(run, MeshRun) else 0
    return outcome.to_dict() | {"words": words}


def _errors(case: ConformanceCase, machine: Machine, number: int) -> Trial[Seen]:
    outcome = yield from safely(
        case,
        check_error_case(
            CaseOutcome(case.name, True),
            machine,
            case,
            settings_of(case, MUTANT_CYCLES),
            {"mutant": number},
        ),
    )
    return {str(number): outcome.to_dict() | {"words": 0}}
