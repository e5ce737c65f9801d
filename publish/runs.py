"""A folder for each run, and fixed names for the latest one."""

import io
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from tb.files import write, write_json
from tb.runner import ROOT

__all__ = ["check_npz", "new_folder", "write_npz", "write_run"]

LATEST = "latest"


def new_folder(target: str) -> Path:
    """Make a folder ``build/<target>/<time>-<letters>`` that no other run has."""
    base = ROOT / "build" / target
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=base))
    folder.chmod(0o755)
    return folder


def check_npz(name: str) -> Path:
    """The file that OUT names.

    Raises
    ------
    UserError
        If it cannot be written: said before anything takes time.
    """
    path = Path(name)
    if path.suffix != ".npz":
        raise UserError(f"OUT must be a file whose name ends in .npz, not {name!r}")
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise UserError(f"OUT={name}: {'is a folder' if path.is_dir() else 'no such folder'}")
    if not os.access(path.resolve().parent, os.W_OK):
        raise UserError(f"OUT={name}: the folder cannot be written to")
    return path


def write_npz(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write arrays in one step."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write(path, content.getvalue())


def write_run(folder: Path, result: dict, arrays: Mapping[str, NDArray]) -> Path:
    """Write ``result.json`` and ``output.npz`` to the folder of a run, and make ``latest`` and
    these names in the folder above mean this run. Returns the path of the result.
    """
    write_npz(folder / "output.npz", arrays)
    write_json(folder / "result.json", result)  # the last one: where it is, all is
    for name in ("result.json", "output.npz"):
        _link(folder.parent / name, f"{LATEST}/{name}")
    _link(folder.parent / LATEST, folder.name)
    return folder / "result.json"


def _link(path: Path, target: str) -> None:
    """Make `path` a link in one step, whatever was there."""
    if path.is_symlink() and os.readlink(path) == target:
        return
    scratch = Path(tempfile.mkdtemp(dir=path.parent))
    (scratch / path.name).symlink_to(target)
    os.replace(scratch / path.name, path)
    scratch.rmdir()
