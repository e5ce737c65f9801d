"""Arrays of ``.npz`` files, as NumPy saves them, those of ml_dtypes among them."""

import io
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.formats import decode
from isa.instructions import Format

__all__ = ["Archive", "decoded", "read_arrays"]

_E5M2_HEADER = b"'<f1'"
"""What NumPy calls float8_e5m2 of ml_dtypes in a file, and cannot read back; the other formats of
one byte become ``|V1``, and bfloat16 ``|V2``.
"""


class Archive(NamedTuple):
    """The arrays of a file, by name, and what they were in it."""

    arrays: dict[str, NDArray]
    formats: dict[str, str]
    """``bf16``, ``e4m3`` and ``e5m2`` of ml_dtypes, ``fp16``, ``fp32`` and ``fp64``, or the name of
    another NumPy type.
    """


def read_arrays(
    path: Path, needed: Collection[str], allowed: Collection[str], fmt: Format | None
) -> Archive:
    """Read a file. What ml_dtypes made becomes FP32: bfloat16 and float8_e5m2 are told by the file;
    other values of one byte are what `fmt` says, which has to be FP8 then.

    Raises
    ------
    UserError
        If the file cannot be read, an array is missing, or there is one that is not allowed.
    """
    where = f"WORKLOAD file {path}"
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            _check_names(where, names, needed, allowed)
            read = {name: decoded(where, name, archive.read(f"{name}.npy"), fmt) for name in names}
            arrays = {name: array for name, (array, _) in read.items()}
            return Archive(arrays, {name: told for name, (_, told) in read.items()})
    except FileNotFoundError:
        raise UserError(f"{where}: no such file") from None
    except UserError:
        raise
    except Exception as error:  # zip, pickle and header faults have no common type
        raise UserError(f"{where}: not a readable .npz ({type(error).__name__})") from None


def _check_names(
    where: str, names: list[str], needed: Collection[str], allowed: Collection[str]
) -> None:
    listed = ", ".join(needed)
    if missing := [name for name in needed if name not in names]:
        raise UserError(f"{where}: must hold arrays {listed}, has no {missing[0]}")
    if unknown := [name for name in names if name not in (*needed, *allowed)]:
        raise UserError(
            f"{where}: cannot use an array {unknown[0]!r}; "
            f"it may hold {', '.join(allowed)} beside {listed}"
        )


def decoded(
    where: str, name: str, content: bytes, fmt: Format | None, asked: str = "DTYPE"
) -> tuple[NDArray, str]:
    """An array of a file, and its format there. What says `fmt` is `asked` for.

    Raises
    ------
    UserError
        If it has values of one byte and `fmt` is no FP8.
    """
    e5m2 = _E5M2_HEADER in content[:128]
    if e5m2:
        content = content.replace(_E5M2_HEADER, b"'|V1'", 1)
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.kind != "V" or array.dtype.names or array.dtype.itemsize > 2:
        name = array.dtype.name
        bits = name.removeprefix("float")
        return array, f"fp{bits}" if bits in ("16", "32", "64") else name
    if array.dtype.itemsize == 2:
        return decode(array.view(np.uint16), Format.BF16), "bf16"
    if e5m2:
        return decode(array.view(np.uint8), Format.E5M2), "e5m2"
    if fmt not in (Format.E4M3, Format.E5M2):
        raise UserError(
            f"{where}: {name} has values of one byte, as NumPy saves FP8 of ml_dtypes: {asked} "
            f"must say which, e4m3 or e5m2, not {fmt.name.lower() if fmt else 'be empty'}"
        )
    return decode(array.view(np.uint8), fmt), fmt.name.lower()
