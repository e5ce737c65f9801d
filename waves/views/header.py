"""Reads what a VCD declares: which signals are below the mesh's scope ``waves``, and which times it
spans.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from isa.errors import UserError
from isa.geometry import TileXY
from waves.read.plain import plain

__all__ = ["DeclaredSignal", "Header", "read_header"]


SCOPE = "waves"
CHUNK = 1 << 20
TILE = re.compile(r"tile_(\d+)_(\d+)")
CHANNEL = re.compile(r"hbm_(\d+)_([a-z]+)_(\d+)_(\d+)")


@dataclass(frozen=True)
class DeclaredSignal:
    """A declared variable."""

    scopes: tuple[str, ...]
    """Path of the scope it is in, from the top of the VCD."""
    name: str
    width: int
    range: str = ""
    """As declared: ``[15:0]``, or nothing for a single bit."""

    @property
    def path(self) -> str:
        """Scopes and name, with the range."""
        return ".".join((*self.scopes, self.name)) + self.range


@dataclass(frozen=True)
class Header:
    """The mesh's signals in a VCD.

    Attributes
    ----------
    path
        The file, absolute.
    root
        Scopes down to ``waves``.
    scopes
        Path below `root`, joined by dots (empty for `root` itself), to the signals of that scope in
        the order declared.
    unit
        Time unit: ``1ns``.
    first, last
        First and last time in it, in units.
    """

    path: Path
    root: tuple[str, ...]
    scopes: dict[str, tuple[DeclaredSignal, ...]]
    unit: str
    first: int
    last: int

    @cached_property
    def tiles(self) -> tuple[TileXY, ...]:
        """Tiles whose signals are there, row by row from the south-west."""
        found = {
            (int(match[1]), int(match[2])) for scope in self.scopes if (match := TILE.match(scope))
        }
        return tuple(sorted(found, key=lambda tile: (tile[1], tile[0])))

    @cached_property
    def channels(self) -> dict[str, tuple[str, TileXY]]:
        """Scope of each HBM channel, by index, to the edge and the tile it is at."""
        found = {match[0]: match for scope in self.scopes if (match := CHANNEL.match(scope))}
        return {
            scope: (match[2], (int(match[3]), int(match[4])))
            for scope, match in sorted(found.items(), key=lambda item: int(item[1][1]))
        }


def read_header(path: Path) -> Header:
    """Read the declarations of a VCD of the mesh.

    Raises
    ------
    UserError
        If the file is missing, is no VCD, or is one of another design.
    """
    try:
        with plain(path) as file:
            text, first, last = _read(file)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `make waves` writes a VCD") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if text is None:
        raise UserError(f"{path}: not a VCD: it has no $enddefinitions; `make waves` writes one")
    try:
        unit, signals = _declarations(text)
    except (ValueError, IndexError) as error:
        raise UserError(f"{path}: a VCD whose declarations cannot be read ({error})") from error
    roots = {
        signal.scopes
        for signal in signals
        if signal.scopes[-1:] == (SCOPE,) and signal.name == "cycle"
    }
    if not roots:
        raise UserError(
            f"{path}: a VCD of another design: it has no scope `{SCOPE}` with a signal `cycle`"
        )
    root = min(roots, key=len)
    scopes: dict[str, list[DeclaredSignal]] = {}
    for signal in signals:
        if signal.scopes[: len(root)] == root:
            scopes.setdefault(".".join(signal.scopes[len(root) :]), []).append(signal)
    return Header(
        path.resolve(),
        root,
        {scope: tuple(found) for scope, found in scopes.items()},
        unit,
        first,
        last,
    )


def _read(path: Path) -> tuple[str | None, int, int]:
    """Text before ``$enddefinitions`` (None if there is none), first and last time after it."""
    with open(path, "rb") as file:
        declared = file.read(CHUNK)
        while declared.lstrip().startswith(b"$") and b"$enddefinitions" not in declared:
            chunk = file.read(len(declared))
            if not chunk:
                break
            declared += chunk
        declared += file.read(CHUNK)  # the first time may be in the next bytes
        file.seek(max(0, path.stat().st_size - CHUNK))
        tail = file.read()
    text, end, rest = declared.partition(b"$enddefinitions")
    first, last = (
        re.search(rb"^#(\d+)", rest, re.MULTILINE),
        re.findall(rb"^#(\d+)", tail, re.MULTILINE),
    )
    return (
        text.decode("ascii") if end else None,
        int(first[1]) if first else 0,
        int(last[-1]) if last else 0,
    )


def _declarations(text: str) -> tuple[str, list[DeclaredSignal]]:
    """Time unit and variables."""
    unit, scopes, signals = "", [], []
    for command, content in re.findall(r"(\$[a-z]+)\s+(.*?)\s*\$end\b", text, re.DOTALL):
        words = content.split()
        if command == "$timescale":
            unit = "".join(words)
        elif command == "$scope":
            scopes.append(words[-1])
        elif command == "$upscope":
            scopes.pop()
        elif command == "$var":
            _, width, _, name, *bits = words
            signals.append(DeclaredSignal(tuple(scopes), name, int(width), "".join(bits)))
    return unit, signals
