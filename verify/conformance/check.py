"""One case on the RTL, compared with what the golden machine gave."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.machine import Machine
from isa.status import Probe
from tb.batch import Job, Trial, ran
from tb.mesh import MeshRun, RunFailure, Settings
from verify.conformance.case import ConformanceCase, machine_of
from verify.conformance.error_check import check_errors, error_programs
from verify.conformance.meeting_channels import met_in_channel
from verify.conformance.meeting_points import met_in
from verify.conformance.meeting_programs import expected_meetings
from verify.conformance.prepare import Expected, prepare

__all__ = ["CaseOutcome", "check_case", "check_error_case", "compare", "judged", "run_on_golden"]
__all__ += ["safely", "settings_of", "wrong_words"]

CYCLES = {"default": 200_000, "large": 4_000_000}
"""After so many cycles a case is given up; those that only the nightly set has may be large."""
SETTLE = 3000
"""Cycles after an error in which all that was under way must have arrived."""


@dataclass
class CaseOutcome:
    """What came of a case."""

    case: str
    passed: bool
    skipped: bool = False
    """It cannot be compiled for the user's machine."""
    how: str = ""
    """Of a failure: ``wrong bits``, ``HBM bytes``, ``semaphores``, ``error code``, ``after the
    stop``, ``meetings``, ``hang``, ``endless``, ``golden``, ``compile`` or ``simulator``.
    """
    detail: str = ""
    cycles: int = 0
    floor: int = 0
    """Cycles that it takes at least, see `verify.conformance.floor`."""
    seconds: float = 0.0
    error_ratio: float | None = None
    bins: list[str] = field(default_factory=list)
    """Functional coverage that the case hit."""

    def to_dict(self) -> dict:
        """As JSON has it."""
        return asdict(self)


def settings_of(case: ConformanceCase, most_cycles: int | None = None) -> Settings:
    """Conditions of a case's run."""
    return Settings(
        stall_rate=case.stall,
        stall_seed=case.seed & 0xFFFF,
        backpressure=True,
        watchdog=1200 + 4 * case.latency,
        settle=SETTLE if case.kind == "errors" else Settings.settle,
        most_cycles=most_cycles or CYCLES["large" if case.name.startswith("n") else "default"],
        counters=False,
    )


def run_on_golden(case: ConformanceCase, base: Machine, own_channels: bool = True) -> CaseOutcome:
    """Only the golden machine, with its own checks."""
    if case.kind == "errors":
        error_programs(machine_of(case, base, own_channels=own_channels), case.numbers)
        return CaseOutcome(case.name, True)
    expected = prepare(case, base, own_channels)
    outcome = CaseOutcome(case.name, not expected.wrong, error_ratio=expected.error_ratio)
    if expected.wrong:
        outcome.how, outcome.detail = "golden", expected.wrong
    return outcome


def check_case(
    case: ConformanceCase, base: Machine, own_channels: bool = True, watched: bool = False
) -> Trial[CaseOutcome]:
    """The golden machine, then the RTL or what takes its place, which must do the same to the last
    bit.

    With `watched`, on the hardware that notes which events meet, those of the case must.
    """
    outcome = run_on_golden(case, base, own_channels)
    if not outcome.passed:
        return outcome
    settings = settings_of(case)
    if case.kind == "errors":
        machine = machine_of(case, base, own_channels=own_channels)
        return (yield from check_error_case(outcome, machine, case, settings, {}))
    expected = prepare(case, base, own_channels)
    [[result]] = yield [Job(expected.machine, expected.images(), expected.start, settings)]
    run = ran(result)
    outcome = judged(outcome, expected, run)
    if watched and outcome.passed and isinstance(run, MeshRun):
        for how, detail in _missed(expected, run):
            outcome.passed, outcome.how, outcome.detail = False, how, detail
    return outcome


def check_error_case(
    outcome: CaseOutcome,
    machine: Machine,
    case: ConformanceCase,
    settings: Settings,
    inputs: Mapping[str, int],
) -> Trial[CaseOutcome]:
    """A case of errors, with further `inputs` of the mesh."""
    outcome.cycles, difference = yield from check_errors(machine, case.numbers, settings, inputs)
    outcome.passed = difference is None
    outcome.how, outcome.detail = difference or ("", "")
    return outcome


