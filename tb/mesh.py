"""Runs tile programs on the RTL mesh: loads HBM, runs to the end, reads counters and memory
back.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.geometry import TileXY
from isa.machine import Machine
from tb.boot import boots_directly, write_images
from tb.diagnosis import why_stopped
from tb.estimate import refuse_if_too_large
from tb.event_log import read_events
from tb.hardware import Design, build_mesh, native_files
from tb.memory_files import read_memory, write_memory
from tb.probes import wanted_probes
from tb.progress import following
from tb.runner import fresh_folder, run

__all__ = ["BENCH", "MeshRun", "RunFailure", "Settings", "Window", "orders_of", "result_of"]
__all__ += ["simulate"]

BENCH = "tb.benches.mesh"
MANY_TILES = 256
"""Tiles that are worth a second thread, see docs/decisions/0019-large-meshes-in-cache.md."""


class RunFailure(UserError):
    """The machine stopped with an error, or hung: one line says which tile, instruction, cycle.

    Attributes
    ----------
    kind
        ``error``, ``hang``, or ``endless``: still busy after `Settings.most_cycles`.
    run, probes
        What there was when it had stopped, see `MeshRun`.
    later
        The probes of an error once more, after those of all tiles were read: whose queues go on.
    """

    def __init__(self, kind: str, text: str, run: "MeshRun", later: dict[TileXY, list[int]]):
        super().__init__(text)
        self.kind, self.run, self.probes, self.later = kind, run, run.probes, later


@dataclass(frozen=True)
class Window:
    """The part of a run that a VCD shows, see `hw.sim.waves`."""

    path: Path
    """The file; not made if the run ends before `first`, cut off if the simulator dies."""
    first: int = 0
    """First cycle; 0 is the first in which queues may run."""
    last: int | None = None
    """Last cycle; None: to the end of the run."""

    @property
    def plusargs(self) -> list[str]:
        """What the simulation has to be told."""
        to = [] if self.last is None else [f"+waves_to={self.last}"]
        return [f"+waves={self.path}", f"+waves_from={self.first}", *to]


@dataclass(frozen=True)
class Settings:
    """Conditions of a run; waves, events and a mesh without `transport` need their own builds."""

    stall_rate: int = 0
    """Every link refuses new flits in `stall_rate` of 256 cycles."""
    stall_seed: int = 1
    watchdog: int = 800
    """Cycles without any activity, engines and HBM channels included, that count as a hang."""
    waves: Window | None = None
    """What to write to a VCD."""
    events: bool = False
    """Record what every tile issues, injects and receives."""
    transport: bool = True
    """Tiles compiled apart from the mesh, or with waves links sampled at the falling edge: faster,
    and no cycle depends on it. See `hw.sim.native`, `hw.sim.transport`.
    """
    direct_boot: bool | None = None
    """Boot without the network, see `tb.boot`; None: where it would take long. Only for a mesh with
    `transport` and without waves.
    """
    any_size: bool = False
    """Also simulate a mesh that `tb.estimate` finds too large."""
    most_cycles: int = 0
    """Cycles, boot included, after which a run that does not end is given up; 0: never."""
    array: str = "rtl"
    """One of `tb.hardware.ARRAYS`; with waves or a design, PEs are Verilog, and not functional."""
    threads: int | None = 1
    """Threads that share the tiles of our mesh without waves; no cycle depends on it. None: as many
    as there are cores for a mesh of `MANY_TILES`, else 1.
    """
    settle: int = 20
    """Cycles from an error to the first probe that is read: what is under way arrives meanwhile."""
    backpressure: bool = False
    """Of a mesh that is all Verilog, take the one that can stall even for a `stall_rate` of 0, so
    that runs of both kinds share a build.
    """
    counters: bool = True
    """Whether all probes are read, see `tb.probes`; others are 0."""


@dataclass
class MeshRun:
    """What a run on the RTL gave."""

    cycles: int
    """From the start of all queues to the last activity."""
    boot_cycles: int
    probes: dict[tuple[int, int], list[int]]
    """Probe values of each tile, indexed by `isa.status.Probe`."""
    words_read: list[int]
    """Per HBM channel, in words, boot not counted."""
    words_written: list[int]
    hbm: list[NDArray[np.uint8]]
    """Contents of each channel in the dumped range."""
    build_seconds: float
    run_seconds: float
    """Wall time of the simulation from the release of reset to `finished`."""
    simulated_cycles: int
    megabytes: float
    """Most memory that the simulation has held."""
    processor_seconds: float
    """Processor time of the same."""
    events: NDArray | None = None
    """All events of `tb.event_log.EVENTS`, by cycle, of a run that records them."""
    workdir: Path = field(default_factory=Path)

    def total(self, probe: int) -> int:
        """Sum of a counter over all tiles."""
        return sum(values[probe] for values in self.probes.values())


def simulate(
    machine: Machine,
    images: Mapping[tuple[int, int], Sequence[int]],
    hbm: Sequence[NDArray[np.uint8]],
    *,
    dump: tuple[int, int],
    settings: Settings = Settings(),
    design: Design | None = None,
    progress: Callable[[int], None] | None = None,
    workdir: Path | None = None,
) -> MeshRun:
    """Run one program image per tile on the RTL.

    Parameters
    ----------
    machine
        The machine.
    images
        For every tile (x, y), the 256-bit slots of its program image.
    hbm
        For every channel, its bytes from word 0 up, whole words.
    dump
        First and last word of every channel to read back afterwards.
    settings
        Conditions of the run.
    design
        Verilog to run instead of ours; `Settings.transport` and whether links stall are up to it
        then.
    progress
        Called now and then with the cycle that has been reached.
    workdir
        Folder for the run's files; a fresh one under ``build/runs`` by default.

    Raises
    ------
    RunFailure
        If a tile raises an error or the machine hangs.
    UserError
        If images and data do not fit a channel, the mesh is too large to simulate, or another
        array or threads cannot be had.
    SimulationFailure
        If the simulator itself fails.
    """
    if not settings.any_size:
        refuse_if_too_large(machine)
    workdir = workdir or fresh_folder("mesh")
    workdir.mkdir(parents=True, exist_ok=True)
    if settings.waves:
        settings.waves.path.parent.mkdir(parents=True, exist_ok=True)
        settings.waves.path.unlink(missing_ok=True)
    threads = _threads(machine, settings, design)
    native = settings.transport and not settings.waves and not design
    if settings.array == "functional" and not native:
        raise UserError(
            "ARRAY=functional is for our mesh without waves: WAVES and DUT need ARRAY=rtl"
        )
    if settings.array != "rtl" and native:
        design = Design(native_files(machine, settings.array, events=settings.events))
    boot = write_memory(machine, images, hbm, workdir)
    compiled = build_mesh(
        machine,
        stall=settings.stall_rate > 0 or settings.backpressure,
        waves=settings.waves is not None,
        transport=settings.transport,
        events=settings.events or settings.waves is not None,  # one build for both
        design=design,
    )
    direct = settings.direct_boot
    if direct is None:
        direct = native and boots_directly(machine, boot[1])
    elif direct and not native:
        raise ValueError("Direct boot must be of tiles that are compiled apart")
    orders = orders_of(machine, settings, boot, design.inputs if design else {})
    (workdir / "run.json").write_text(json.dumps(orders))
    with following(workdir / "progress", progress):
        run(
            compiled,
            BENCH,
            environment={"FLATMESH_RUN": str(workdir)},
            plusargs=[
                f"+hbm_dir={workdir}",
                f"+dump_from={dump[0]}",
                f"+dump_to={dump[1]}",
                f"+event_log={workdir / 'events.txt'}",
                *(settings.waves.plusargs if settings.waves else []),
                *(write_images(machine, images, boot[1], workdir) if direct else []),
                *([f"+threads={threads}"] if threads > 1 else []),
            ],
            workdir=workdir,
        )
    return result_of(machine, settings, workdir, compiled.seconds)


def _threads(machine: Machine, settings: Settings, design: Design | None) -> int:
    """Threads of a run, as `Settings.threads` says."""
    native = settings.transport and not settings.waves and not design
    if settings.threads is None:
        return os.cpu_count() or 1 if native and machine.mesh.tiles >= MANY_TILES else 1
    if settings.threads > 1 and not native:
        raise UserError("THREADS is for our mesh without waves: WAVES and DUT need THREADS=1")
    return settings.threads


def orders_of(
    machine: Machine, settings: Settings, boot: tuple[int, int], inputs: Mapping[str, int]
) -> dict:
    """What the bench reads: how long to wait, what to read back, and the mesh's inputs."""
    return {
        "targets": machine.mesh.tiles,
        "channels": len(machine.channels),
        "most_cycles": settings.most_cycles,
        "settle": settings.settle,
        "probes": wanted_probes(machine, settings.counters),
        "inputs": {
            **inputs,
            "boot_address": boot[0],
            "boot_words": boot[1],
            "hbm_latency": machine.hbm.latency,
            "hbm_bytes_per_cycle": machine.hbm.bytes_per_cycle,
            "watchdog": settings.watchdog,
            "stall_rate": settings.stall_rate,
            "stall_seed": settings.stall_seed,
        },
    }


