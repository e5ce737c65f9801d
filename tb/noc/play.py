"""Plays runs of prepared traffic on a bench and returns what arrived, as NumPy arrays."""

import json
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tb.runner import Build, fresh_folder, run

__all__ = ["Outcome", "Progress", "Run", "play"]

END = 0xFFFFFFFF
Progress = Callable[[float], None]


@dataclass
class Run:
    """Flits to play from an empty network on, in the order in which each source has them, and the
    conditions.
    """

    source: NDArray
    """By flit: the end that sends it."""
    flits: NDArray[np.uint32]
    expected: int
    """Flits that have to arrive, copies included: when they have, and all is quiet for `drain`
    cycles, the run is done.
    """
    birth: NDArray | int = 0
    """By flit: the cycle from which on it may be sent."""
    stall: NDArray | float = 0.0
    """By end: the chance that the sink takes nothing in a cycle."""
    sleeps: Sequence[tuple[int, int, int]] = ()
    """(end, cycle, cycles): sinks that take nothing for a while."""
    patience: int = 2000
    """Cycles without progress that count as a hang."""
    drain: int = 64
    limit: int = END
    """Cycle at which the run ends in any case."""
    fault: dict[str, int] = field(default_factory=dict)
    """Settings of the links of a `FaultyMesh`."""


@dataclass
class Outcome:
    """What a run gave. Cycles count from its start."""

    cycles: int
    """Cycle of the last flit that was sent or arrived."""
    hung: bool
    entered: NDArray
    """By flit of the run: the cycle in which it was taken, -1 if it was not."""
    target: NDArray
    """By arrival: the end, in which order of arrival."""
    cycle: NDArray
    flits: NDArray[np.uint32]
    broken: int
    """Mask of the ends at which an offer was changed or taken back."""
    mismatch: int
    """Mask of the tiles whose reduction router reported an error."""
    alarm: int | None
    """Cycle in which a reduction router first reported an error."""
    waiting: int = 0
    """Mask of the tiles whose reduction router held a flit when the run was over."""
    fired: bool = False
    """Whether the fault of the run has happened."""


def play(
    build: Build,
    ends: int,
    runs: Sequence[Run],
    *,
    seed: int = 1,
    progress: Progress | None = None,
    collect: Callable[[Path], None] | None = None,
) -> list[Outcome]:
    """Play `runs` one after the other in one simulation.

    ``progress(share)`` is called now and then, ``collect(folder)`` at the end, when probes have
    left their files there.
    """
    folder = fresh_folder("noc")
    _write(folder, ends, runs, seed)
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folder / "progress", progress, stop))
    if progress:
        watcher.start()
    try:
        run(
            build,
            "tb.noc.control",
            environment={"FLATMESH_NOC": str(folder)},
            plusargs=[f"+traffic={folder}"],
            workdir=folder,
            seed=seed,
        )
    finally:
        stop.set()
    outcomes = _read(folder, ends, runs)
    if collect:
        collect(folder)
    shutil.rmtree(folder)
    return outcomes


def _write(folder: Path, ends: int, runs: Sequence[Run], seed: int) -> None:
    words = runs[0].flits.shape[1]
    parts: list[list[NDArray]] = [[] for _ in range(ends)]
    mark = np.full((1, 1 + words), END, np.uint32)
    settings = []
    for number, one in enumerate(runs):
        records = np.empty((len(one.source), 1 + words), np.uint32)
        records[:, 0] = one.birth
        records[:, 1:] = one.flits[:, ::-1]  # $fread fills a register from its highest byte on
        for end in range(ends):
            parts[end] += [records[one.source == end], mark]
        stall = np.broadcast_to(np.round(np.asarray(one.stall) * 65536).astype(int), ends)
        settings.append(
            {
                "expected": one.expected,
                "drain": one.drain,
                "patience": one.patience,
                "limit": one.limit,
                "seed": (seed * 7919 + number) & 0xFFFF,
                "stall": stall.tolist(),
                "sleeps": [list(map(int, s)) for s in one.sleeps],
                "faults": one.fault,
            }
        )
    for end, part in enumerate(parts):
        np.concatenate(part).astype(">u4").tofile(folder / f"source_{end}.bin")
    (folder / "runs.json").write_text(json.dumps(settings))


def _read(folder: Path, ends: int, runs: Sequence[Run]) -> list[Outcome]:
    results = json.loads((folder / "results.json").read_text())
    words = runs[0].flits.shape[1]
    starts = np.array([result["start"] for result in results])
    sinks = [
        np.fromfile(folder / f"sink_{end}.bin", "<u4").reshape(-1, 1 + words) for end in range(ends)
    ]
    target = np.repeat(np.arange(ends), [len(sink) for sink in sinks])
    arrived = np.concatenate(sinks)
    entered = [
        np.fromfile(folder / f"entered_{end}.bin", "<u4").astype(np.int64) for end in range(ends)
    ]
    of_run = np.searchsorted(starts, arrived[:, 0], side="right") - 1
    order = np.argsort(
        of_run, kind="stable"
    )  # within a run: end by end, each in the order of arrival
    cuts = np.searchsorted(of_run[order], np.arange(len(runs) + 1))
    outcomes = []
    for number, (one, result) in enumerate(zip(runs, results, strict=True)):
        rows = order[cuts[number] : cuts[number + 1]]
        taken = np.full(len(one.source), -1, np.int64)
        stop = starts[number + 1] if number + 1 < len(runs) else END
        for end in np.unique(one.source):
            mine = np.flatnonzero(one.source == end)
            first, last = np.searchsorted(entered[end], [starts[number], stop])
            taken[mine[: last - first]] = entered[end][first:last] - starts[number]
        outcomes.append(
            Outcome(
                cycles=result["moved"],
                hung=bool(result["hung"]),
                entered=taken,
                target=target[rows],
                cycle=arrived[rows, 0].astype(np.int64) - starts[number],
                flits=arrived[rows, 1:],
                broken=result["broken"],
                mismatch=result["mismatch"],
                alarm=None if result["alarm"] == END else result["alarm"],
                waiting=result.get("waiting", 0),
                fired=bool(result.get("fired", 0)),
            )
        )
    return outcomes


def _watch(path: Path, progress: Progress, stop: threading.Event) -> None:
    while not stop.wait(0.5):
        if path.exists() and len(text := path.read_text().split()) == 2:
            progress(int(text[0]) / int(text[1]))
