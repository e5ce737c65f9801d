"""Programs to text, as `isa.assembler` reads it."""

import numpy as np

from isa.image import Program
from isa.instructions import LAYOUTS, Instruction, kind_of
from isa.opcodes import OPCODES_OF, EdgePort, Format, Kind, Opcode, Queue, ReduceOp, SignalKind

__all__ = ["FLAGS", "NAMES", "Fields", "disassemble", "line_of"]

Fields = dict[str, int]

NAMES: dict[str, type[Format] | type[ReduceOp] | type[EdgePort]] = {
    "fmt": Format,
    "fmt_a": Format,
    "fmt_b": Format,
    "fmt_d": Format,
    "op": ReduceOp,
    "edge": EdgePort,
}
FLAGS = {"trans_b", "accumulate", "masked", "with_b", "with_s", "bump", "turn", "sig0_on"}
_SHOWN = {
    Opcode.MATMUL: {"fmt_a", "fmt_b"},
    **{opcode: {"fmt_a", "fmt_d"} for opcode in OPCODES_OF[Queue.VECTOR]},
    Opcode.FILL: {"fmt_d"},
    Opcode.ROWMAX: {"fmt_a"},
    Opcode.LOAD: {"edge"},
    Opcode.STORE: {"edge"},
    Opcode.REDUCE: {"op", "fmt"},
}
"""Fields that are worth a word even where they are 0."""
_ADDRESSES = {"a", "b", "c", "d", "s", "local", "remote"}


def disassemble(program: Program) -> str:
    """The program as text, loops indented."""
    lines: list[str] = []
    for queue in Queue:
        lines.append(f".queue {queue.name.lower()}")
        depth = 0
        for instruction in program.queues[queue]:
            depth -= instruction.opcode == Opcode.END
            lines.append("  " * max(0, depth) + line_of(instruction))
            depth += instruction.opcode == Opcode.LOOP
        lines.append("")
    return "\n".join(lines)


def line_of(instruction: Instruction) -> str:
    """An instruction as text."""
    opcode = instruction.opcode
    kind = kind_of(opcode)
    rest = dict(instruction.fields)
    events = _events(rest)
    words = [opcode.name.lower()]
    for field in LAYOUTS[kind]:
        name = field.name
        if name in ("x0", "target_x") and kind == Kind.MOVE:
            words += _corners(rest, name)
        elif f"{name}_reg" in rest:
            words.append(
                f"{name}={_number(name, rest.pop(name, 0), kind)}+r{rest.pop(f'{name}_reg')}"
            )
        elif name in rest or name in _SHOWN.get(opcode, ()):
            value = rest.pop(name, 0)
            words.append(
                name if name in FLAGS and value == 1 else f"{name}={_number(name, value, kind)}"
            )
    return " ".join([*words, *events, *(f"{name}={value}" for name, value in rest.items())])


def _events(rest: Fields) -> list[str]:
    """Short forms of waits and signals, where they say everything; takes what they say out of
    `rest`.
    """
    words = []
    if rest.get("wait0_count") and (rest.get("wait1_count") or not rest.get("wait1_sem")):
        pairs = [(rest.pop(f"wait{i}_sem", 0), rest.pop(f"wait{i}_count", 0)) for i in (0, 1)]
        words.append(
            "wait=" + ",".join(f"{semaphore}:{count}" for semaphore, count in pairs if count)
        )
    second, place = rest.get("sig1_kind", 0), (rest.get("sig1_x", 0), rest.get("sig1_y", 0))
    if rest.pop("sig0_on", 0):
        words.append(f"signal={rest.pop('sig0_sem', 0)}")
        if second == SignalKind.LOCAL and place == (0, 0):
            words[-1] += f",{rest.pop('sig1_sem', 0)}"
            del rest["sig1_kind"]
    if second == SignalKind.REMOTE:
        words.append(
            f"remote={rest.pop('sig1_sem', 0)}@{rest.pop('sig1_x', 0)},{rest.pop('sig1_y', 0)}"
        )
        del rest["sig1_kind"]
    return words


def _corners(rest: Fields, name: str) -> list[str]:
    names = ("x0", "y0", "x1", "y1") if name == "x0" else ("target_x", "target_y")
    if not any(name in rest for name in names):
        return []
    values = [rest.pop(name, 0) for name in names]
    return [
        "target={},{}".format(*values) if len(values) == 2 else "rect={},{}:{},{}".format(*values)
    ]


def _number(name: str, value: int, kind: Kind) -> str:
    if name in ("rd", "rs"):
        return f"r{value}"
    if name in NAMES and value in list(NAMES[name]):
        return NAMES[name](value).name.lower()
    if name == "imm" and kind == Kind.VECTOR:
        number = np.uint32(value).view(np.float32)
        return f"{value:#010x}" if np.isnan(number) else str(number)
    if name == "imm":  # addresses may go down
        return (
            str(value - (1 << 32))
            if value >= 0xFFFF0000
            else str(value)
            if value < 256
            else f"{value:#x}"
        )
    return f"{value:#x}" if name in _ADDRESSES else str(value)
