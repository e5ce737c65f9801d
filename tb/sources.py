"""The sources that the result of a function depends on: its module, what that imports of ours, and
so on, and the files that these name.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

from tb.runner import ROOT

__all__ = ["digest", "sources"]


def digest(start: Path, root: Path = ROOT) -> str:
    """SHA-256 of names and contents of the `sources` of a module."""
    total = hashlib.sha256()
    for path in sources(start, root):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        total.update(f"{name}\n".encode() + path.read_bytes())
    return total.hexdigest()


def sources(start: Path, root: Path = ROOT) -> list[Path]:
    """The module in the file `start`, and all that it needs of the rooms in `root`, sorted.

    An import counts wherever it stands. So does a string that is the dotted name of a module, which
    is how a simulation is told its bench, or ends in the name of a data file of a room.
    """
    data, found, left = _data(root), set(), [start]
    if start.is_relative_to(root):
        left += _modules(".".join(start.relative_to(root).with_suffix("").parts), root)
    while left:
        path = left.pop()
        if path in found:
            continue
        found.add(path)
        if path.suffix == ".py":
            for name in _names(path.read_text()):
                left += [*_modules(name, root), *data.get(name.rpartition("/")[2], ())]
    return sorted(found)


@cache
def _names(text: str) -> frozenset[str]:
    """What a module imports, and strings that may name a module or a file."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names):
                # Whether `name` is a module of a package or something in one, only files can say.
                found |= {module, *(f"{module}.{alias.name}" for alias in names)}
            case ast.Constant(value=str(text)) if re.fullmatch(r"[\w/]+(\.\w+)+", text):
                found.add(text)
    return frozenset(found)


def _modules(name: str, root: Path) -> list[Path]:
    """The file of a module in `root`, and those of the packages that it is in; none if `name` is
    not one.
    """
    path, found = root, []
    for part in name.split("."):
        here = [path / part / "__init__.py", path / f"{part}.py"]
        path = path / part
        found.append([file for file in here if file.is_file()])
    return [file for files in found for file in files] if found[-1] else []


def _data(root: Path) -> dict[str, list[Path]]:
    """Files of the rooms that are not modules, by name."""
    found: dict[str, list[Path]] = {}
    for room in root.glob("*/__init__.py"):
        for path in room.parent.rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                found.setdefault(path.name, []).append(path)
    return found
