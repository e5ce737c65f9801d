"""A case of errors on the RTL: who reports what, and that all stands still afterwards."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from golden.machine import GoldenMachine
from isa.geometry import TileXY
from isa.instructions import Queue
from isa.machine import Machine
from isa.status import QUEUE_PROBES, ErrorCode, Probe
from tb.batch import Job, Trial, ran
from tb.mesh import MeshRun, RunFailure, Settings
from verify.conformance.error_collectives import in_parts, reused_tags
from verify.conformance.error_counts import bad_headers, disagreements, overflows
from verify.conformance.error_deadlocks import deadlocks, wrong_stand
from verify.conformance.error_program import LOOSE, Culprit, ErrorProgram
from verify.conformance.error_programs import (
    in_order,
    in_turn_of_tiles,
    late_errors,
    reached,
    refused,
    sampled,
)

__all__ = ["ERRORS", "check_errors", "error_programs"]


def _nobody(machine: Machine) -> list[ErrorProgram]:
    """Golden must find a deadlock in each program that is to have one; no tile reports it."""
    deadlocks(machine)
    return []


DEADLOCKS = "deadlocks"
ERRORS: dict[str, Callable[[Machine], list[ErrorProgram]]] = {
    "matrix": lambda machine: refused(machine, Queue.MATRIX),
    "vector": lambda machine: refused(machine, Queue.VECTOR),
    "load": lambda machine: refused(machine, Queue.LOAD),
    "out": lambda machine: refused(machine, Queue.OUT),
    "reach": reached,
    "order": in_order,
    "counts": overflows,
    "reductions": disagreements,
    "header": bad_headers,
    "parts": in_parts,
    "tags": reused_tags,
    "turns": in_turn_of_tiles,
    "sample": sampled,
    "late": late_errors,
    DEADLOCKS: _nobody,
}
"""What cases of errors are about: what a queue refuses at once, what runs beyond a memory, which of
two comes first, and what no instruction is named for; and what waits for ever, which has no
culprits.
"""
FIRST = 2
"""Programs that are run at first."""
_Difference = tuple[str, str]
"""How, and one line."""
_KNOWN: dict[int, tuple[ErrorProgram, dict[TileXY, list[int]], list[NDArray[np.uint8]]]] = {}
"""Of programs, by their identity: most are run more than once, and with many mutations."""


@cache
def error_programs(machine: Machine, about: str) -> list[ErrorProgram]:
    """All programs of a case: as many errors in each as there are tiles.

    Raises
    ------
    AssertionError
        If the golden machine does not refuse what must be refused.
    """
    return ERRORS[about](machine)


def check_errors(
    machine: Machine, about: str, settings: Settings, inputs: Mapping[str, int]
) -> Trial[tuple[int, _Difference | None]]:
    """Run all programs of a case, with further `inputs` of the mesh. Returns the cycles of all runs
    and what differs, if anything.

    All tiles run until the first error stops them, and tiles whose errors come in the same cycles
    report them together. Those that were stopped before are run once more, without the others. A
    few programs are run at first, then ever more: one that differs ends the case.
    """
    if about == DEADLOCKS:
        return (yield from _check_deadlocks(machine, settings, inputs))
    left = [(one, one.culprits) for one in error_programs(machine, about) if one.culprits]
    cycles, size = 0, FIRST
    while left:
        now, left = left[:size], left[size:]
        results = yield [
            _job(machine, program, culprits, settings, inputs) for program, culprits in now
        ]
        again = []
        for (program, culprits), [result] in zip(now, results, strict=True):
            taken, silent, difference = _judge(machine, program, culprits, ran(result))
            cycles += taken
            if difference:
                return cycles, difference
            if silent:
                again.append((program, silent))
        left = again + left
        size *= 2
    return cycles, None


def _check_deadlocks(
    machine: Machine, settings: Settings, inputs: Mapping[str, int]
) -> Trial[tuple[int, _Difference | None]]:
    """Run all programs that wait for ever, likewise."""
    cycles = 0
    nothing = [np.zeros(machine.tile.word_bytes, np.uint8) for _ in machine.channels]
    standstills = deadlocks(machine)
    results = yield [
        Job(machine, deadlock.images(), nothing, settings, (inputs,)) for deadlock in standstills
    ]
    for deadlock, [result] in zip(standstills, results, strict=True):
        stopped = ran(result)
        if isinstance(stopped, MeshRun):
            return cycles, ("hang", "a deadlock ran to the end")
        cycles += stopped.run.cycles
        if difference := next(wrong_stand(deadlock, stopped), None):
            return cycles, difference
    return cycles, None


def _job(
    machine: Machine,
    program: ErrorProgram,
    culprits: list[Culprit],
    settings: Settings,
    inputs: Mapping[str, int],
) -> Job:
    """A program's run with these of its errors."""
    active = {tile for culprit in culprits for tile in culprit.tiles}
    images = {t: (program.images if t in active else program.calm)[t] for t in program.images}
    return Job(machine, images, program.hbm, settings, (inputs,))


