"""A compiled workload as a program text, its data in an .npz beside it."""

import re
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.disassembler import disassemble
from isa.errors import UserError
from isa.formats import FORMATS
from isa.geometry import TileXY
from programs.common.compiled import Compiled
from programs.common.placement import OutputPart

__all__ = ["Contents", "listing_text", "write_listing"]

_SHOWN = 4, 8
"""Rows and columns of the output that the text shows: what every terminal has room for."""
_NAMED = 4
"""Parts of an output that a comment names."""


class Contents(NamedTuple):
    """Every channel's bytes, from word 0 up."""

    before: Sequence[NDArray]
    after: Sequence[NDArray]
    """As the golden machine leaves them."""


def write_listing(
    path: Path, compiled: Compiled, hbm: Contents, *, machine: str, title: str
) -> Path:
    """Write a text that does what the compiled workload does, and expects the output that the
    golden machine has; gives the file of its data.

    Parameters
    ----------
    path
        The text; the data go to the same name with ``.npz``.
    hbm
        What is in HBM before and after a run.
    machine
        How `isa.machine.load_machine` finds the machine.
    title
        The first line.

    Raises
    ------
    UserError
        If the files cannot be written.
    """
    data = path.with_suffix(".npz")
    if data == path or re.search(r"[\s#]", data.name):
        raise UserError(f"OUT must be a name like file.s, without spaces or #, not {path.name!r}")
    text = listing_text(compiled, data.name, machine=machine, title=title)
    arrays: dict[str, Any] = {f"hbm{index}": one for index, one in enumerate(hbm.before)}
    for index, part in enumerate(_joined(compiled.placement.outputs())):
        arrays[f"output{index}"] = _bits(compiled, part, hbm.after[part.channel.index])
    try:
        np.savez_compressed(data, **arrays)
        path.write_text(text)
    except OSError as error:
        raise UserError(f"OUT {path}: {error.strerror}") from None
    return data


def listing_text(compiled: Compiled, data: str, *, machine: str, title: str) -> str:
    """The text, with its data in a file of that name."""
    mesh = compiled.machine.mesh
    lines = [f"# {title}", f"# {compiled.describe()}"]
    lines += [f".machine {machine}", f".mesh {mesh.columns}x{mesh.rows}", ""]
    for kind, names in (("semaphore", compiled.semaphores), ("tag", compiled.tags)):
        lines += [f".{kind} {name} {number}" for number, name in names.items()]
    lines.append("")
    for c, words in zip(compiled.machine.channels, compiled.placement.words, strict=True):
        if words:
            lines.append(f".hbm {c.edge}@{c.x},{c.y} 0 words file {data} hbm{c.index}")
    lines += ["", *_expected(compiled, data)]
    for text, tiles in _by_text(compiled).items():
        lines += ["", ".tile " + " ".join(f"{x},{y}" for x, y in tiles)]
        lines += [_named(line, compiled.semaphores, compiled.tags) for line in text.splitlines()]
    return "\n".join(lines).rstrip() + "\n"


def _expected(compiled: Compiled, data: str) -> list[str]:
    """What must be in HBM afterwards, typed, and a corner of it to look at."""
    fmt, lines = compiled.workload.o_fmt.name.lower(), []
    parts = _joined(compiled.placement.outputs())
    for index, part in enumerate(parts):
        c, shape = part.channel, f"{part.rows}x{part.columns} pitch={part.pitch}"
        lines.append(f"# {part.name}")
        lines.append(
            f".expect hbm {c.edge}@{c.x},{c.y} {part.address:#x} {fmt} {shape} file {data} "
            f"output{index}"
        )
    first = parts[0]
    rows, columns = min(_SHOWN[0], first.rows), min(_SHOWN[1], first.columns)
    lines.append(
        f".show hbm {first.channel.edge}@{first.channel.x},{first.channel.y} {first.address:#x} "
        f"{fmt} {rows}x{columns} pitch={first.pitch}"
    )
    return lines


def _joined(parts: Sequence[OutputPart]) -> list[OutputPart]:
    """Parts that follow each other in a channel as one, in the order of channels and addresses."""
    runs: list[list[OutputPart]] = []
    for part in sorted(parts, key=lambda one: (one.channel.index, one.address)):
        last = runs[-1][-1] if runs else None
        same = attrgetter("channel", "columns", "pitch")
        if (
            last
            and same(last) == same(part)
            and part.address == last.address + last.rows * last.pitch
        ):
            runs[-1].append(part)
        else:
            runs.append([part])
    joined = []
    for run in runs:
        names = ", ".join(part.name for part in run[:_NAMED])
        more = f" and {len(run) - _NAMED} more" if len(run) > _NAMED else ""
        rows = sum(part.rows for part in run)
        joined.append(run[0]._replace(name=names + more, rows=rows))
    return joined


def _bits(compiled: Compiled, part: OutputPart, content: NDArray) -> NDArray[np.unsignedinteger]:
    """Elements (rows, columns) of a part."""
    raw = np.ascontiguousarray(content).view(np.uint8).reshape(-1)
    width = compiled.machine.tile.word_bytes * part.pitch
    at = compiled.machine.tile.word_bytes * part.address
    rows = raw[at : at + part.rows * width].reshape(part.rows, width)
    dtype = FORMATS[compiled.workload.o_fmt].dtype
    return np.ascontiguousarray(rows[:, : part.columns * dtype.itemsize]).view(dtype)


def _by_text(compiled: Compiled) -> dict[str, list[TileXY]]:
    """The tiles that run each program."""
    tiles: dict[str, list[TileXY]] = {}
    for tile, program in compiled.programs.items():
        tiles.setdefault(disassemble(program), []).append(tile)
    return tiles


def _named(line: str, semaphores: Mapping[int, str], tags: Mapping[int, str]) -> str:
    """An instruction with names for its semaphores and its tag."""

    def semaphore(found: re.Match) -> str:
        return semaphores.get(int(found[0]), found[0])

    def word(found: re.Match) -> str:
        name, _, value = found[0].partition("=")
        if name == "tag":
            return f"tag={tags.get(int(value), value)}"
        # A semaphore follows = or a comma; a count follows a colon.
        return re.sub(r"(?<=[=,])\d+", semaphore, found[0])

    return re.sub(r"(?<= )(?:(?:wait|signal|sem|tag)=\S+|remote=\d+(?=@))", word, line)
