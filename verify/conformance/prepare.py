"""From a case to what it must give: programs, HBM contents, and the run of the golden machine."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from golden.errors import GoldenError
from golden.machine import GoldenMachine
from golden.races import RaceError
from golden.recording import Step
from isa.formats import decode
from isa.geometry import TileXY
from isa.image import Program
from isa.machine import Machine
from programs.common.compiled import Compiled
from programs.compiler import compile_workload
from programs.tensors import AttentionTensors, Tensors, load_workload
from tb.accuracy import judge
from verify.conformance.case import ConformanceCase, machine_of
from verify.conformance.edge_programs import edge_program
from verify.conformance.factors import OPTIONS
from verify.conformance.meeting_programs import meeting_program
from verify.conformance.numbers import fill, fill_matrices
from verify.conformance.tile_programs import tile_program

__all__ = ["Expected", "prepare", "run_golden"]

DRAWN = {"tiles": tile_program, "edges": edge_program, "meetings": meeting_program}
"""What draws the instruction programs of each kind."""


@dataclass
class Expected:
    """A case, compiled and run by the golden machine."""

    case: ConformanceCase
    machine: Machine
    programs: dict[TileXY, Program]
    start: list[NDArray[np.uint8]]
    """Bytes of each channel before the run."""
    compiled: Compiled | None = None
    """Of a workload; an instruction program has none."""
    wrong: str = ""
    """What is wrong with the golden machine's run, if anything is."""
    end: list[NDArray[np.uint8]] = field(default_factory=list)
    """Bytes of each channel after it, as far as they are looked at."""
    semaphores: dict[TileXY, list[int]] = field(default_factory=dict)
    words_read: list[int] = field(default_factory=list)
    words_written: list[int] = field(default_factory=list)
    error_ratio: float | None = None
    """Largest share of what an element may be off (`tb.accuracy`) that one is."""
    steps: list[Step] = field(default_factory=list)
    """All instructions that were executed, for coverage."""
    tensors: Tensors | None = None
    output: NDArray | None = None
    """Bits of a workload's output."""

    @property
    def dump(self) -> tuple[int, int]:
        """First and last HBM word to look at afterwards."""
        return 0, max(len(content) for content in self.start) // self.machine.tile.word_bytes - 1

    def images(self) -> dict[TileXY, list[int]]:
        """Program images."""
        return {tile: program.words() for tile, program in self.programs.items()}


@lru_cache(maxsize=4)
def prepare(
    case: ConformanceCase, base: Machine, own_channels: bool = True, checked: bool = True
) -> Expected:
    """Compile a case and run it on the golden machine; `checked`: look for races.

    Raises
    ------
    UserError
        If it cannot be compiled for the machine.
    """
    machine = machine_of(case, base, own_channels=own_channels)
    if case.kind in DRAWN:
        drawn = DRAWN[case.kind](machine, case.numbers, case.seed)
        expected = Expected(case, machine, drawn.programs, drawn.hbm)
    else:
        tensors = load_workload(case.workload, case.dtype, case.seed, case.p, case.o)
        compiled = compile_workload(
            machine, tensors.workload, case.dataflow, **OPTIONS[case.options]
        )
        if isinstance(tensors, AttentionTensors):
            w = tensors.workload
            inputs = tensors.q, tensors.k, tensors.v
            fill(case.numbers, case.seed, inputs, w.fmt, visible=not w.masked)
        else:
            fill_matrices(case.numbers, case.seed, tensors.a, tensors.b, tensors.workload.fmt)
        expected = Expected(
            case, machine, compiled.programs, tensors.scatter(compiled), compiled, tensors=tensors
        )
    run_golden(expected, races=checked)
    if not expected.wrong and expected.compiled is not None:
        _judge(expected)
    return expected


def run_golden(expected: Expected, races: bool = True) -> None:
    """Have the golden machine run its programs, with all its checks, those for races if they are
    wanted, and note what comes of it.
    """
    golden = GoldenMachine(
        expected.machine, expected.programs, [c.copy() for c in expected.start], races=races
    )
    try:
        golden.run()
    except RaceError as error:
        expected.wrong = str(error).splitlines()[0]
    except GoldenError as error:
        expected.wrong = f"golden machine: {str(error).splitlines()[0]}"
    statistics = golden.statistics
    expected.steps = golden.steps
    expected.words_read, expected.words_written = (
        statistics.hbm_words_read,
        statistics.hbm_words_written,
    )
    expected.semaphores = golden.semaphores
    most = (expected.dump[1] + 1) * expected.machine.tile.word_bytes
    for before, words in zip(expected.start, golden.hbm, strict=True):
        after = np.ascontiguousarray(words).view(np.uint8).reshape(-1)[:most]
        content = np.zeros(max(len(before), len(after)), np.uint8)
        content[: len(after)] = after
        expected.end.append(content)


def _judge(expected: Expected) -> None:
    """HBM traffic against the formula, and the output against fp64."""
    compiled, word = expected.compiled, expected.machine.tile.word_bytes
    assert compiled is not None
    for what, words, ideal in (
        ("read", expected.words_read, compiled.hbm_ideal_read_bytes),
        ("written", expected.words_written, compiled.hbm_ideal_write_bytes),
    ):
        if sum(words) * word != ideal:
            expected.wrong = (
                f"golden machine: {sum(words) * word} bytes of HBM {what}, {ideal} by the formula"
            )
            return
    tensors = expected.tensors
    assert tensors is not None
    expected.output = tensors.gather(compiled, expected.end)
    accuracy = judge(decode(expected.output, tensors.workload.o_fmt), tensors)
    expected.error_ratio = accuracy.of_allowed
    if not accuracy.passed:
        expected.wrong = f"golden machine: {accuracy.why()}"
