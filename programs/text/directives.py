"""Directives about memories: places, and the blocks that are there."""

import re
from dataclasses import replace
from pathlib import Path

from isa.errors import meant
from isa.geometry import Rectangle, TileXY
from isa.instructions import Format
from isa.machine import Machine
from programs.text.blocks import Block
from programs.text.names import Names
from programs.text.values import VALUES, filled, load_array, shape_of

__all__ = ["channel_of", "read_block", "tiles_of"]

_FORMATS: dict[str, Format | None] = {**{f.name.lower(): f for f in Format}, "words": None}
_USAGE = "PLACE ADDRESS FORMAT [ROWSxCOLUMNS] [pitch=WORDS]"


def tiles_of(text: str, names: Names) -> tuple[TileXY, ...]:
    """Tiles that ``X,Y``, ``X0,Y0:X1,Y1`` or ``all`` stands for.

    Raises
    ------
    ValueError
        If it is none of these, or a tile is not in the mesh.
    """
    mesh = names.machine.mesh
    if text == "all":
        return tuple(Rectangle(0, 0, mesh.columns - 1, mesh.rows - 1).tiles())
    corners = re.fullmatch(r"([^,:]+),([^,:]+)(?::([^,:]+),([^,:]+))?", text)
    if not corners:
        raise ValueError(f"{text!r} must be a tile X,Y, a rectangle X0,Y0:X1,Y1 or all")
    x0, y0, *rest = (names.number(corner) for corner in corners.groups() if corner)
    x1, y1 = rest or (x0, y0)
    if not (0 <= x0 <= x1 < mesh.columns and 0 <= y0 <= y1 < mesh.rows):
        raise ValueError(
            f"{text} must be in the {mesh.columns}x{mesh.rows} mesh, "
            f"0,0 to {mesh.columns - 1},{mesh.rows - 1}"
        )
    return tuple(Rectangle(x0, y0, x1, y1).tiles())


def channel_of(text: str, names: Names) -> int:
    """Index of the HBM channel that ``EDGE@X,Y`` or a number stands for.

    Raises
    ------
    ValueError
        If there is no such channel.
    """
    channels = names.machine.channels
    known = {f"{c.edge}@{c.x},{c.y}": c.index for c in channels}
    if text in known:
        return known[text]
    if "@" in text or not 0 <= (index := names.number(text)) < len(channels):
        raise ValueError(f"no HBM channel {text!r}: {meant(text, known)}")
    return index


def read_block(
    words: list[str], names: Names, line: int, folder: Path | None, *, show: bool = False
) -> Block:
    """Read ``l1|hbm PLACE ADDRESS FORMAT [ROWSxCOLUMNS] [pitch=WORDS]`` and, unless it is to be
    shown only, its values. Files are looked for in `folder`.

    Raises
    ------
    ValueError
        If it is not like that, or is not inside the memory.
    """
    if len(words) < 4 or words[0] not in ("l1", "hbm"):
        raise ValueError(f"must be followed by l1 or hbm, {_USAGE}{'' if show else ' ' + VALUES}")
    (memory, where, address, fmt), rest = words[:4], words[4:]
    if fmt not in _FORMATS:
        raise ValueError(f"unknown format {fmt!r}: {meant(fmt, _FORMATS)}")
    shape, pitch, rest = _layout(rest, names)
    if show and (rest or not shape):
        raise ValueError(f".show must be followed by {memory} {_USAGE}, with ROWSxCOLUMNS")
    source = None if show else load_array(rest, folder, _FORMATS[fmt])
    rows, columns = shape or shape_of(rest, source, _FORMATS[fmt], names.machine)
    block = Block(
        line=line,
        place=tiles_of(where, names) if memory == "l1" else channel_of(where, names),
        title=" ".join(words[:4]),
        address=names.number(address),
        fmt=_FORMATS[fmt],
        rows=rows,
        columns=columns,
        pitch=0,
        word_bytes=names.machine.tile.word_bytes,
    )
    block = _placed(block, pitch, names.machine)
    return block if show else filled(block, rest, source, names)


def _layout(words: list[str], names: Names) -> tuple[tuple[int, int] | None, int | None, list[str]]:
    """Shape and pitch, where they are given, and what follows."""
    shape = pitch = None
    found = re.fullmatch(r"([^x=.]+)x([^x=.]+)", words[0]) if words else None
    if found and found[1] != "0":  # 0x... is a value
        shape, words = (names.number(found[1]), names.number(found[2])), words[1:]
    if words and words[0].startswith("pitch="):
        pitch, words = names.number(words[0].removeprefix("pitch=")), words[1:]
    return shape, pitch, words


def _placed(block: Block, pitch: int | None, machine: Machine) -> Block:
    """The block with its pitch, inside its memory."""
    if block.rows < 1 or block.columns < 1:
        raise ValueError(f"must be at least 1x1, not {block.rows}x{block.columns}")
    if pitch is not None and pitch < block.row_words:
        raise ValueError(f"pitch must be at least a row's {block.row_words} words, not {pitch}")
    block = replace(block, pitch=block.row_words if pitch is None else pitch)
    words, memory = (
        (machine.channel_words, "HBM channel")
        if isinstance(block.place, int)
        else (machine.tile.l1_words, "L1")
    )
    if block.address < 0 or block.end > words:
        raise ValueError(
            f"words {block.address:#x} to {block.end - 1:#x} must be in the {memory}, "
            f"0x0 to {words - 1:#x}"
        )
    return block
