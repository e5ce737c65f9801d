"""`make docs`: writes the generated tables of the manual from the sources they tell of."""

import ast
import inspect
import sys
from enum import Enum
from itertools import pairwise

from isa import status
from isa.instructions import COMMON, LAYOUTS, OPCODES_OF, Bits, Kind, Opcode
from tb.runner import ROOT
from verify.conformance import special_values

__all__ = ["generated", "insert", "render"]

PAGES = tuple(ROOT / "docs" / name for name in ("programming.md", "numerics.md"))


def _meanings(enum: type[Enum]) -> dict[str, str]:
    """What stands below each member of an enum, as its documentation."""
    (body,) = ast.parse(inspect.getsource(enum)).body
    return {
        assigned.targets[0].id: " ".join(text.value.value.split())
        for assigned, text in pairwise(body.body)
        if isinstance(assigned, ast.Assign) and isinstance(text, ast.Expr)
    }


def _fields(fields: tuple[Bits, ...], at: int) -> list[str]:
    lines = ["| field | bits | meaning |", "|---|---|---|"]
    for field in fields:
        if field.doc:
            lines.append(
                f"| `{field.name}` | {at}..{at + field.width - 1}{' signed' if field.signed else ''} | {field.doc} |"
            )
        at += field.width
    return lines


def _tables() -> str:
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


def _errors() -> str:
    meanings = _meanings(status.ErrorCode)
    lines = ["| code | name | cause |", "|---|---|---|"]
    lines += [
        f"| {code:d} | `{code.name}` | {meanings[code.name]} |" for code in status.ErrorCode if code
    ]
    return "\n".join(lines)


def generated() -> dict[str, str]:
    """Marker to the text that belongs behind it."""
    return {"errors": _errors(), "tables": _tables(), "special values": special_values.table()}


def insert(page: str, parts: dict[str, str]) -> str:
    """The page with each part put behind its marker ``<!-- generated: name -->``, in place of what
    was there.
    """
    for name, text in parts.items():
        marker, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        if end in page:
            page = page[: page.index(marker)] + marker + page[page.index(end) + len(end) :]
        page = page.replace(marker, f"{marker}\n{text}\n{end}")
    return page


def render(page: str) -> str:
    """A page with all generated parts brought up to date."""
    return insert(page, generated())


if __name__ == "__main__":
    for page in PAGES:
        before = page.read_text()
        after = render(before)
        page.write_text(after)
        print(f"docs/{page.name}: {'up to date' if before == after else 'rewritten'}")
    sys.exit(0)