def result_of(machine: Machine, settings: Settings, workdir: Path, build_seconds: float) -> MeshRun:
    """What the bench has left in the folder of a run."""
    seen = json.loads((workdir / "seen.json").read_text())
    columns = machine.mesh.columns
    probes, later = (
        {(index % columns, index // columns): values for index, values in enumerate(tiles)}
        for tiles in (seen["tiles"], seen["later"])
    )
    run = MeshRun(
        cycles=seen["cycles"],
        boot_cycles=seen["boot_cycles"],
        probes=probes,
        words_read=[channel[0] for channel in seen["channels"]],
        words_written=[channel[1] for channel in seen["channels"]],
        hbm=[
            read_memory(workdir / f"out_{index}.hex", machine.tile.word_bytes)
            for index in range(len(machine.channels))
        ],
        build_seconds=build_seconds,
        run_seconds=seen["seconds"],
        simulated_cycles=seen["cycles"] + seen["boot_cycles"],
        megabytes=seen["megabytes"],
        processor_seconds=seen["processor_seconds"],
        events=read_events(workdir / "events.txt", columns) if settings.events else None,
        workdir=workdir,
    )
    for kind, so in (("endless", "endless"), ("error", "error"), ("hang", "hung")):
        if seen[so]:
            text = f"endless: still busy after {settings.most_cycles} cycles"
            text = text if kind == "endless" else why_stopped(machine, probes, seen)
            raise RunFailure(kind, text, run, later)
    return run
