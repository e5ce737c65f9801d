"""Builds Verilog with Verilator and runs cocotb test modules on it.

Builds live in ``build/verilator/<key>``, where the key is a hash of everything the binary depends
on: a build is made once, any number of runs may use it at a time, and deleting ``build`` is always
safe.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from cocotb_tools.config import libs_dir

from hw.emit import emit, port_names
from tb import toolchain
from tb.files import write
from tb.logs import one_line, reason, tail
from tb.waiting import waiting

if TYPE_CHECKING:
    from tb.library import Library

__all__ = [
    "ROOT",
    "SETTINGS",
    "Build",
    "SimulationFailure",
    "build",
    "build_folder",
    "build_unit",
    "fresh_folder",
    "locked",
    "once",
    "run",
    "run_unit",
    "unit_sources",
]

ROOT = Path(__file__).resolve().parent.parent
WARNINGS_OFF = ("-Wno-fatal", "-Wno-WIDTH", "-Wno-UNOPTFLAT", "-Wno-CASEINCOMPLETE", "-Wno-lint")
SETTINGS = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", *WARNINGS_OFF)
SMALL = 1 << 20
"""Characters of Verilog and C++ below which a build is one compilation."""
_SECONDS = {"tile": 20, "mesh": 15, "mesh for waveforms": 300}
"""Builds on two cores, where none has been made; others take half a minute."""


class SimulationFailure(AssertionError):
    """A cocotb test failed, or the simulator stopped abnormally; the message ends with the end of
    its log.

    Its first line says all in short: what failed, how it ended, the reason, and where the log is.
    """


@dataclass(frozen=True)
class Build:
    """A compiled simulation."""

    top: str
    folder: Path
    seconds: float
    """Wall time of the build; 0 where it was already there."""
    archives: tuple[str, ...] = ()
    """What it is linked with from elsewhere."""


def build(
    sources: Mapping[str, str],
    top: str,
    *,
    public: Mapping[str, Iterable[str]],
    hierarchical: Iterable[str] = (),
    library: "Library | None" = None,
    waves: bool = False,
) -> Build:
    """Compile Verilog text with Verilator for cocotb.

    Parameters
    ----------
    sources
        File name to text: Verilog, and C++ that it calls.
    top
        Name of the top module.
    public
        Module name to the variables that a testbench reads or writes; nothing else is visible to
        it.
    hierarchical
        Modules to compile once each, however often they are placed.
    library
        A module compiled by `tb.library.build_library`, whose objects the C++ sources make.
    waves
        Whether the binary can write a VCD, which the Verilog has to ask for (``$dumpvars``).
    """
    control = ["`verilator_config"]
    control += [
        f'public_flat_rw -module "{module}" -var "{var}"'
        for module, names in public.items()
        for var in names
    ]
    control += [f'hier_block -module "{module}"' for module in hierarchical]
    files = {**sources, "control.vlt": "\n".join(control) + "\n"}
    arguments = ["--no-public-flat-rw", *SETTINGS]
    arguments += ["--hierarchical"] if hierarchical else []

    def compile_all(folder: Path) -> None:
        from cocotb_tools.runner import get_runner  # a quarter of a second, also for pytest

        verilog = [folder / name for name in sorted(files) if name.endswith((".v", ".sv", ".vlt"))]
        native = [str(folder / name) for name in sorted(files) if name.endswith(".cpp")]
        get_runner("verilator").build(
            sources=verilog,
            hdl_toplevel=top,
            build_dir=folder,
            build_args=[*arguments, *native, *(library.arguments if library else [])],
            waves=waves,
            log_file=folder / "build.log",
            timescale=("1ns", "1ns"),
        )

    parts = library.name if library else ""
    linked = str(libs_dir)  # by its path: a checkout that has moved links anew
    seconds, folder = once([top, arguments, waves, parts, linked], files, compile_all)
    if not library:
        return Build(top, folder, seconds)
    return Build(top, folder, seconds + library.seconds, (str(library.archive),))


def build_folder(key: list, files: Mapping[str, str]) -> Path:
    """Where what is made of `files` under the conditions `key` is kept."""
    every = json.dumps([toolchain.version(), *key, sorted(files.items())])
    return ROOT / "build" / "verilator" / hashlib.sha256(every.encode()).hexdigest()[:16]


def once(
    key: list, files: Mapping[str, str], compile_all: Callable[[Path], None]
) -> tuple[float, Path]:
    """Compile `files` in a folder of their own, unless that has been done; return the seconds it
    took now and the folder.
    """
    folder = build_folder(key, files)
    with locked(folder):
        if (folder / "built").exists():
            return 0.0, folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        started = time.monotonic()
        what = key[0] + (" for waveforms" if key[2:3] == [True] else "")
        compiling = waiting(f"building {what} with Verilator", _usual(what, folder.parent))
        small = sum(map(len, files.values())) < SMALL
        with compiling, _environment(toolchain.environment(small=small)):
            try:
                compile_all(folder)
            except (Exception, SystemExit) as error:
                log = folder / "build.log"
                raise SimulationFailure(
                    f"build of {key[0]} failed ({one_line(error)}): {reason(log)}\n{tail(log)}"
                ) from error
        seconds = time.monotonic() - started
        write(folder / "built", f"{seconds:.1f} {what}\n")
    return seconds, folder


def _usual(what: str, folder: Path) -> float:
    """Seconds that builds of this took here, their median, or `_SECONDS`."""
    built = [path.read_text().strip().partition(" ") for path in folder.glob("*/built")]
    seen = [float(seconds) for seconds, _, name in built if name == what]
    return statistics.median(seen) if seen else _SECONDS.get(what, 30)


def fresh_folder(name: str) -> Path:
    """A new folder for the files of a run, under ``build/runs``."""
    folder = ROOT / "build" / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))


def run(
    compiled: Build,
    module: str,
    *,
    environment: Mapping[str, str] | None = None,
    plusargs: Iterable[str] = (),
    seed: int = 1,
    testcase: str | None = None,
    workdir: Path | None = None,
) -> Path:
    """Run the cocotb tests of `module` and return the folder in which they ran.

    Raises
    ------
    SimulationFailure
        If a test fails or none ran.
    """
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    workdir = workdir or fresh_folder(compiled.top)
    workdir.mkdir(parents=True, exist_ok=True)
    log = workdir / "simulation.log"
    results = workdir / "results.xml"
    results.unlink(missing_ok=True)
    ended = ""
    with _environment(toolchain.environment()):
        try:
            get_runner("verilator").test(
                test_module=module,
                hdl_toplevel=compiled.top,
                hdl_toplevel_lang="verilog",
                build_dir=compiled.folder,
                test_dir=workdir,
                results_xml=str(results),
                seed=seed,
                testcase=testcase,
                plusargs=list(plusargs),
                extra_env={"COCOTB_LOG_LEVEL": "INFO", **(environment or {})},
                log_file=log,
            )
        except (SystemExit, RuntimeError, subprocess.CalledProcessError, ParseError) as error:
            ended = f" ({one_line(error)})"  # what it means is checked below
    try:
        tests, failures = get_results(results)
    except (RuntimeError, ParseError) as error:
        raise SimulationFailure(
            f"{module}: the simulator stopped abnormally{ended}: {reason(log)}\n{tail(log)}"
        ) from error
    if failures or not tests:
        raise SimulationFailure(
            f"{module}: {failures} of {tests} tests failed, seed {seed}: {reason(log)}\n{tail(log)}"
        )
    return workdir


def build_unit(component, name: str) -> Build:
    """Emit one Amaranth component as module `name` and compile it with all its ports visible."""
    sources, ports = unit_sources(component, name)
    return build(sources, name, public={name: ports})


def unit_sources(component, name: str) -> tuple[dict[str, str], list[str]]:
    """Verilog of one Amaranth component as module `name`, and the names of its ports."""
    return {f"{name}.v": emit(component, name)}, ["clk", "rst", *port_names(component)]


def run_unit(component, name: str, module: str, **options) -> Path:
    """Build one Amaranth component as `build_unit` does, and `run` the cocotb tests of `module` on
    it.

    The ports are ``clk``, ``rst`` and the component's members, nested members joined by ``__``
    (``dut.command__payload``, ``dut.i__0__valid``). Options are those of `run`.
    """
    return run(build_unit(component, name), module, **options)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone, of all processes, with what is made once and kept in this folder or file."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Exactly this of the user's environment (`toolchain.clean`), with `variables`."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(toolchain.clean(before) | dict(variables))
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
