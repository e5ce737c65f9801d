"""How fast the mesh is simulated: the same program on several builds of it, run in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.geometry import TileXY
from isa.machine import Machine
from tb.bare import run_bare
from tb.hardware import Design, build_mesh, native_files, verilog
from tb.library import Library, build_library
from tb.mesh import simulate
from tb.runner import Build
from tb.training import profile_tile

__all__ = ["Flow", "flows", "time_flows"]


@dataclass
class Flow:
    """One way to simulate a machine, and the times of its runs."""

    name: str
    text: str
    design: Design
    build: Build
    build_seconds: float
    """Wall time of all that this flow compiles; 0 where everything was there."""
    cocotb: list[float] = field(default_factory=list)
    """Thousands of cycles in a second of the processor, by run."""
    bare: list[float] = field(default_factory=list)
    """The same of the bare C++ loop."""

    @property
    def kcycles(self) -> float:
        """Of the fastest run through cocotb: whatever else the host does only takes time."""
        return max(self.cocotb)

    @property
    def kcycles_bare(self) -> float:
        """The same of the bare loop."""
        return max(self.bare)


def flows(machine: Machine) -> list[Flow]:
    """All ways to simulate the machine, built, each a step from the one before."""
    plain, rtl, functional = (
        native_files(machine, array) for array in ("verilog", "rtl", "functional")
    )
    found: list[Flow] = []

    def add(name: str, text: str, files: dict[str, str], library: Library | None = None):
        design = Design(files, library=library)
        build = build_mesh(machine, design=design)
        found.append(Flow(name, text, design, build, build.seconds))

    add("hierarchical", "the mesh in Verilog, tiles as blocks", verilog(machine))
    add("native", "tiles as objects of one compiled tile", plain, _plain(plain))
    add("lanes", "so, with all PEs side by side: what is run by default", rtl, _plain(rtl))
    add("profiled", "the same, compiled by a profile", rtl, profile_tile(machine))
    profiled = profile_tile(machine, "functional")
    add("functional", "so, with the functional PE array", functional, profiled)
    return found


def _plain(files: Mapping[str, str]) -> Library:
    """The tile compiled without a profile, whether or not there is one."""
    return build_library(files["tile.v"], "tile")


def time_flows(
    machine: Machine,
    images: Mapping[TileXY, Sequence[int]],
    memory: Sequence[NDArray[np.uint8]],
    found: Sequence[Flow],
    workdir: Path,
) -> int:
    """Run the program once more in each flow, through cocotb and bare; the cycles it takes.

    Raises
    ------
    UserError
        If two runs do not take the same cycles.
    """
    cycles: dict[str, int] = {}
    for flow in found:
        folder = workdir / flow.name
        seen = simulate(machine, images, memory, dump=(0, 0), design=flow.design, workdir=folder)
        bare = run_bare(flow.build, folder)
        flow.cocotb.append(seen.simulated_cycles / seen.processor_seconds / 1e3)
        flow.bare.append(bare["simulated"] / bare["seconds"] / 1e3)
        cycles |= {flow.name: seen.cycles, f"{flow.name}, bare": bare["cycles"]}
        if bare["error"] or len(set(cycles.values())) > 1:
            raise UserError(f"cycles must be equal in every flow, not {cycles}")
    return seen.cycles
