"""What the race check says of shipped programs, and of the same programs with a wait or a signal
left out.
"""

import time
from collections import Counter
from typing import NamedTuple

from golden.dry import Checked, check
from golden.errors import GoldenError
from isa.instructions import Instruction, Opcode, Queue
from isa.status import ErrorCode
from programs.attention.queues import TAGS
from verify.races.catalogue import Built, Dataflow, SoftwareProgram
from verify.races.removals import Removal, apply, removals

__all__ = [
    "DEMONSTRATIONS",
    "OUTCOMES",
    "REASONS",
    "STUDIED",
    "Demonstration",
    "check_shipped",
    "demonstrate",
    "study",
]

OUTCOMES = {
    "race": "found as a race",
    "hang": "the programs wait for ever",
    "unused": "harmless: nobody takes that count",
    "last": "harmless: in its queue only waits and the end come after it",
    "twin": "harmless: another wait of its queue keeps that order too",
    "otherwise": "harmless for a reason given below",
    "unexplained": "harmless, and nobody knows why",
}
"""What can become of a program; whoever finds `unexplained` should look for the reason."""

REASONS = {
    "stored": "acknowledgements are only to be counted; nobody reads what was stored",
    "o_free": (
        "elsewhere than in roots, the REDUCE that sends O is before the next maximum in the OUT "
        "queue, whose arrival is before P, and so before anything that writes O"
    ),
}
"""Why a wait is not needed for the order, by the semaphore."""

_NEAR = 4
"""Earlier waits of the queue that may keep the same order."""
_FIXED = (("rows", 8), ("columns", 8))
STUDIED: tuple[Dataflow | SoftwareProgram, ...] = (
    Dataflow("flat-async", "mha", "2x2"),
    Dataflow("flat", "causal, many visits", "2x2", _FIXED, "mha:S=48,D=8,H=1,causal=1"),
    Dataflow("flash3", "many visits", "2x1", _FIXED, "mha:S=64,D=8,H=1"),
    Dataflow("summa", "many visits", "2x2", (("rows", 8), ("columns", 32)), "gemm:M=32,N=64,K=96"),
    SoftwareProgram("allreduce", "unicast", 0, 2),
    SoftwareProgram("reduce", "halving", 0),
)
"""Programs of which everything is left out, one at a time."""


class Demonstration(NamedTuple):
    """A program, and the semaphores of which the first wait and the first signal (or bump) are left
    out.
    """

    program: Dataflow | SoftwareProgram
    wait: str
    signal: str


DEMONSTRATIONS = (
    Demonstration(STUDIED[0], "p_full", "p_full"),
    Demonstration(STUDIED[1], "k_free", "k_free"),
    Demonstration(STUDIED[4], "credit", "credit"),
)


def check_shipped(program: Dataflow | SoftwareProgram) -> dict:
    """Counts of the check, its seconds without compilation, and the first race if there are any."""
    built = program.build()
    started = time.monotonic()
    seen = check(built.machine, built.programs)
    return {
        "instructions": seen.instructions,
        "accesses": seen.accesses,
        "transfers": seen.transfers,
        "races": len(seen.races),
        "seconds": time.monotonic() - started,
        "first": str(seen.races[0]) if seen.races else "",
    }


def study(program: Dataflow | SoftwareProgram) -> dict:
    """Leave out every wait, signal and bump: how many of each kind, by semaphore and outcome, as
    ``kind semaphore outcome``.
    """
    built = program.build()
    base = check(built.machine, built.programs)
    found: Counter[str] = Counter()
    for removal in removals(built.programs):
        outcome, _ = _judge(built, base, removal)
        found[f"{removal.kind} {_kind(built, removal)} {outcome}"] += 1
    return dict(found)


def demonstrate(demonstration: Demonstration) -> dict:
    """What is said without a wait, and without a signal."""
    built = demonstration.program.build()
    base = check(built.machine, built.programs)
    said = {}
    for kind, name in (("wait", demonstration.wait), ("signal", demonstration.signal)):
        removal = next(
            removal
            for removal in removals(built.programs)
            if (removal.kind == "wait") == (kind == "wait") and _kind(built, removal) == name
        )
        outcome, message = _judge(built, base, removal)
        said[kind] = removal.describe(built.programs, name)
        said[f"{kind}_outcome"], said[f"{kind}_message"] = outcome, message
    return said


def _kind(built: Built, removal: Removal) -> str:
    """Name of the semaphore, the same for all streams and slots."""
    return built.semaphore(removal.semaphore).partition("[")[0]


def _judge(built: Built, base: Checked, removal: Removal) -> tuple[str, str]:
    """Outcome, and the message if there is one."""
    try:
        races = check(built.machine, apply(built.programs, removal)).races
    except GoldenError as error:
        assert error.code == ErrorCode.NONE, f"without {removal}: {error}"
        return "hang", str(error)
    if races:
        return "race", str(races[0])
    if removal.counts:
        # One more than is taken has come to each tile that now misses one.
        unused = all(base.left[tile][removal.semaphore] for tile in removal.counts)
        return "unused" if unused else "unexplained", ""
    code = built.programs[removal.tile].queues[removal.queue]
    if _nothing_follows(code, removal.at):
        return "last", ""
    if _has_twin(built, removal):
        return "twin", ""
    return "otherwise" if _reason(built, removal) else "unexplained", ""


def _reason(built: Built, removal: Removal) -> str:
    """Of `REASONS`, if it holds here."""
    name, _, stream = built.semaphore(removal.semaphore).partition("[")
    if name == "o_free":
        out = built.programs[removal.tile].queues[Queue.OUT]
        if TAGS["O"] + int(stream[:-1]) in {
            instruction["tag"] for instruction in out if instruction.opcode == Opcode.STORE
        }:
            return ""
    return REASONS.get(name, "")


def _has_twin(built: Built, removal: Removal) -> bool:
    """Whether there are races without it and a wait at or before it that there are not without that
    one alone.
    """
    earlier = [
        other
        for other in removals(built.programs)
        if other.kind == "wait" and other[2:4] == removal[2:4]
    ]
    nearest = sorted(
        (other for other in earlier if other.at <= removal.at and other != removal),
        key=lambda other: -other.at,
    )
    for twin in nearest[:_NEAR]:
        without = apply(built.programs, twin)
        both = apply(without, removal)
        alone, together = (
            {
                (race.memory, race.first.place, race.second.place)
                for race in check(built.machine, programs).races
            }
            for programs in (without, both)
        )
        if together - alone:
            return True
    return False


def _nothing_follows(code: list[Instruction], at: int) -> bool:
    """Whether only waits and signals are executed from an instruction on; loops begin again."""
    opened: list[int] = []
    for index, instruction in enumerate(code[:at]):
        if instruction.opcode == Opcode.LOOP:
            opened.append(index)
        elif instruction.opcode == Opcode.END:
            opened.pop()
    rest = code[opened[0] if opened else at :]
    return all(
        instruction.opcode in (Opcode.SYNC, Opcode.LOOP, Opcode.END, Opcode.HALT)
        for instruction in rest
    )
