"""A program text on the golden machine and on the RTL: what each holds in the end, and whether
that is the same and what the text expects.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden.errors import GoldenError
from golden.machine import GoldenMachine
from golden.races import RaceError
from isa.errors import UserError
from isa.geometry import TileXY
from isa.instructions import Queue
from isa.machine import Machine
from isa.status import QUEUE_PROBES, ErrorCode, Probe, QueueState
from programs.text.listing import Listing
from tb.hardware import Design, verilog
from tb.l1_files import read_l1, with_l1_files, write_l1
from tb.memory_files import read_memory
from tb.mesh import RunFailure, Settings, Window, simulate
from tb.runner import fresh_folder

__all__ = ["Failure", "State", "run_on_golden", "run_on_rtl"]

Bytes = NDArray[np.uint8]
_RETIRED = QUEUE_PROBES.index("instructions")


@dataclass(frozen=True)
class Failure:
    """Why a machine did not come to its end."""

    kind: str
    """``error``, ``deadlock`` or ``endless``."""
    text: str
    """With lines of the text and its names."""
    error: tuple[ErrorCode, TileXY, Queue | None, int | None] | None = None
    """Code, tile, queue and slot; queue and slot are None if arriving flits caused it."""
    waiting: frozenset[tuple[TileXY, Queue, int]] = frozenset()
    """Tile, queue and slot of what waits for a semaphore."""


@dataclass
class State:
    """What a machine holds in the end."""

    machine: str
    """``golden`` or ``RTL``."""
    l1: dict[TileXY, Bytes]
    hbm: list[Bytes]
    semaphores: dict[TileXY, list[int]]
    executed: dict[tuple[TileXY, Queue], int]
    """Instructions of each queue."""
    hbm_words: tuple[list[int], list[int]]
    """Read from and written to each channel; empty where they were not counted."""
    failure: Failure | None = None
    races: list[str] = field(default_factory=list)
    """One line each; only the golden machine finds any."""
    cycles: int | None = None
    boot_cycles: int | None = None
    probes: dict[TileXY, list[int]] = field(default_factory=dict)
    """Counters of the RTL, see `isa.status.Probe`."""
    build_seconds: float = 0.0


def run_on_golden(listing: Listing) -> State:
    """Run a text on the golden machine, looking for races."""
    golden = GoldenMachine(listing.machine, listing.programs, listing.hbm(), races=True)
    listing.fill_l1(golden.l1)
    failure, races = None, []
    try:
        golden.run()
    except RaceError as error:
        races = [listing.named(str(race)) for race in error.races]
    except GoldenError as error:
        failure = _golden_failure(listing, golden, error)
    executed = Counter((step.tile, step.queue) for step in golden.steps)
    counted = golden.statistics
    return State(
        machine="golden",
        l1=golden.l1,
        hbm=[words.view(np.uint8).reshape(-1) for words in golden.hbm],
        semaphores=golden.semaphores,
        executed={
            (tile, queue): executed[tile, queue] for tile in listing.tiles for queue in Queue
        },
        hbm_words=(counted.hbm_words_read, counted.hbm_words_written),
        failure=failure,
        races=races,
    )


def run_on_rtl(
    listing: Listing,
    golden: State | None = None,
    *,
    design: Design | None = None,
    waves: Path | None = None,
    progress: Callable[[int], None] | None = None,
    workdir: Path | None = None,
) -> State:
    """Run a text on the RTL.

    Parameters
    ----------
    golden
        What the golden machine holds: as much of HBM is read back as it has written.
    design
        Verilog to run instead of ours. Nobody can look into its L1s, nor fill them.
    waves
        VCD to write.
    progress
        Called now and then with the cycle that has been reached.
    workdir
        Folder for the run's files; a fresh one under ``build/runs`` by default.

    Raises
    ------
    UserError
        If programs and data do not fit a channel, or the text speaks of the L1s of a `design`.
    SimulationFailure
        If the simulator itself fails.
    """
    machine = listing.machine
    workdir = workdir or fresh_folder("program")
    l1 = {tile: np.zeros(machine.tile.l1_bytes, np.uint8) for tile in listing.tiles}
    listing.fill_l1(l1)
    if design is None:
        write_l1(machine, l1, workdir)
    else:
        _refuse_l1(listing)
    hbm = listing.hbm()
    words = _extent(machine, [*hbm, *(golden.hbm if golden else ())])
    on = waves is not None
    ours = design is None
    if design is None:
        text = verilog(machine, events=on, waves=on, native=not on)
        design = Design(with_l1_files(text, machine))
    run, failure = None, None
    try:
        run = simulate(
            machine,
            {tile: program.words() for tile, program in listing.programs.items()},
            hbm,
            dump=(0, words - 1),
            settings=Settings(waves=Window(waves) if waves else None),
            design=design,
            progress=progress,
            workdir=workdir,
        )
        probes = run.probes
    except RunFailure as stopped:
        probes = stopped.probes
        failure = _rtl_failure(listing, stopped)
    return State(
        machine="RTL",
        l1={tile: read_l1(machine, tile, workdir) for tile in listing.tiles if ours},
        hbm=[
            read_memory(workdir / f"out_{channel.index}.hex", machine.tile.word_bytes)
            for channel in machine.channels
        ],
        semaphores={
            tile: values[Probe.SEMAPHORE :][: machine.tile.semaphores]
            for tile, values in probes.items()
        },
        executed={
            (tile, queue): values[Probe.QUEUE + 16 * queue + _RETIRED]
            for tile, values in probes.items()
            for queue in Queue
        },
        hbm_words=(run.words_read, run.words_written) if run else ([], []),
        failure=failure,
        cycles=run.cycles if run else None,
        boot_cycles=run.boot_cycles if run else None,
        probes=probes,
        build_seconds=run.build_seconds if run else 0.0,
    )


def _refuse_l1(listing: Listing) -> None:
    blocks = [*listing.contents, *listing.expected, *listing.shown]
    for block in blocks:
        if not isinstance(block.place, int):
            raise UserError(
                f"{listing.at(block.line)}: with DUT, what a text fills, expects and shows must be "
                "in HBM, not in L1"
            )


def _extent(machine: Machine, contents: Sequence[Bytes]) -> int:
    """Words of a channel in which anything is, or was written, by any of the contents."""
    word_bytes = machine.tile.word_bytes
    used = [int(np.flatnonzero(content)[-1]) + 1 if content.any() else 1 for content in contents]
    return -(-max(used, default=1) // word_bytes)


def _golden_failure(listing: Listing, golden: GoldenMachine, error: GoldenError) -> Failure:
    text = listing.named(str(error))
    if error.code == ErrorCode.NONE or error.tile is None:
        return Failure("deadlock", text, waiting=frozenset(golden.waiting))
    return Failure("error", text, (error.code, error.tile, error.queue, error.pc))


def _rtl_failure(listing: Listing, stopped: RunFailure) -> Failure:
    kind, text = stopped.kind, listing.named(str(stopped))
    failed = [
        (values[Probe.ERROR_CYCLE], tile, values[Probe.ERROR])
        for tile, values in stopped.probes.items()
        if values[Probe.ERROR] & 0xFF
    ]
    if failed:
        _, tile, word = min(failed)
        code, queue = ErrorCode(word & 0xFF), word >> 8 & 0xFF
        place = (None, None) if queue == 0xFF else (Queue(queue), word >> 16)
        return Failure("error", text, (code, tile, *place))
    waiting = frozenset(
        (tile, queue, values[Probe.QUEUE + 16 * queue])
        for tile, values in stopped.probes.items()
        for queue in Queue
        if values[Probe.QUEUE + 16 * queue + 1] in (QueueState.WAIT0, QueueState.WAIT1)
    )
    return Failure("deadlock" if kind == "hang" else kind, text, waiting=waiting)
