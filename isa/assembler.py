"""Programs as text, both ways: ``assemble(disassemble(program))`` is the same program.

::

    .queue matrix
    li rd=r1 imm=0x40
    loop imm=4
      matmul a=0x10+r1 b=0x200 c=0x400 lda=4 ldb=4 ldc=8 m=32 n=32 k=32 fmt_a=fp16 fmt_b=fp16
      trans_b wait=3:1,4:2 signal=5 add rd=r1 rs=r1 imm=4
    end
    halt

A line is a mnemonic (the opcode in lower case) and fields of its layout in any order; what is not
given is 0. One-bit fields are named to set them. Short forms: ``wait=SEM:COUNT[,SEM:COUNT]``,
``signal=SEM[,SEM]`` for semaphores of this tile, ``remote=SEM@X,Y`` for one of another tile
(without ``@`` it is the address operand of moves), ``rect=X0,Y0:X1,Y1`` and ``target=X,Y`` for
moves, ``NAME=BASE+rN`` for addresses. The vector engine's ``imm`` is a decimal FP32 number or, in
hexadecimal, its bits. ``#`` starts a comment. A queue that does not appear is just ``halt``.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np

from isa.disassembler import FLAGS, NAMES, Fields
from isa.errors import UserError, meant
from isa.image import Program
from isa.instructions import (
    COMMON,
    LAYOUTS,
    LOOP_DEPTH,
    OPCODES_OF,
    Instruction,
    Kind,
    Opcode,
    Queue,
    SignalKind,
    kind_of,
)

__all__ = ["LineError", "assemble", "assemble_lines"]

_OWN = [opcode for opcode in Opcode if opcode != Opcode.HEADER]


class LineError(UserError):
    """A line is wrong.

    Attributes
    ----------
    line
        Its number.
    text
        What is wrong with it.
    """

    def __init__(self, line: int, text: str):
        super().__init__(f"line {line}: {text}")
        self.line, self.text = line, text


def assemble(text: str) -> Program:
    """Read a program.

    Raises
    ------
    LineError
        One line that starts with the number of the line that is wrong.
    """
    return assemble_lines(enumerate(text.splitlines(), 1))


def assemble_lines(lines: Iterable[tuple[int, str]]) -> Program:
    """Read a program from numbered lines, as `assemble` does."""
    program = Program()
    queue: Queue | None = None
    open_loops: list[int] = []
    number = 0
    seen: set[Queue] = set()
    for number, line in lines:
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            if words[0] == ".queue":
                _finished(program, queue, open_loops)
                queue = _queue(words[1:], seen)
                continue
            instruction = _instruction(tuple(words))
            if queue is None:
                raise ValueError(".queue must come before the first instruction")
            _fits(program, queue, instruction, open_loops)
        except ValueError as error:
            raise LineError(number, str(error)) from None
        if instruction.opcode == Opcode.LOOP:
            open_loops.append(number)
        elif instruction.opcode == Opcode.END:
            open_loops.pop()
        program.queues[queue].append(instruction)
    try:
        _finished(program, queue, open_loops)
        for missing in set(Queue) - seen:
            program.queues[missing] = [Instruction.of(Opcode.HALT)]
        program.check()
    except ValueError as error:
        raise LineError(number, str(error)) from None
    return program


# Structure.


def _queue(words: list[str], seen: set[Queue]) -> Queue:
    names = {queue.name.lower(): queue for queue in Queue}
    if len(words) != 1 or words[0] not in names:
        raise ValueError(
            f".queue must be followed by one of {', '.join(names)}, not {' '.join(words)!r}"
        )
    if names[words[0]] in seen:
        raise ValueError(f"queue {words[0]} appears twice")
    seen.add(names[words[0]])
    return names[words[0]]


def _fits(program: Program, queue: Queue, instruction: Instruction, open_loops: list[int]) -> None:
    """Refuse what cannot stand at the end of the queue as it is."""
    opcode, code = instruction.opcode, program.queues[queue]
    if code and code[-1].opcode == Opcode.HALT:
        raise ValueError(f"queue {queue.name.lower()} ended with halt")
    if kind_of(opcode) != Kind.SCALAR and opcode not in OPCODES_OF[queue]:
        raise ValueError(f"queue {queue.name.lower()} does not execute {opcode.name.lower()}")
    if opcode == Opcode.LOOP and len(open_loops) == LOOP_DEPTH:
        raise ValueError(f"more than {LOOP_DEPTH} loops inside each other")
    if opcode == Opcode.END and not open_loops:
        raise ValueError("end without loop")
    if opcode == Opcode.HALT and open_loops:
        raise ValueError(f"halt inside the loop of line {open_loops[-1]}")


def _finished(program: Program, queue: Queue | None, open_loops: list[int]) -> None:
    if open_loops:
        raise ValueError(f"the loop of line {open_loops[-1]} has no end")
    if queue is not None and (
        not program.queues[queue] or program.queues[queue][-1].opcode != Opcode.HALT
    ):
        raise ValueError(f"queue {queue.name.lower()} does not end with halt")


# Words to fields.


def _widths(kind: Kind) -> dict[str, tuple[int, bool]]:
    return {field.name: (field.width, field.signed) for field in (*COMMON, *LAYOUTS[kind])}


def _words(kind: Kind) -> list[str]:
    """What may stand before an equals sign."""
    short = [name for name in _SHORT if name not in _MOVES or kind == Kind.MOVE]
    hidden = {"opcode", "checksum", "reserved"}
    return [*short, *(name for name in _widths(kind) if name not in hidden)]


@lru_cache(maxsize=1 << 14)
def _instruction(words: tuple[str, ...]) -> Instruction:
    mnemonics = {opcode.name.lower(): opcode for opcode in _OWN}
    if words[0] not in mnemonics:
        raise ValueError(f"unknown mnemonic {words[0]!r}: {meant(words[0], mnemonics)}")
    opcode = mnemonics[words[0]]
    kind = kind_of(opcode)
    fields: Fields = {}
    for word in words[1:]:
        name, given, value = word.partition("=")
        for field, number in _fields(name, value if given else None, kind).items():
            if field in fields:
                raise ValueError(f"{word}: {field} is given twice")
            fields[field] = number
    return Instruction.of(opcode, **fields)


def _fields(name: str, value: str | None, kind: Kind) -> Fields:
    """The fields that one word sets."""
    widths = _widths(kind)
    if value is None:
        if name not in FLAGS or name not in widths:
            raise ValueError(f"{name}: must be a mnemonic's flag or NAME=VALUE")
        return {name: 1}
    short = _SHORT.get(name)
    # `remote` is an address of moves, too.
    if short and (name not in widths or "@" in value) and (name not in _MOVES or kind == Kind.MOVE):
        pattern, build = short
        match = re.fullmatch(pattern, value)
        if not match:
            raise ValueError(f"{name}={value}: must look like {_EXAMPLES[name]}")
        return build(*(int(group) if group else None for group in match.groups()))
    if name not in widths:
        raise ValueError(f"{name}={value}: no such field here: {meant(name, _words(kind))}")
    base, plus, register = value.partition("+r") if f"{name}_reg" in widths else (value, "", "")
    fields = {name: _value(name, base, kind)}
    if plus:
        fields[f"{name}_reg"] = _integer(f"{name}={value}", register)
    return fields


def _value(name: str, value: str, kind: Kind) -> int:
    where = f"{name}={value}"
    if name in NAMES:
        members = {member.name.lower(): int(member) for member in NAMES[name]}
        if value in members:
            return members[value]
        if not value.isdigit():
            raise ValueError(f"{where}: must be one of {', '.join(members)}")
    if name in ("rd", "rs") and value.startswith("r"):
        return _integer(where, value[1:])
    if name == "imm" and kind == Kind.VECTOR and not value.lower().startswith("0x"):
        try:
            with np.errstate(over="ignore"):
                return int(np.float32(value).view(np.uint32))
        except ValueError:
            raise ValueError(f"{where}: must be a number") from None
    number = _integer(where, value)
    return number & 0xFFFFFFFF if name == "imm" and -(1 << 31) <= number < 0 else number


def _integer(where: str, value: str) -> int:
    if not re.fullmatch(r"-?(0[xX][0-9a-fA-F]+|[0-9]+)", value):
        raise ValueError(f"{where}: must be a number")
    return int(value, 16 if "x" in value.lower() else 10)


def _wait(sem0: int, count0: int, sem1: int | None, count1: int | None) -> Fields:
    fields = {"wait0_sem": sem0, "wait0_count": count0}
    return fields if sem1 is None else {**fields, "wait1_sem": sem1, "wait1_count": count1 or 0}


def _signal(sem0: int, sem1: int | None) -> Fields:
    fields = {"sig0_on": 1, "sig0_sem": sem0}
    return (
        fields if sem1 is None else {**fields, "sig1_kind": int(SignalKind.LOCAL), "sig1_sem": sem1}
    )


def _remote(sem: int, x: int, y: int) -> Fields:
    return {"sig1_kind": int(SignalKind.REMOTE), "sig1_sem": sem, "sig1_x": x, "sig1_y": y}


_MOVES = {"rect", "target"}
_EXAMPLES = {
    "wait": "3:1 or 3:1,4:2",
    "signal": "5 or 5,6",
    "remote": "7@1,2",
    "rect": "0,0:3,1",
    "target": "0,2",
}
_SHORT: dict[str, tuple[str, Callable[..., Fields]]] = {
    "wait": (r"(\d+):(\d+)(?:,(\d+):(\d+))?", _wait),
    "signal": (r"(\d+)(?:,(\d+))?", _signal),
    "remote": (r"(\d+)@(\d+),(\d+)", _remote),
    "rect": (
        r"(\d+),(\d+):(\d+),(\d+)",
        lambda x0, y0, x1, y1: {"x0": x0, "y0": y0, "x1": x1, "y1": y1},
    ),
    "target": (r"(\d+),(\d+)", lambda x, y: {"target_x": x, "target_y": y}),
}
