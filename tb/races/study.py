"""What the race check says of shipped programs, and of the same programs with a wait or a signal left out."""

import time
from collections import Counter
from typing import NamedTuple

from golden.dry import Checked, check
from golden.errors import GoldenError
from isa.instructions import Instruction, Opcode, Queue
from isa.status import ErrorCode
from programs.queues import TAGS
from tb.races.catalogue import Attention, Built, Software
from tb.races.removals import Removal, apply, removals

__all__ = ["DEMONSTRATIONS", "OUTCOMES", "REASONS", "STUDIED", "Demonstration", "check_shipped", "demonstrate", "study"]

OUTCOMES = {
    "race": "found as a race",
    "hang": "the programs wait for ever",
    "unused": "harmless: nobody takes that count",
    "last": "harmless: in its queue only waits and the end come after it",
    "otherwise": "harmless: something else keeps the order",
    "unexplained": "harmless, and nobody knows why",
}
"""What can become of a program; whoever finds `unexplained` should look for the reason."""

REASONS = {
    "stored": "acknowledgements are only to be counted; nobody reads what was stored",
    "o_free": "elsewhere than in roots, the REDUCE that sends O is before the next maximum in the OUT queue, whose arrival is "
    "before P, and so before anything that writes O",
}
"""What else keeps the order, by the semaphore."""

_FIXED = (("rows", 8), ("columns", 8))
STUDIED: tuple[Attention | Software, ...] = (
    Attention("flat-async", "mha", "2x2"),
    Attention("flat", "causal, many visits", "2x2", _FIXED, "mha:S=48,D=8,H=1,causal=1"),
    Attention("flash3", "many visits", "2x1", _FIXED, "mha:S=64,D=8,H=1"),
    Software("allreduce", "unicast", 0, 2),
    Software("reduce", "halving", 0),
)
"""Programs of which everything is left out, one at a time."""


class Demonstration(NamedTuple):
    """A program, and the semaphores of which the first wait and the first signal (or bump) are left out."""

    program: Attention | Software
    wait: str
    signal: str


DEMONSTRATIONS = (
    Demonstration(STUDIED[0], "p_full", "p_full"),
    Demonstration(STUDIED[1], "k_free", "k_free"),
    Demonstration(STUDIED[3], "credit", "credit"),
)


def check_shipped(program: Attention | Software) -> dict:
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


def study(program: Attention | Software) -> dict:
    """Leave out every wait, signal and bump: how many of each kind, by semaphore and outcome, as ``kind semaphore outcome``."""
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
    return "otherwise" if _reason(built, removal) else "unexplained", ""


def _reason(built: Built, removal: Removal) -> str:
    """Of `REASONS`, if it holds here."""
    name, _, stream = built.semaphore(removal.semaphore).partition("[")
    if name == "o_free":
        out = built.programs[removal.tile].queues[Queue.OUT]
        if TAGS["O"] + int(stream[:-1]) in {instruction["tag"] for instruction in out if instruction.opcode == Opcode.STORE}:
            return ""
    return REASONS.get(name, "")


def _nothing_follows(code: list[Instruction], at: int) -> bool:
    """Whether only waits and signals are executed from an instruction on; loops begin again."""
    opened: list[int] = []
    for index, instruction in enumerate(code[:at]):
        if instruction.opcode == Opcode.LOOP:
            opened.append(index)
        elif instruction.opcode == Opcode.END:
            opened.pop()
    rest = code[opened[0] if opened else at :]
    return all(instruction.opcode in (Opcode.SYNC, Opcode.LOOP, Opcode.END, Opcode.HALT) for instruction in rest)