def _judge(
    machine: Machine, program: ErrorProgram, culprits: list[Culprit], stopped: MeshRun | RunFailure
) -> tuple[int, list[Culprit], _Difference | None]:
    """Of a run: its cycles, the culprits that have not reported yet, and what differs."""
    names = "; ".join(culprit.name for culprit in culprits[:3])
    if isinstance(stopped, MeshRun):
        return stopped.cycles, [], ("error code", f"{names}: ran to the end, golden refuses it")
    if stopped.kind != "error":
        return 0, [], ("error code", f"{names}: not reported: {stopped}")
    silent = [c for c in culprits if not any(_reported(stopped, t) for t in c.tiles)]
    differences = (
        *_reports(stopped, culprits, program.channel),
        *_state(machine, program, stopped, culprits),
    )
    if program.ordered and silent != culprits[1:]:
        seen = ", ".join(c.name for c in culprits if c not in silent)
        differences += (("error code", f"{culprits[0].name}: must stop alone, not {seen}"),)
    if program.channel:
        silent = []
    elif len(silent) == len(culprits):
        differences += (("error code", f"{names}: not reported: {stopped}"),)
    return stopped.run.cycles, silent, next(iter(differences), None)


def _reported(stopped: RunFailure, tile: TileXY) -> ErrorCode:
    return ErrorCode(stopped.probes[tile][Probe.ERROR] & 0xFF)


def _reports(stopped: RunFailure, culprits: list[Culprit], channel: bool) -> Iterator[_Difference]:
    """Every tile that reports anything must report what the golden machine does."""
    expected = {} if channel else {tile: c for c in culprits for tile in c.tiles}
    for tile, values in stopped.probes.items():
        word = values[Probe.ERROR]
        code, queue, slot = word & 0xFF, word >> 8 & 0xFF, word >> 16
        if not code:
            continue
        where = f"tile ({tile[0]},{tile[1]})"
        here = "flits" if queue == 0xFF else f"queue {queue} slot {slot}"
        seen = f"{code} ({here})"
        culprit = expected.get(tile)
        if culprit is None:
            yield "error code", f"{where} reports {seen}, golden nothing"
            continue
        named = (None, None) if queue == 0xFF else (queue, slot)
        if code not in culprit.codes or named != (culprit.queue, culprit.slot):
            right = (
                "flits"
                if culprit.queue is None
                else (f"queue {int(culprit.queue)} slot {culprit.slot}")
            )
            codes = " or ".join(str(int(code)) for code in culprit.codes)
            yield "error code", f"{culprit.name}: {where} reports {seen}, golden {codes} ({right})"


def _state(
    machine: Machine, program: ErrorProgram, stopped: RunFailure, culprits: list[Culprit]
) -> Iterator[_Difference]:
    """What has happened by then, and nothing since."""
    semaphores, memory = _by_then(machine, program)
    reported = [t for c in culprits for t in c.tiles if _reported(stopped, t)]
    for tile in reported:
        where = f"tile ({tile[0]},{tile[1]})"
        before, later = stopped.probes[tile], stopped.later[tile]
        for number, count in enumerate(semaphores[tile]):
            seen = later[Probe.SEMAPHORE + number]
            if number != LOOSE and seen != count:
                yield (
                    "after the stop",
                    f"{where}: semaphore {number} is {seen} after the stop, golden {count}",
                )
    for tile, before in stopped.probes.items():
        later = stopped.later[tile]
        for queue in Queue:
            for at, name in enumerate(QUEUE_PROBES):
                index = Probe.QUEUE + 16 * queue + at
                if before[index] != later[index]:
                    yield (
                        "after the stop",
                        f"tile ({tile[0]},{tile[1]}): queue {queue.name.lower()} goes on after the "
                        f"stop: {name} {before[index]}, later {later[index]}",
                    )
    for index, (content, words) in enumerate(zip(stopped.run.hbm, memory, strict=True)):
        if (wrong := _first(content, words)) is not None:
            yield "after the stop", f"HBM channel {index}, byte {wrong:#x} is not golden's"


def _by_then(
    machine: Machine, program: ErrorProgram
) -> tuple[dict[TileXY, list[int]], list[NDArray[np.uint8]]]:
    """Semaphores and channels when all that comes before the errors has been executed."""
    if id(program) not in _KNOWN:
        golden = GoldenMachine(machine, program.before, [c.copy() for c in program.hbm])
        golden.run()
        most = max(map(len, program.hbm))
        memory = [np.ascontiguousarray(words).view(np.uint8) for words in golden.hbm]
        memory = [content.reshape(-1)[:most].copy() for content in memory]
        _KNOWN[id(program)] = program, golden.semaphores, memory
    return _KNOWN[id(program)][1:]


def _first(seen: NDArray[np.uint8], golden: NDArray[np.uint8]) -> int | None:
    wrong = np.flatnonzero(seen[: len(golden)] != golden[: len(seen)])
    return int(wrong[0]) if len(wrong) else None
