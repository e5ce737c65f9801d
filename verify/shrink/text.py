"""A case as a program text that `make run` takes."""

from pathlib import Path
from typing import Any

import numpy as np

from isa.disassembler import disassemble
from isa.errors import UserError
from isa.geometry import TileXY
from verify.conformance.prepare import Expected

__all__ = ["write_case"]


def write_case(path: Path, expected: Expected, comments: list[str]) -> list[Path]:
    """Write the text, its machine and its data side by side: the three files.

    Raises
    ------
    UserError
        If they cannot be written.
    """
    if path.suffix != ".s" or any(c in path.name for c in " #"):
        raise UserError(f"OUT must be a name like file.s, without spaces or #, not {path.name!r}")
    machine, data = path.with_suffix(".toml"), path.with_suffix(".npz")
    lines = [*(f"# {comment}" for comment in comments), f".machine {machine.name}", ""]
    for channel, content in zip(expected.machine.channels, expected.start, strict=True):
        if len(content):
            place = f"{channel.edge}@{channel.x},{channel.y}"
            lines.append(f".hbm {place} 0 words file {data.name} hbm{channel.index}")
    tiles: dict[str, list[TileXY]] = {}
    for tile, program in expected.programs.items():
        tiles.setdefault(disassemble(program), []).append(tile)
    for text, those in tiles.items():
        lines += ["", ".tile " + " ".join(f"{x},{y}" for x, y in those), text.rstrip()]
    arrays: dict[str, Any] = {
        f"hbm{index}": content for index, content in enumerate(expected.start)
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(data, **arrays)
        machine.write_text(expected.machine.to_toml())
        path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise UserError(f"OUT {path}: {error.strerror}") from None
    return [path, machine, data]
