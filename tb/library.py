"""One Verilog module compiled to a C++ class, whose objects a native model makes; and compiled once
more by a profile of small runs.

A profile changes no bit and no cycle: it tells the C++ compiler which branches are taken. It costs
two more compilations, so it is made only where it is asked for (`make pgo`, `make bench`), and
taken from then on wherever the same text is simulated.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tb import toolchain
from tb.runner import SETTINGS, build_folder, once

__all__ = ["Library", "build_library", "find_profiled", "profile"]

RECORD = "-fprofile-generate -fprofile-update=single"
USE = "-fprofile-use -Wno-missing-profile"


@dataclass(frozen=True)
class Library:
    """One module compiled to a C++ class ``V<module>``."""

    module: str
    folder: Path
    seconds: float
    """Wall time of the build; 0 where it was already there."""
    profiled: bool = False
    """Whether it was compiled by a profile."""
    link: str = ""
    """What the linker has to be told besides the archive."""

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return " ".join((self.folder.name, NATIVE, self.link))

    @property
    def archive(self) -> Path:
        """What to link."""
        return self.folder / f"V{self.module}__ALL.a"

    @property
    def arguments(self) -> list[str]:
        """What Verilator has to be told to compile against it and to link it."""
        flags = f"-I{self.folder} {NATIVE}"
        return ["-CFLAGS", flags, "-LDFLAGS", f"{self.archive} {self.link}".strip()]

    @property
    def inside(self) -> str:
        """C++ header of what a native model may know of the class's inside; see `inside_of`."""
        prefix = f"V{self.module}"
        ports, inside = (
            (self.folder / f"{name}.h").read_text() for name in (prefix, f"{prefix}___024root")
        )
        return inside_of(ports, inside, prefix)


def inside_of(ports: str, inside: str, prefix: str) -> str:
    """What a native model may know of the inside of a class that Verilator has made, from the
    headers of its ports and of its inside: defined if it is there, and done without if not.

    ``FLATMESH_ONE_EVAL``
        The variables that hold a clock's last value can be set.
    ``FLATMESH_COUNTERS``, ``FLATMESH_MEMORIES``
        Names of the counters that nothing but the probe port reads (`hw.tile.probes`,
        `hw.control.sequencer`), and of the memories, by address: what else there is decides what a
        tile does next.
    """
    lines = [f'#include "{prefix}___024root.h"']
    clocks = re.findall(r"VL_IN8\(&(clk\w*),", ports)
    if clocks and all(f"__Vtrigprevexpr___TOP__{clock}__0" in inside for clock in clocks):
        lines.append("#define FLATMESH_ONE_EVAL")
    counters = re.findall(rf"^\s*IData/\*31:0\*/ (\w+__DOT__(?:{_COUNTERS})\w*);", inside, re.M)
    memories = [
        name
        for depth, name in re.findall(r"^\s*VlUnpacked<.*, (\d+)> (\w+);", inside, re.M)
        if int(depth) >= _MEMORY_DEPTH
    ]
    if counters and memories:
        for what, names in (("COUNTERS", counters), ("MEMORIES", memories)):
            lines.append(f"#define FLATMESH_{what}(X) " + " ".join(f"X({n})" for n in names))
    return "\n".join(lines) + "\n"


_COUNTERS = "count_|cycles_fetch|cycles_wait|cycles_engine"
_MEMORY_DEPTH = 256
"""Words of a memory that is read into a register only: L1's banks and the program."""


NATIVE = "-O3 -ffp-contract=off"
"""How the C++ that calls a library is compiled: products and sums must be rounded one by one."""


def build_library(text: str, module: str) -> Library:
    """Compile the Verilog `text` of one module to a C++ class ``V<module>`` and its archive."""

    def compile_all(folder: Path) -> None:
        command = ["verilator", "--cc", "--prefix", f"V{module}", "--top-module", module]
        with (folder / "build.log").open("w") as log:
            steps = [*command, *SETTINGS, "--Mdir", ".", f"{module}.v"]
            subprocess.run(steps, cwd=folder, stdout=log, stderr=log, check=True)
        _make(folder, module)

    seconds, folder = once([module, SETTINGS], {f"{module}.v": text}, compile_all)
    return Library(module, folder, seconds)


def _make(folder: Path, module: str, optimisation: str = toolchain.OPTIMISATION) -> None:
    # The makefile names the Verilator that wrote it, which may have been in a checkout that moved.
    root = f"VERILATOR_ROOT={toolchain.include_folder().parent}"
    make = ["make", "-f", f"V{module}.mk", root, f"OPT_FAST={optimisation}", f"V{module}__ALL.a"]
    with (folder / "build.log").open("a") as log:
        subprocess.run(make, cwd=folder, stdout=log, stderr=log, check=True)


def _key(library: Library, training: str) -> list:
    return [
        f"{library.module} by a profile",
        library.folder.name,
        toolchain.OPTIMISATION,
        USE,
        training,
    ]


def find_profiled(library: Library, training: str) -> Library | None:
    """The library compiled by a profile of `training`, if that has been done."""
    folder = build_folder(_key(library, training), {})
    built = (folder / "built").exists()
    return Library(library.module, folder, 0.0, profiled=True) if built else None


def profile(library: Library, training: str, train: Callable[[Library], None]) -> Library:
    """Compile the library by a profile.

    Parameters
    ----------
    library
        What `build_library` gave.
    training
        What `train` runs: with the library's text, all that the result depends on.
    train
        Runs simulations with the library that it is given.
    """

    def compile_all(folder: Path) -> None:
        _copy_sources(library.folder, folder)
        _make(folder, library.module, f"{toolchain.OPTIMISATION} {RECORD}")
        train(Library(library.module, folder, 0.0, link="-fprofile-generate"))
        for stale in (*folder.glob("*.o"), *folder.glob("*.a"), *folder.glob("*.gch")):
            stale.unlink()
        _make(folder, library.module, f"{toolchain.OPTIMISATION} {USE}")

    seconds, folder = once(_key(library, training), {}, compile_all)
    return Library(library.module, folder, seconds, profiled=True)


def _copy_sources(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.suffix in (".cpp", ".h", ".mk"):
            shutil.copy(path, target)
