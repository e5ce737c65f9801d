"""Makes the programs of a failing case small, on the design that fails."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from isa.errors import UserError
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Instruction, Kind, Queue, kind_of
from tb.hardware import Design
from tb.mesh import RunFailure, simulate
from verify.conformance.check import CaseOutcome, judged, settings_of
from verify.conformance.prepare import Expected, run_golden
from verify.shrink.pieces import pieces_of, without
from verify.shrink.reduce import reduce_to

__all__ = ["Shrunk", "engine_instructions", "shrink"]

Programs = dict[TileXY, Program]
MOST_CYCLES = 100_000


@dataclass
class Shrunk:
    """What is left of a case."""

    expected: Expected
    """Programs, memory before, and what golden makes of it."""
    outcome: CaseOutcome
    """What the design does with it."""
    before: int
    """Instructions that the case had, and that are left: `after`."""
    after: int
    runs: int = 0
    """On the design."""


@dataclass
class _Trials:
    """Runs programs in the place of a case's, and remembers the last that fail as it does."""

    case: Expected
    design: Design | None
    how: str = ""
    """How it must fail; empty: in any way."""
    runs: int = 0
    last: tuple[Expected, CaseOutcome] | None = field(default=None)

    def fails(self, programs: Programs) -> bool:
        """Whether golden takes the programs, and the design does something else."""
        case = replace(self.case.case, name=f"part of {self.case.case.name}")
        part = Expected(case, self.case.machine, programs, self.case.start)
        run_golden(part)
        if part.wrong:
            return False
        self.runs += 1
        try:
            run = simulate(
                part.machine,
                part.images(),
                part.start,
                dump=part.dump,
                settings=settings_of(case, MOST_CYCLES),
                design=self.design,
            )
        except RunFailure as failure:
            outcome = judged(CaseOutcome(case.name, True), part, failure)
        else:
            outcome = judged(CaseOutcome(case.name, True), part, run)
        if outcome.passed or outcome.how != (self.how or outcome.how):
            return False
        self.how, self.last = outcome.how, (part, outcome)
        return True


def shrink(
    expected: Expected, design: Design | None, tell: Callable[[str], None] = lambda line: None
) -> Shrunk:
    """Leave out what the failure does not need: first work of the engines, whose waits and signals
    stay, then anything else that golden can do without.

    Parameters
    ----------
    expected
        The case, see `verify.conformance.prepare.prepare`.
    design
        What it fails on; None: our hardware.
    tell
        Is told how far it is.

    Raises
    ------
    UserError
        If the case does not fail.
    """
    calm = replace(expected, case=replace(expected.case, stall=0))
    trials = _Trials(calm, design)
    programs = dict(expected.programs)
    if not trials.fails(programs):
        trials = _Trials(expected, design)
        if not trials.fails(programs):
            raise UserError(f"CASE {expected.case.name} does not fail: there is nothing to shrink")
    for hollow in (True, False):
        pieces = pieces_of(programs, hollow=hollow)

        def fails(left: list, pieces=pieces, programs=programs) -> bool:
            kept = set(left)
            smaller = without(programs, [piece for piece in pieces if piece not in kept])
            found = trials.fails(smaller)
            if found:
                tell(f"{_size(smaller)} instructions after {trials.runs} runs")
            return found

        reduce_to(pieces, fails)
        assert trials.last is not None
        programs = trials.last[0].programs
    assert trials.last is not None
    part, outcome = trials.last
    return Shrunk(part, outcome, _size(expected.programs), _size(programs), trials.runs)


def _size(programs: Programs) -> int:
    return sum(len(code) for program in programs.values() for code in program.queues.values())


def engine_instructions(programs: Programs) -> list[tuple[TileXY, Queue, Instruction]]:
    """What engines execute, of every tile."""
    return [
        (tile, queue, instruction)
        for tile, program in programs.items()
        for queue, code in program.queues.items()
        for instruction in code
        if kind_of(instruction.opcode) != Kind.SCALAR
    ]