def judged(outcome: CaseOutcome, expected: Expected, run: MeshRun | RunFailure) -> CaseOutcome:
    """The outcome of a case whose RTL did `run`."""
    if isinstance(run, RunFailure):
        outcome.passed = False
        outcome.how = {"error": "error code"}.get(run.kind, run.kind)
        outcome.detail = str(run)
        return outcome
    outcome.cycles = run.cycles
    for how, detail in compare(expected, run):
        outcome.passed, outcome.how, outcome.detail = False, how, detail
        break
    return outcome


def _missed(expected: Expected, run: MeshRun) -> Iterator[tuple[str, str]]:
    """Events that were to meet in one cycle, and did not."""
    met = set().union(*(met_in(run.workdir, tile) for tile in run.probes))
    met |= set().union(*(met_in_channel(run.workdir, n) for n in range(len(run.hbm))))
    missing = [name for name in expected_meetings(expected.case.numbers) if name not in met]
    if missing:
        yield "meetings", f"no longer in one cycle: {'; '.join(missing)}"


def compare(expected: Expected, run: MeshRun) -> Iterator[tuple[str, str]]:
    """What differs: (how, one line), the most telling first."""
    if (
        expected.tensors is not None
        and expected.compiled is not None
        and expected.output is not None
    ):
        seen = expected.tensors.gather(expected.compiled, run.hbm)
        wrong = np.argwhere(seen != expected.output)
        if len(wrong):
            at = tuple(wrong[0])
            yield (
                "wrong bits",
                (
                    f"output differs in {len(wrong)} of {seen.size} elements, first at "
                    f"{expected.tensors.axes} = {tuple(map(int, at))}: expected "
                    f"{expected.output[at]:#06x}, got {seen[at]:#06x}"
                ),
            )
    for index, (after, seen) in enumerate(zip(expected.end, run.hbm, strict=True)):
        if detail := _first_difference(after, seen, expected.machine.tile.word_bytes):
            yield "wrong bits", f"HBM channel {index}, {detail}"
    for what, words, golden in (
        ("read from", run.words_read, expected.words_read),
        ("written to", run.words_written, expected.words_written),
    ):
        for index, (here, there) in enumerate(zip(words, golden, strict=True)):
            if here != there:
                yield "HBM bytes", f"{here} words {what} HBM channel {index}, golden {there}"
    for tile, counts in expected.semaphores.items():
        for number, count in enumerate(counts):
            if (here := run.probes[tile][Probe.SEMAPHORE + number]) != count:
                yield (
                    "semaphores",
                    f"tile ({tile[0]},{tile[1]}): semaphore {number} is {here} in the end, golden "
                    f"{count}",
                )
    for tile, values in run.probes.items():
        if values[Probe.ERROR] & 0xFF:
            yield (
                "error code",
                f"tile ({tile[0]},{tile[1]}): error {values[Probe.ERROR] & 0xFF} after the end",
            )


def wrong_words(expected: Expected, run: MeshRun) -> int:
    """Words of all channels that differ in the end."""
    word = expected.machine.tile.word_bytes
    pairs = [
        (after[:size].reshape(-1, word), seen[:size].reshape(-1, word))
        for after, seen in zip(expected.end, run.hbm, strict=True)
        for size in [min(len(after), len(seen)) // word * word]
    ]
    return sum(int((after != seen).any(axis=1).sum()) for after, seen in pairs)


def _first_difference(expected: NDArray[np.uint8], seen: NDArray[np.uint8], word_bytes: int) -> str:
    size = max(len(expected), len(seen))
    padded = [
        np.concatenate([content, np.zeros(size - len(content), np.uint8)])
        for content in (expected, seen)
    ]
    wrong = np.flatnonzero(padded[0] != padded[1])
    if not len(wrong):
        return ""
    word, byte = divmod(int(wrong[0]), word_bytes)
    words = len(np.unique(wrong // word_bytes))
    return (
        f"{words} words differ, first {word:#x} byte {byte}: expected {padded[0][wrong[0]]:#04x}, "
        f"got {padded[1][wrong[0]]:#04x}"
    )


def safely(case: ConformanceCase, trial: Trial[CaseOutcome]) -> Trial[CaseOutcome]:
    """A trial of a case; what cannot be compiled or simulated becomes a failure of the case."""
    try:
        return (yield from trial)
    except UserError as error:
        return CaseOutcome(case.name, False, how="compile", detail=str(error))
    except AssertionError as error:  # tb.runner.SimulationFailure among them
        return CaseOutcome(
            case.name,
            False,
            how="simulator",
            detail=str(error).splitlines()[0] if str(error) else type(error).__name__,
        )
