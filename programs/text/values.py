"""The values of a block: numbers, bits, one number for all, random ones, or those of a file."""

import io
import re
import zipfile
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa.errors import meant
from isa.formats import encode
from isa.instructions import Format
from isa.machine import Machine
from programs.archive import decoded
from programs.common.rounding import Rounding, round_once
from programs.text.blocks import Block
from programs.text.names import Names

__all__ = ["VALUES", "filled", "load_array", "shape_of"]

VALUES = "numbers, random SEED, fill NUMBER or file NPZ ARRAY"
"""What may stand there, for messages."""


def load_array(rest: list[str], folder: Path | None, fmt: Format | None) -> NDArray | None:
    """The array that ``file NPZ ARRAY`` names; of ml_dtypes too, unless it is for whole words."""
    if rest[:1] != ["file"]:
        return None
    if len(rest) != 3:
        raise ValueError("file must be followed by an .npz file and the name of an array in it")
    path = (folder or Path()) / rest[1]
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if rest[2] not in names:
                raise ValueError(f"{path} has no array {rest[2]!r}: {meant(rest[2], names)}")
            content = archive.read(f"{rest[2]}.npy")
            if fmt is None:
                return np.load(io.BytesIO(content), allow_pickle=False)
            return decoded(str(path), rest[2], content, fmt, "the format")[0]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or 'must be an .npz file'}") from None
    except ValueError:
        raise
    except Exception as error:  # zip, pickle and header faults have no common type
        raise ValueError(f"{path}: not a readable .npz ({type(error).__name__})") from None


def shape_of(
    rest: list[str], source: NDArray | None, fmt: Format | None, machine: Machine
) -> tuple[int, int]:
    """Rows and columns of values that come without."""
    if source is not None:
        count = max(1, source.size) if fmt is not None else source.nbytes // machine.tile.word_bytes
        whole = fmt is not None and source.ndim == 2
        return (source.shape[0], source.shape[1]) if whole else (1, count)
    if not rest:
        raise ValueError(f"values are missing: must be {VALUES}")
    if rest[0] in ("random", "fill"):
        raise ValueError(f"{rest[0]} needs ROWSxCOLUMNS after the format")
    return 1, len(rest)


def filled(block: Block, rest: list[str], source: NDArray | None, names: Names) -> Block:
    """The block with its values."""
    cost = Rounding()
    if source is not None:
        bits, cost = _from_array(block, source)
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
            bit, cost = _element(rest[1], block)
            bits = np.full(block.shape, bit)
            cost = Rounding(*(bits.size * count for count in astuple(cost)))
    else:
        if len(rest) != block.rows * block.columns:
            raise ValueError(
                f"must be {block.rows}x{block.columns} = {block.rows * block.columns} values, "
                f"not {len(rest)}"
            )
        each = [_element(text, block) for text in rest]
        bits = np.array([bit for bit, _ in each]).reshape(block.shape)
        cost = sum((one for _, one in each), Rounding())
    return replace(block, bits=bits.astype(block.dtype), rounding=cost)


def _from_array(block: Block, source: NDArray) -> tuple[NDArray[np.unsignedinteger], Rounding]:
    """Numbers are rounded to the format; unsigned integers, and all words, are bits."""
    cost = Rounding()
    if block.fmt is None:
        bits = np.frombuffer(np.ascontiguousarray(source).tobytes(), np.uint8)
    elif source.dtype.kind == "f":
        bits, cost = _rounded(source, block.fmt)
    elif source.dtype.kind == "u" and source.dtype.itemsize == block.dtype.itemsize:
        bits = source
    else:
        raise ValueError(f"the array must be of floats or {block.dtype}, not {source.dtype}")
    if bits.size != block.shape[0] * block.shape[1]:
        raise ValueError(f"the array must have {block.rows}x{block.columns} elements")
    return bits.reshape(block.shape), cost


def _rounded(values: NDArray, fmt: Format) -> tuple[NDArray[np.unsignedinteger], Rounding]:
    """Bits of numbers, and what the format did to them."""
    with np.errstate(all="ignore"):
        stored, cost = round_once(values, fmt)
        return encode(stored, fmt), cost


def _element(text: str, block: Block) -> tuple[int | list[int], Rounding]:
    """Bits of a number; in hexadecimal they are given, and so are the bytes of a word."""
    size = block.word_bytes if block.fmt is None else block.dtype.itemsize
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):
        value = int(text, 16)
        if value >> 8 * size:
            raise ValueError(f"{text} must fit into {8 * size} bits")
        bits = list(value.to_bytes(size, "little")) if block.fmt is None else value
        return bits, Rounding()
    if block.fmt is None:
        raise ValueError(f"{text!r} must be a word in hexadecimal, 0x...")
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} must be a number, or bits in hexadecimal") from None
    stored, cost = _rounded(np.array([number]), block.fmt)
    return int(stored[0]), cost
