"""A compiled workload as a program text, its data in an .npz beside it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isa.assembler import disassemble
from isa.errors import UserError
from isa.geometry import TileXY
from programs.common.compiled import Compiled

__all__ = ["listing_text", "write_listing"]


def write_listing(
    path: Path, compiled: Compiled, hbm: Sequence[NDArray], *, machine: str, title: str
) -> Path:
    """Write a text that does what the compiled workload does; gives the file of its data.

    Parameters
    ----------
    path
        The text; the data go to the same name with ``.npz``.
    hbm
        Contents of every channel before the run, from word 0 up, as bytes.
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
    try:
        channels: dict[str, Any] = {f"hbm{index}": content for index, content in enumerate(hbm)}
        np.savez_compressed(data, **channels)
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
    for c in compiled.machine.channels:
        lines.append(f".hbm {c.edge}@{c.x},{c.y} 0 words file {data} hbm{c.index}")
    for text, tiles in _by_text(compiled).items():
        lines += ["", ".tile " + " ".join(f"{x},{y}" for x, y in tiles)]
        lines += [_named(line, compiled.semaphores, compiled.tags) for line in text.splitlines()]
    return "\n".join(lines).rstrip() + "\n"


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
