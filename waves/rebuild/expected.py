"""What the golden machine says that a run moves, against what a VCD shows."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from golden.dry import list_collectives
from golden.statistics import CollectiveRecord
from isa.errors import UserError
from isa.machine import Machine, load_machine
from programs.common.kind import Decision
from programs.common.ranking import parse_slice
from programs.compiler import compile_workload
from programs.tensors import load_workload
from programs.text.listing import Listing
from programs.text.reader import read_listing
from waves.read.recording import Facts
from waves.rebuild.inspection import Inspection, Problem, Transfer, area

__all__ = ["NOTED", "Expectation", "expect", "listed"]

NOTED = (
    "machine",
    "mesh",
    "dataflow",
    "workload",
    "dtype",
    "ptype",
    "otype",
    "seed",
    "group",
    "slice",
    "stall",
    "fault",
)
"""What the note beside a VCD says of the run: variables of `make waves`."""


@dataclass(frozen=True)
class Expectation:
    """The collectives of a whole run, by the golden machine."""

    name: str
    """What is run, for titles."""
    counts: Counter[CollectiveRecord]
    listing: Listing | None = None
    """The program text that is run, if it is one."""

    def compare(self, inspection: Inspection) -> list[Problem]:
        """Problems with the collectives that were seen whole: of which there are too many, or in a
        whole run too few.
        """
        recording = inspection.recording
        seen = Counter(
            listed(collective) for collective in inspection.collectives if collective.whole
        )
        all_of_it = recording.first == 0 and recording.over
        problems = []
        for key in sorted({*seen, *self.counts}, key=str):
            if seen[key] > self.counts[key] or (all_of_it and seen[key] < self.counts[key]):
                what = (
                    f"{key.kind} {key.op or ''}".strip()
                    + f" with tag {key.tag} over {area(key.rectangle)}, {key.words} words"
                )
                text = f"{what}: seen {seen[key]} times, the golden machine says {self.counts[key]}"
                problems.append(Problem(recording.last, key.root, text))
        return problems


def listed(collective: Transfer) -> CollectiveRecord:
    """What the golden machine would list for a collective."""
    c = collective
    return CollectiveRecord(c.tag, c.kind, c.op, c.root, c.rectangle, c.words)


def expect(note: Path, facts: Facts) -> Expectation:
    """What the golden machine says of the run that a note (``run.json`` beside a VCD) describes.

    Raises
    ------
    UserError
        If the note is not one, is of another mesh than the VCD's `facts`, or names a run that
        cannot be compiled any more.
    """
    if listing := _program_text(note):
        _same_mesh(note, listing.machine, facts)
        counts = Counter(list_collectives(listing.machine, listing.programs))
        return Expectation(f"{listing.path.name} on {_place(listing.machine)}", counts, listing)
    says = f"{note} does not say what was run"
    try:
        run = {name: str(value) for name, value in json.loads(note.read_text()).items()}
        missing = [f" ({name} is missing)" for name in NOTED if name not in run]
        seed = 0 if missing else int(run["seed"])
    except (ValueError, AttributeError, OSError):
        missing = [""]
    if missing:
        raise UserError(f"{says}{missing[0]}: make waves writes it; or remove it")
    fixed = _fixed(note, run)
    machine = load_machine(run["machine"], run["mesh"] or None)
    _same_mesh(note, machine, facts)
    tensors = load_workload(run["workload"], run["dtype"], seed, run["ptype"], run["otype"])
    compiled = compile_workload(machine, tensors.workload, run["dataflow"] or None, **fixed)
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    counts = Counter(list_collectives(machine, images))
    fault = f", with the fault {run['fault']}" if run["fault"] else ""
    return Expectation(
        f"{tensors.name}, {compiled.mapping.dataflow} on {_place(machine)}{fault}",
        counts,
    )


def _fixed(note: Path, run: dict[str, str]) -> dict[str, Decision]:
    """What was fixed of the mapping."""
    try:
        fixed: dict[str, Decision] = {**parse_slice(run["slice"])} if run["slice"] else {}
    except UserError as error:
        raise UserError(f"{note}: {error}") from None
    return {**fixed, "group": run["group"]} if run["group"] else fixed


def _program_text(note: Path) -> Listing | None:
    """The program text that a note of `make run` names."""
    try:
        run = json.loads(note.read_text())
        program = run.get("program")
    except (ValueError, AttributeError, OSError):
        return None
    return read_listing(Path(program), run["machine"], run["mesh"]) if program else None


def _place(machine: Machine) -> str:
    return f"{machine.name} {machine.mesh.columns}x{machine.mesh.rows}"


def _same_mesh(note: Path, machine: Machine, facts: Facts) -> None:
    if (machine.mesh.columns, machine.mesh.rows) != (facts.columns, facts.rows):
        raise UserError(
            f"{note} is of another run: its mesh is {machine.mesh.columns}x{machine.mesh.rows}, "
            f"the VCD's {facts.columns}x{facts.rows}"
        )
