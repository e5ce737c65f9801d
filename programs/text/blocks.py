"""Matrices in the memories of a mesh, as a program text writes them: contents, expectations, and
what is to be shown.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa.errors import meant
from isa.formats import FORMATS, decode, encode
from isa.geometry import Rectangle, TileXY
from isa.instructions import Format
from isa.machine import Machine
from programs.text.names import Names

__all__ = ["Block", "channel_of", "read_block", "tiles_of"]

_FORMATS: dict[str, Format | None] = {**{f.name.lower(): f for f in Format}, "words": None}
_USAGE = "PLACE ADDRESS FORMAT [ROWSxCOLUMNS] [pitch=WORDS]"
_VALUES = "numbers, random SEED, fill NUMBER or file NPZ ARRAY"


@dataclass(frozen=True)
class Block:
    """A matrix in the L1 of some tiles, or in an HBM channel, rows a pitch of words apart."""

    line: int
    place: tuple[TileXY, ...] | int
    """Tiles, or the index of a channel."""
    title: str
    """The place, address and format as the user wrote them."""
    address: int
    fmt: Format | None
    """None: whole words, as bytes."""
    rows: int
    columns: int
    pitch: int
    word_bytes: int
    bits: NDArray[np.unsignedinteger] | None = None
    """(rows, columns) elements; a word is `word_bytes` of them."""

    @property
    def dtype(self) -> np.dtype:
        """Unsigned integer type of an element, or bytes."""
        return np.dtype(np.uint8) if self.fmt is None else FORMATS[self.fmt].dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and elements of `dtype` in a row."""
        return self.rows, self.columns * (self.word_bytes if self.fmt is None else 1)

    @property
    def row_words(self) -> int:
        """Words that a row takes."""
        return -(-self.shape[1] * self.dtype.itemsize // self.word_bytes)

    @property
    def end(self) -> int:
        """The word after the last."""
        return self.address + (self.rows - 1) * self.pitch + self.row_words

    def view(self, memory: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
        """The elements in a memory's bytes, in place."""
        strides = self.pitch * self.word_bytes, self.dtype.itemsize
        return np.ndarray(self.shape, self.dtype, memory, self.address * self.word_bytes, strides)

    def texts(self, bits: NDArray[np.unsignedinteger]) -> list[list[str]]:
        """Each element as text: a number, or the digits of a word."""
        if self.fmt is None:
            words = np.ascontiguousarray(bits).reshape(self.rows, -1, self.word_bytes)[..., ::-1]
            return [[f"0x{word.tobytes().hex()}" for word in row] for row in words]
        return [[f"{value:g}" for value in row] for row in decode(bits, self.fmt)]


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
        raise ValueError(
            f"must be followed by l1 or hbm and {_USAGE}{'' if show else ' ' + _VALUES}"
        )
    (memory, where, address, fmt), rest = words[:4], words[4:]
    if fmt not in _FORMATS:
        raise ValueError(f"unknown format {fmt!r}: {meant(fmt, _FORMATS)}")
    shape = pitch = None
    if rest and (found := re.fullmatch(r"([^x=.]+)x([^x=.]+)", rest[0])) and found[1] != "0":
        shape, rest = (names.number(found[1]), names.number(found[2])), rest[1:]
    if rest and rest[0].startswith("pitch="):
        pitch, rest = names.number(rest[0].removeprefix("pitch=")), rest[1:]
    if show and (rest or not shape):
        raise ValueError(f".show must be followed by {memory} {_USAGE}, with ROWSxCOLUMNS")
    source = None if show else _file(rest, folder)
    rows, columns = shape or _shape_of(rest, source, _FORMATS[fmt], names.machine)
    place = tiles_of(where, names) if memory == "l1" else channel_of(where, names)
    block = Block(
        line, place, " ".join(words[:4]), names.number(address), _FORMATS[fmt], rows, columns,
        0 if pitch is None else pitch, names.machine.tile.word_bytes,
    )  # fmt: skip
    block = _placed(block, pitch, names.machine)
    return block if show else _filled(block, rest, source, names)


def _placed(block: Block, pitch: int | None, machine: Machine) -> Block:
    """The block with its pitch, inside its memory."""
    if block.rows < 1 or block.columns < 1:
        raise ValueError(f"must be 1x1 at least, not {block.rows}x{block.columns}")
    if pitch is not None and pitch < block.row_words:
        raise ValueError(f"pitch must be at least a row's {block.row_words} words, not {pitch}")
    block = Block(**{**vars(block), "pitch": block.row_words if pitch is None else pitch})
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


def _file(rest: list[str], folder: Path | None) -> NDArray | None:
    """The array that ``file NPZ ARRAY`` names."""
    if rest[:1] != ["file"]:
        return None
    if len(rest) != 3:
        raise ValueError("file must be followed by an .npz file and the name of an array in it")
    path = (folder or Path()) / rest[1]
    try:
        with np.load(path, allow_pickle=False) as archive:
            if rest[2] not in archive:
                raise ValueError(f"{path} has no array {rest[2]!r}: {meant(rest[2], archive)}")
            return archive[rest[2]]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or 'must be an .npz file'}") from None
    except ValueError:
        raise
    except Exception as error:  # zip, pickle and header faults have no common type
        raise ValueError(f"{path}: not a readable .npz ({type(error).__name__})") from None


def _shape_of(
    rest: list[str], source: NDArray | None, fmt: Format | None, machine: Machine
) -> tuple[int, int]:
    """Rows and columns of values that come without."""
    if source is not None:
        count = max(1, source.size) if fmt is not None else source.nbytes // machine.tile.word_bytes
        whole = fmt is not None and source.ndim == 2
        return (source.shape[0], source.shape[1]) if whole else (1, count)
    if not rest:
        raise ValueError(f"values are missing: must be {_VALUES}")
    if rest[0] in ("random", "fill"):
        raise ValueError(f"{rest[0]} needs ROWSxCOLUMNS after the format")
    return 1, len(rest)


def _filled(block: Block, rest: list[str], source: NDArray | None, names: Names) -> Block:
    """The block with its values."""
    if source is not None:
        bits = _from_array(block, source)
    elif rest[:1] in (["random"], ["fill"]):
        if len(rest) != 2 or block.fmt is None:
            raise ValueError(
                f"{rest[0]} must be followed by one number, and the format be a number's"
            )
        if rest[0] == "random":
            seed = abs(names.number(rest[1]))
            values = np.random.default_rng(seed).standard_normal(block.shape, np.float32)
            bits = encode(values, block.fmt)
        else:
            bits = np.full(block.shape, _element(rest[1], block))
    else:
        if len(rest) != block.rows * block.columns:
            raise ValueError(
                f"must be {block.rows}x{block.columns} = {block.rows * block.columns} values, "
                f"not {len(rest)}"
            )
        bits = np.array([_element(text, block) for text in rest]).reshape(block.shape)
    return Block(**{**vars(block), "bits": bits.astype(block.dtype)})


def _from_array(block: Block, source: NDArray) -> NDArray[np.unsignedinteger]:
    """Numbers are rounded to the format; unsigned integers, and all words, are bits."""
    if block.fmt is None:
        bits = np.frombuffer(np.ascontiguousarray(source).tobytes(), np.uint8)
    elif source.dtype.kind == "f":
        with np.errstate(all="ignore"):
            bits = encode(source.astype(np.float32), block.fmt)
    elif source.dtype.kind == "u" and source.dtype.itemsize == block.dtype.itemsize:
        bits = source
    else:
        raise ValueError(f"the array must be of floats or {block.dtype}, not {source.dtype}")
    if bits.size != block.shape[0] * block.shape[1]:
        raise ValueError(f"the array must have {block.rows}x{block.columns} elements")
    return bits.reshape(block.shape)


def _element(text: str, block: Block) -> int | list[int]:
    """Bits of a number; in hexadecimal they are given, and so are the bytes of a word."""
    size = block.word_bytes if block.fmt is None else block.dtype.itemsize
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):
        value = int(text, 16)
        if value >> 8 * size:
            raise ValueError(f"{text} must fit into {8 * size} bits")
        return list(value.to_bytes(size, "little")) if block.fmt is None else value
    if block.fmt is None:
        raise ValueError(f"{text!r} must be a word in hexadecimal, 0x...")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} must be a number, or bits in hexadecimal") from None
    with np.errstate(all="ignore"):
        return int(encode(np.array([value]).astype(np.float32), block.fmt)[0])
