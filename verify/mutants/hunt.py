"""The mutation check of `make conformance`: each fault is run with cases of all kinds in turn, till
several have seen it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, zip_longest
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from isa.machine import Machine
from tb.runner import ROOT
from tb.tasks import Store, Task, Workers, run_tasks
from verify.conformance.cases import ConformanceCase
from verify.conformance.cost import batches, cost_of, tiles_of_mesh
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.tasks import build_mutants, run_mutants, run_some_mutants

__all__ = ["CYCLES", "MESHES", "Catch", "Hunt", "Sight", "chosen", "in_turn"]

MESHES = ("3x2", "5x3")
"""Of the hardware with mutations, unless the user names one: a small one, where runs are short; and
one with channels on all sides and every join.
"""
PUBLISHED = ROOT / "docs" / "results" / "conformance.json"
CYCLES = "cycles"
"""How a fault is seen that changes nothing but their number."""
ENOUGH = 3
"""Cases that see a mutation, after which it is run with no more."""
TURNS = (ENOUGH, 8, 16)
"""Cases that a mutation has been run with when it is asked whether it needs more; after the last
number it counts as not caught.
"""
BATCH = 16
"""Mutations that a process runs a case with, one after the other."""
DEAR = 30_000
"""Cycles of an instruction program that is only for mutations that name it, or that it has seen."""


@dataclass(frozen=True)
class Sight:
    """What a case saw of a mutation."""

    case: str
    how: str
    words: int = 0
    """Words of HBM that were wrong; 0 where it was something else."""


@dataclass(frozen=True)
class Catch:
    """What became of a mutation."""

    number: int
    sights: tuple[Sight, ...] = ()
    tried: int = 0
    """Cases that it was run with."""

    @property
    def name(self) -> str:
        """Of the mutation."""
        return CATALOGUE[self.number - 1].name

    @property
    def telling(self) -> tuple[Sight, ...]:
        """The sights that count: of a fault of more than speed, those of more than cycles."""
        slow = CATALOGUE[self.number - 1].slow
        return tuple(sight for sight in self.sights if slow or sight.how != CYCLES)

    def after(self, outcome: dict, clean: dict) -> "Catch":
        """What is known after one more case, which without the mutation gave `clean`."""
        sights = self.sights
        if not clean["passed"]:
            return self
        if not outcome["passed"]:
            sights += (Sight(outcome["case"], outcome["how"], outcome["words"]),)
        elif outcome["cycles"] != clean["cycles"]:
            sights += (Sight(outcome["case"], CYCLES),)
        return Catch(self.number, sights, self.tried + 1)

    @property
    def caught(self) -> bool:
        """Whether any case saw it."""
        return bool(self.telling)

    def __str__(self) -> str:
        if not self.caught:
            return f"only {CYCLES}" if self.sights else ""
        widest = max(self.telling, key=lambda sight: sight.words)
        words = f", {widest.words} words" if widest.words else ""
        by = ", ".join(sight.case for sight in self.telling)
        return f"{widest.how} by {by}: {len(self.telling)} of {self.tried} cases{words}"


def chosen(text: str) -> list[int]:
    """Numbers of the mutations that MUTANT names: all of them, or one by number or name.

    Raises
    ------
    UserError
        If there is no such mutation.
    """
    names = [mutation.name for mutation in CATALOGUE]
    if not text:
        return list(range(1, len(names) + 1))
    if text in names:
        return [names.index(text) + 1]
    if re.fullmatch(r"\d{1,3}", text) and 1 <= int(text) <= len(names):
        return [int(text)]
    raise UserError(
        f"MUTANT must be a number from 1 to {len(names)} or a name like {names[0]}, not {text!r}"
    )


@dataclass(frozen=True)
class Hunt:
    """How mutations are run."""

    base: Machine
    own_channels: bool
    """Channels where each mesh of the sets has them, instead of the base machine's."""
    workers: Workers
    keep: Path | None
    """Folder of the results of earlier runs, if they are to be used."""

    def build(self, cases: list[ConformanceCase]) -> Task:
        """The build of the hardware with all mutations."""
        first = tuple({case.mesh: case for case in reversed(cases)}.values())
        return Task("build of the mutations", build_mutants, {"cases": first, **self._shared})

    @property
    def _shared(self) -> dict:
        return {"base": self.base, "own_channels": self.own_channels}

    def run(
        self, numbers: list[int], cases: list[ConformanceCase], console: Console
    ) -> tuple[list[Catch], dict[str, dict]]:
        """Run mutations until they have been seen often enough.

        Returns what became of them, in the order of `numbers`, and what each of the cases used gave
        without any mutation.
        """
        shared = self._shared
        run_tasks([self.build(cases)], Workers(1), console)
        store = Store(self.keep) if self.keep else None
        clean: dict[str, dict] = {}
        found = {number: Catch(number) for number in numbers}
        queues = {number: _order(cases, number) for number in numbers}
        for turn, end in pairwise((0, *TURNS)):
            wanted: dict[ConformanceCase, list[int]] = {}
            for number, catch in found.items():
                if len(catch.telling) < ENOUGH:
                    for case in queues[number][turn:end]:
                        wanted.setdefault(case, [] if case.name in clean else [0]).append(number)
            tasks = [
                _task(case, tuple(those[at : at + BATCH]), shared)
                for case, those in wanted.items()
                for at in range(0, len(those), BATCH)
            ]
            together = batches(tasks, run_some_mutants, _alike, _cost)
            results = run_tasks(together, self.workers, console, store=store).values()
            seen = [(int(number), o) for result in results for number, o in result.items()]
            clean |= {outcome["case"]: outcome for number, outcome in seen if not number}
            for number, outcome in seen:
                if number:
                    found[number] = found[number].after(outcome, clean[outcome["case"]])
        return list(found.values()), clean


