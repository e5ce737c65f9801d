"""Tables of the manual that are made from the code they tell of."""

import ast
import inspect
from enum import Enum
from itertools import pairwise

from isa import status
from isa.instructions import COMMON, LAYOUTS, OPCODES_OF, Bits, Kind, Opcode

__all__ = ["errors", "instructions"]


def _meanings(enum: type[Enum]) -> dict[str, str]:
    """What stands below each member of an enum, as its documentation."""
    (body,) = ast.parse(inspect.getsource(enum)).body
    assert isinstance(body, ast.ClassDef)
    return {
        ast.unparse(assigned.targets[0]): " ".join(ast.literal_eval(text.value).split())
        for assigned, text in pairwise(body.body)
        if isinstance(assigned, ast.Assign) and isinstance(text, ast.Expr)
    }


def _fields(fields: tuple[Bits, ...], at: int) -> list[str]:
    lines = ["| field | bits | meaning |", "|---|---|---|"]
    for field in fields:
        if field.doc:
            bits = f"{at}..{at + field.width - 1}{' signed' if field.signed else ''}"
            lines.append(f"| `{field.name}` | {bits} | {field.doc} |")
        at += field.width
    return lines


def instructions() -> str:
    """Opcodes, and the fields of each kind of instruction."""
    meanings = _meanings(Opcode)
    owner = {op: queue.name.lower() for queue, ops in OPCODES_OF.items() for op in ops}
    lines = ["| opcode | code | queue | effect |", "|---|---|---|---|"]
    for op in Opcode:
        effect = meanings[op.name].replace("|", "\\|")
        lines.append(f"| `{op.name.lower()}` | {op:#04x} | {owner.get(op, 'any')} | {effect} |")
    lines += ["", "Every instruction begins with these 64 bits:", "", *_fields(COMMON, 0)]
    for kind in Kind:
        lines += [
            "",
            f"Operands of {kind.name.lower()} instructions:",
            "",
            *_fields(LAYOUTS[kind], 64),
        ]
    return "\n".join(lines)


def errors() -> str:
    """Error codes and their causes."""
    meanings = _meanings(status.ErrorCode)
    lines = ["| code | name | cause |", "|---|---|---|"]
    lines += [
        f"| {code:d} | `{code.name}` | {meanings[code.name]} |" for code in status.ErrorCode if code
    ]
    return "\n".join(lines)
