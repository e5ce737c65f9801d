"""The Verilog of a machine's mesh, ours or another's, and the simulation that is compiled
from it.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import amaranth

from hw.emit import emit, port_names
from hw.mesh.mesh import MESH_SIGNATURE, Mesh
from hw.sim.native import native_header, native_verilog
from hw.sim.waves_text import waves_verilog
from hw.tile.tile import Tile
from isa.machine import Machine
from tb.files import write
from tb.grids import with_grid
from tb.library import Library, build_library, find_profiled
from tb.runner import ROOT, Build, build, locked
from tb.top import sampled

__all__ = ["ARRAYS", "TRAINING", "Design", "build_mesh", "hardware_of", "in_any_mesh"]
__all__ += ["native_files", "tile_library", "tile_verilog", "verilog", "with_waves"]

ARRAYS = ("rtl", "verilog", "functional")
"""What the PEs of a simulation are: their RTL, all copies side by side (`hw.sim.grid_model`); the
same through Verilog, as everything else; or host arithmetic.
"""
TRAINING = "mha:S=64,D=32,H=2 flat-async fp16, gqa:S=48,D=64,H=4,Hkv=2,causal=1 flat bf16"
"""Runs on 2x2 tiles that a tile's profile is made of, see `tb.training`: none that is measured."""


@dataclass(frozen=True)
class Design:
    """Verilog that is run in place of what `verilog` gives."""

    files: Mapping[str, str]
    """File name to text; among them are modules ``mesh``, ``tile`` and ``hbm_memory``."""
    inputs: Mapping[str, int] = field(default_factory=dict)
    """Inputs that its mesh has besides ours, with the values they are held at."""
    library: Library | None = None
    """Its tile, where it is compiled already (`tile_library`)."""


def verilog(
    machine: Machine,
    *,
    stall: bool = False,
    transport: bool = True,
    events: bool = False,
    waves: bool = False,
    native: bool = False,
) -> dict[str, str]:
    """File name to text of the machine: ``tile.v``, ``mesh.v`` and the simulation models.

    Emission takes seconds, so its results are kept under ``build/verilog``.
    """
    hardware = hardware_of(machine)
    if native:
        options = {"native": True, "events": events}
    else:
        options = {"stall": stall, "transport": transport, "events": events, "waves": waves}
    parts = {
        "tile.v": tile_verilog(machine, waves=waves, gated=native),
        "mesh.v": _emitted("mesh", Mesh, hardware, **options),
        "hbm_memory.v": (ROOT / "hw" / "sim" / "hbm_memory.v").read_text(),
    }
    if events:
        parts["event_log.v"] = (ROOT / "hw" / "sim" / "event_log.v").read_text()
    if native:
        parts["tiles.sv"] = native_verilog(machine, events=events)
        parts["placement.h"] = native_header(machine, events=events)
        for path in sorted((ROOT / "hw" / "sim").glob("native_*.*")):
            parts[path.name] = path.read_text()
    return with_waves(parts, hardware) if waves else parts


def tile_verilog(machine: Machine, *, waves: bool = False, gated: bool = False) -> str:
    """Verilog of the machine's tile, kept like all that `verilog` gives."""
    return _emitted("tile", Tile, in_any_mesh(hardware_of(machine)), waves=waves, gated=gated)


def hardware_of(machine: Machine) -> Machine:
    """The machine without what its hardware does not depend on: name, clock, how fast HBM is."""
    return machine.model_copy(
        update={
            "name": "any",
            "clock_ghz": 1.0,
            "hbm": machine.hbm.model_copy(update={"latency": 1, "bytes_per_cycle": 1}),
        }
    )


def in_any_mesh(machine: Machine) -> Machine:
    """The machine in a mesh of one tile: no tile depends on the mesh that it is placed in."""
    channels = {"west_pitch": 1, "east_pitch": 0, "south_pitch": 0, "north_pitch": 0}
    return machine.model_copy(
        update={
            "mesh": machine.mesh.model_copy(update={"columns": 1, "rows": 1}),
            "hbm": machine.hbm.model_copy(update=channels),
        }
    )


def _emitted(name: str, component: Callable, machine: Machine, **options: bool) -> str:
    """Verilog of a component of the machine, kept from the last time if neither sources nor machine
    have changed.
    """
    key = hashlib.sha256(repr((amaranth.__version__, name, options, machine)).encode())
    for folder in ("isa", "hw"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".v"):
                key.update(path.read_bytes())
    kept = ROOT / "build" / "verilog" / f"{key.hexdigest()[:16]}.v"
    with locked(kept):
        if not kept.exists():
            write(kept, emit(component(machine=machine, **options), name))
    return kept.read_text()


def with_waves(files: Mapping[str, str], machine: Machine) -> dict[str, str]:
    """The files of a mesh that was emitted for waveforms, with the model ``waves``, which is all
    that a VCD then shows.
    """
    return {name: _untraced(text) for name, text in files.items()} | {
        "waves.v": waves_verilog(machine)
    }


def _untraced(text: str) -> str:
    """Verilog of which a VCD shows nothing but its instance of the model ``waves``."""
    off, on = "/*verilator tracing_off*/", "/*verilator tracing_on*/"
    placed = re.sub(
        r"^  waves .*?\);$",
        lambda found: f"{on}\n{found[0]}\n{off}",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )
    return f"{off}\n{placed}"


def native_files(machine: Machine, array: str = "rtl", *, events: bool = False) -> dict[str, str]:
    """The files of our mesh with tiles that are compiled apart, and one of `ARRAYS` in them."""
    files = verilog(machine, native=True, events=events)
    return files if array == "verilog" else with_grid(files, machine.tile, array)


def tile_library(text: str) -> Library:
    """The tile compiled, by a profile if `tb.training` has made one of this text."""
    library = build_library(text, "tile")
    return find_profiled(library, TRAINING) or library


def build_mesh(
    machine: Machine,
    *,
    stall: bool = False,
    waves: bool = False,
    transport: bool = True,
    events: bool = False,
    design: Design | None = None,
) -> Build:
    """Compile the machine's mesh, or the `design` given for it, the tile once.

    Without `transport` or with `waves` everything is one simulation, else the tiles are a C++ model
    (`hw.sim.native`), which stalls or does not as it is told.
    """
    ports = ["clk", "rst", *port_names(MESH_SIGNATURE), *(design.inputs if design else ())]
    if design:
        files = dict(design.files)
    elif transport and not waves:
        files = native_files(machine, events=events)
    else:
        files = verilog(machine, stall=stall, transport=transport, events=events, waves=waves)
    if "native_tiles.cpp" in files:
        given = design.library if design else None
        library = given or tile_library(files["tile.v"])
        del files["tile.v"]
        files["tile_inside.h"] = library.inside
        files["mesh.v"] = sampled(files["mesh.v"])
        return build(files, "mesh", public={"mesh": ports}, library=library)
    return build(files, "mesh", public={"mesh": ports}, hierarchical=["tile"], waves=waves)
