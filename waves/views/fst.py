"""Converts a VCD to FST, which viewers load faster and which is a small part of the size."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from isa.errors import UserError

__all__ = ["to_fst"]

SOURCE = Path(__file__).with_name("vcd_to_fst.cpp")


def to_fst(vcd: Path, *, headers: Callable[[], Path], kept: Path) -> Path:
    """Write the FST of a VCD beside it.

    GTKWave's ``vcd2fst`` does it where there is one, else a converter that is compiled from
    Verilator's own FST writer: it needs the headers of LZ4 and zlib.

    Parameters
    ----------
    headers
        Finds the folder of Verilator's C++ headers, if they are needed.
    kept
        Folder in which the compiled converter is kept.

    Returns
    -------
    Path
        The FST: the VCD's name with the suffix ``.fst``.

    Raises
    ------
    UserError
        If there is no converter, or the VCD cannot be converted; no file is left then.
    """
    fst = vcd.with_suffix(".fst")
    unfinished = fst.with_suffix(".fst.part")
    converter = shutil.which("vcd2fst") or str(_compiled(headers(), kept))
    done = subprocess.run(
        [converter, str(vcd), str(unfinished)], capture_output=True, text=True, check=False
    )
    if done.returncode or not unfinished.exists():
        unfinished.unlink(missing_ok=True)
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(
            f"{vcd}: {Path(converter).name} cannot convert it to FST: "
            f"{said[-1] if said else 'it says nothing'}"
        )
    os.replace(unfinished, fst)
    return fst


def _compiled(headers: Path, kept: Path) -> Path:
    """The converter, compiled once for each source and folder of headers."""
    key = hashlib.sha256(f"{headers} {SOURCE.read_text()}".encode()).hexdigest()[:16]
    program = kept / f"vcd_to_fst-{key}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        command = [
            "g++",
            "-O2",
            "-std=c++17",
            f"-I{headers}",
            str(SOURCE),
            "-o",
            str(unfinished),
        ]
        built = subprocess.run(
            [*command, "-llz4", "-lz"], capture_output=True, text=True, check=False
        )
        if built.returncode:
            missing = next(
                (
                    line
                    for line in built.stderr.splitlines()
                    if "error" in line or "cannot find" in line
                ),
                "",
            )
            raise UserError(
                "FST needs GTKWave's vcd2fst (Debian: apt-get install gtkwave), or the headers of "
                "LZ4 and zlib (apt-get install liblz4-dev zlib1g-dev) and a Verilator with fstcpp; "
                f"the VCD is there all the same ({missing.strip()})"
            )
        os.replace(unfinished, program)
    return program
