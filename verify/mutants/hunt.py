"""The mutation check of `make conformance`: each fault is run with one case after the other until a
case catches it.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from isa.machine import Machine
from tb.runner import ROOT
from tb.tasks import Store, Task, Workers, run_tasks
from verify.conformance.cases import ConformanceCase
from verify.conformance.tasks import build_mutants, run_mutant
from verify.mutants.catalogue import CATALOGUE

__all__ = ["MESH", "Catch", "Hunt", "chosen"]

MESH = "3x2"
"""Of the hardware with mutations, unless the user names one: joins of three, rows and columns."""
PUBLISHED = ROOT / "docs" / "results" / "conformance.json"
MOST_TRIES = 12
"""Cases that a mutation is run with, before it counts as not caught."""


@dataclass(frozen=True)
class Catch:
    """How a mutation was caught: by nothing where `case` is empty."""

    number: int
    case: str = ""
    how: str = ""
    detail: str = ""

    @property
    def name(self) -> str:
        """Of the mutation."""
        return CATALOGUE[self.number - 1].name


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

    def run(
        self, numbers: list[int], cases: list[ConformanceCase], console: Console
    ) -> tuple[list[Catch], dict[str, dict]]:
        """Run mutations until they are caught.

        Returns the catches, in the order of `numbers`, and what each of the cases used gave without
        any mutation.
        """
        shared = {"base": self.base, "own_channels": self.own_channels}
        run_tasks(
            [Task("build of the mutations", build_mutants, {"case": cases[0], **shared})],
            Workers(1),
            console,
        )
        caught: dict[int, Catch] = {}
        clean: dict[str, dict] = {}
        store = Store(self.keep) if self.keep else None
        queues = {number: _order(cases, number) for number in numbers}
        for turn in range(MOST_TRIES):
            pairs = [
                (number, queues[number][turn])
                for number in numbers
                if number not in caught and turn < len(queues[number])
            ]
            if not pairs:
                break
            # Those that share a case come together, since a process remembers its last golden runs.
            pairs.sort(key=lambda pair: pair[1].name)
            used = {case.name: case for _, case in pairs if case.name not in clean}
            tasks = [_task(0, case, shared) for case in used.values()] + [
                _task(number, case, shared) for number, case in pairs
            ]
            results = run_tasks(tasks, self.workers, console, store=store)
            clean |= {name: results[_name(0, case)] for name, case in used.items()}
            for number, case in pairs:
                result = results[_name(number, case)]
                if not result["passed"] and clean[case.name]["passed"]:
                    caught[number] = Catch(number, case.name, result["how"], result["detail"])
        return [caught.get(number, Catch(number)) for number in numbers], clean


def _order(cases: list[ConformanceCase], number: int) -> list[ConformanceCase]:
    """The case that caught the mutation in the published run first, then what it names, instruction
    programs, attention.
    """
    mutation = CATALOGUE[number - 1]
    likely = (*_published(mutation.name), *mutation.cases)

    def place(case: ConformanceCase) -> tuple[int, bool, str]:
        named = [index for index, name in enumerate(likely) if case.name.startswith(name)]
        return min(named, default=len(likely)), case.kind != "tiles", case.name.rpartition("-")[2]

    return sorted(cases, key=place)


def _published(name: str) -> tuple[str, ...]:
    """The case that is published as the one that caught a mutation, if there is one."""
    try:
        result = json.loads(PUBLISHED.read_text())
    except OSError:
        return ()
    return tuple(filter(None, [result.get(f"mutation_{name}", "").rpartition(" by ")[2]]))


def _name(number: int, case: ConformanceCase) -> str:
    return f"mutation {number}, {case.name}"


def _task(number: int, case: ConformanceCase, shared: dict) -> Task:
    return Task(_name(number, case), run_mutant, {"case": case, "number": number, **shared})
