"""What is wrong with a description, in one line: where, the field, its value, and what would be
right. Every table that people write is read here.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from isa.errors import UserError, meant

__all__ = ["from_fields", "mistake", "read_toml", "where_in"]

Root = TypeVar("Root", bound=BaseModel)
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def read_toml(root: type[Root], path: Path, variable: str, context: Any = None) -> Root:
    """The description in a TOML file that a variable names.

    Raises
    ------
    UserError
        One line with the variable, the file, and the line of the first mistake.
    """
    try:
        text = path.read_text()
        return root.model_validate(tomllib.loads(text), context=context)
    except OSError as error:
        raise UserError(f"{variable} {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{variable} {path}: not TOML: {error}") from error
    except ValidationError as error:
        where = f"{variable} {path}{where_in(text, error)}"
        raise UserError(f"{where}: {mistake(error, root)}") from error


def from_fields(root: type[Root], fields: dict, given: Mapping[str, tuple[str, str]]) -> Root:
    """The description with these fields, of which some were `given`: field to a variable and its
    value.

    Raises
    ------
    UserError
        One line with the variable.
    """
    try:
        return root.model_validate(fields)
    except ValidationError as error:
        field = next((part for part in _first(error)["loc"] if isinstance(part, str)), "")
        asked = [given[field]] if field in given else dict.fromkeys(given.values())
        said = " ".join(f"{variable}={value}" for variable, value in asked)
        raise UserError(f"{said}: {mistake(error, root)}") from error


def mistake(error: ValidationError, root: type[BaseModel]) -> str:
    """The first mistake of a description of `root`; a misspelt field before what it leaves out."""
    first = _first(error)
    path = [part for part in first["loc"] if isinstance(part, str)]
    where = ".".join(path) or root.model_config.get("title") or root.__name__.lower()
    if first["type"] == "value_error":
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    if not path:
        return f"{where}: must be a table with {', '.join(root.model_fields)}"
    table, field = _find(root, path)
    if field is None:
        return f"{where}: there is no such field: {meant(path[-1], table.model_fields)}"
    right = f"must be {_right(field)}"
    if field.description:
        right += f" ({field.description})"
    if first["type"] == "missing":
        return f"{where} is missing: {right}"
    return f"{where} = {_shown(first['input'])}: {right}"


def where_in(text: str, error: ValidationError) -> str:
    """``, line 3``: that of the first mistake, or of the table that it is in; empty if neither has
    one. The text is TOML, or JSON of one table.
    """
    first, best, found = _first(error), 0, 0
    where = first["loc"]
    if first["type"] == "value_error":  # of a whole table: it begins with the name of a field
        where += tuple(first["msg"].removeprefix("Value error, ").split()[0].split("."))
    counts: Counter[tuple[str, ...]] = Counter()
    table: list[str | int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)([\w.\s\"'-]+)\]\]?\s*(#|$)", line):
            name = tuple(part.strip(" \t\"'") for part in header[2].split("."))
            counts[name] += header[1] == "[["
            table = []
            for end, part in enumerate(name, 1):  # [grid.more] is in the last [[grid]]
                table += [part, counts[name[:end]] - 1] if counts[name[:end]] else [part]
            path = tuple(table)
        elif key := re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*[=:]", line):
            path = (*table, *key[1].split("."))
        else:
            continue
        if len(path) > best and path == where[: len(path)]:
            best, found = len(path), number
    return f", line {found}" if found else ""


def _first(error: ValidationError) -> Any:
    return min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")


def _find(table: type[BaseModel], path: list[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The innermost table on the way to a field, and the field, if there is one."""
    for name in path[:-1]:
        kind = table.model_fields[name].annotation
        table = next(one for one in (*get_args(kind), kind) if _is_table(one))
    return table, table.model_fields.get(path[-1])


def _right(field: FieldInfo) -> str:
    """Kind and limits of a field; its title says what no type does."""
    kind = field.annotation
    if field.title:
        return field.title
    if _is_table(kind):
        return f"a table with {', '.join(kind.model_fields)}"  # type: ignore[union-attr]
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    least, above, most, length = (
        next((value for m in field.metadata if (value := getattr(m, name, None)) is not None), None)
        for name in ("ge", "gt", "le", "min_length")
    )
    text = _KINDS[kind]  # type: ignore[index]
    if above is not None:
        text += f" above {above:g}"
    elif least is not None:
        text += f" from {least:g}" + (f" to {most:g}" if most is not None else " up")
    return text + (" that is not empty" if length else "")


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _shown(value: Any) -> str:
    """A value as TOML has it."""
    text = json.dumps(value) if isinstance(value, bool | NoneType) else repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