def _order(cases: list[ConformanceCase], number: int) -> list[ConformanceCase]:
    """The cases that saw the mutation in the published run first, the cheapest of them before the
    others, then what it names, then cases of all kinds in turn.
    """
    mutation = CATALOGUE[number - 1]
    seen = _published(mutation.name)
    before = sorted((case for case in cases if case.name in seen), key=cost_of)
    named = [case for name in mutation.cases for case in cases if case.name.startswith(name)]
    return list(dict.fromkeys([*before, *named, *in_turn(cases)]))


def _published(name: str) -> tuple[str, ...]:
    """The cases that are published as those that saw a mutation, if there are any."""
    by = re.search(r" by ([^:]+)", _results().get(f"mutation_{name}", ""))
    return tuple(by[1].split(", ")) if by else ()


@cache
def _results() -> dict[str, str]:
    try:
        return json.loads(PUBLISHED.read_text())
    except OSError:
        return {}


def _task(case: ConformanceCase, numbers: tuple[int, ...], shared: dict) -> Task:
    name = f"{case.name} with {len(numbers)} mutations from {numbers[0]}"
    return Task(name, run_mutants, {"case": case, "numbers": numbers, **shared})


def _alike(task: Task) -> tuple:
    """Tasks that may be a batch: of one mesh, and errors apart, which are run by run."""
    case = task.arguments["case"]
    return case.mesh, case.kind == "errors"


def _cost(task: Task) -> int:
    return cost_of(task.arguments["case"]) * len(task.arguments["numbers"])


def in_turn(cases: Iterable[ConformanceCase]) -> list[ConformanceCase]:
    """Cases of all kinds in turn, and those of a kind by what they are about in turn: dataflow, or
    focus of an instruction program. Workloads on the larger meshes first. Instruction programs take
    long there, errors are many runs each, and some programs are `DEAR`: those are only for
    mutations that name them, or that they have seen.
    """
    cases = list(cases)
    small = min((case.mesh for case in cases), key=tiles_of_mesh, default="")
    kinds: dict[str, dict[str, list[ConformanceCase]]] = {}
    for case in cases:
        on = case.mesh == small and case.kind != "errors"
        on = on and cost_of(case) < DEAR * tiles_of_mesh(small)
        if case.workload or on:
            kind = kinds.setdefault(case.kind, {})
            kind.setdefault(case.dataflow or case.numbers, []).append(case)
    found = []
    for about in kinds.values():
        for those in about.values():
            those.sort(key=lambda case: tiles_of_mesh(case.mesh), reverse=bool(those[0].workload))
        found.append(_alternate(about.values()))
    return _alternate(found)


def _alternate(lists: Iterable[list[ConformanceCase]]) -> list[ConformanceCase]:
    return [case for turn in zip_longest(*lists) for case in turn if case]
