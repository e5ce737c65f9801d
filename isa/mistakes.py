"""What is wrong with a description, in one line: the field, its value, and what would be right."""

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

__all__ = ["mistake"]

_KINDS = {int: "a whole number", float: "a number", str: "a text"}


def mistake(error: ValidationError, root: type[BaseModel]) -> str:
    """The first mistake of a description of `root`; a misspelt field before what it leaves out."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    path = [part for part in first["loc"] if isinstance(part, str)]
    where = ".".join(path) or root.__name__.lower()
    if first["type"] == "value_error":
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    table, field = _find(root, path)
    if field is None:
        near = difflib.get_close_matches(path[-1], table.model_fields, n=1)
        meant = f"did you mean {near[0]}?" if near else f"it has {', '.join(table.model_fields)}"
        return f"{where}: there is no such field: {meant}"
    right = f"must be {_right(field)}"
    if field.description:
        right += f" ({field.description})"
    if first["type"] == "missing":
        return f"{where} is missing: {right}"
    return f"{where} = {_shown(first['input'])}: {right}"


def _find(table: type[BaseModel], path: list[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The innermost table on the way to a field, and the field, if there is one."""
    for name in path[:-1]:
        table = table.model_fields[name].annotation  # type: ignore[assignment]
    return table, table.model_fields.get(path[-1])


def _right(field: FieldInfo) -> str:
    """Kind and limits of a field."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"a table with {', '.join(kind.model_fields)}"
    least, above, most, length = (
        next((value for m in field.metadata if (value := getattr(m, name, None)) is not None), None)
        for name in ("ge", "gt", "le", "min_length")
    )
    text = _KINDS.get(kind, "a list of texts")  # type: ignore[arg-type]
    if above is not None:
        text += f" above {above}"
    elif least is not None:
        text += f" from {least}" + (f" to {most}" if most is not None else " up")
    return text + (" that is not empty" if length else "")


def _shown(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
