"""An inspection as a Chrome trace, for ui.perfetto.dev and chrome://tracing. A microsecond of the
trace is a cycle.

Every tile is a process. Of each of its queues, one thread has the instructions, one what the queue
waits for, one what stalls its engine; another thread has the collectives that complete at the tile.
Collectives are asynchronous slices, one track a kind: all of them in a process of their own, and
each member's share in its tile. Arrows lead from an issue to what completes by it. The process
``links`` counts how busy each network is.
"""

import gzip
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from isa.geometry import TileXY
from isa.instructions import Opcode, Queue
from isa.status import QueueState
from waves.read.recording import EngineActivity, Recording
from waves.read.samples import runs
from waves.rebuild.inspection import Inspection, Transfer

__all__ = ["perfetto", "write_trace"]

Event = dict[str, Any]

_COLLECTIVES, _LINKS, _FIRST_TILE = 1, 2, 3
"""Process numbers."""
_OF_QUEUE = ("", " waits", " stalls")
"""The threads of each queue, by what follows its name."""
_COMPLETED = len(_OF_QUEUE) * len(Queue)
"""The last thread of a tile: the collectives that are completed there."""
_OPCODES = {opcode.value: opcode.name.lower() for opcode in Opcode}
_SAMPLES = 1000
"""Values of a counter, at most."""


def write_trace(path: Path, inspection: Inspection) -> None:
    """Write the trace of an inspection; compressed, which the viewers read too, if the name ends in
    ``.gz``.
    """
    text = json.dumps(perfetto(inspection), separators=(",", ":")).encode()
    path.write_bytes(
        gzip.compress(text, compresslevel=6, mtime=0) if path.suffix == ".gz" else text
    )


def perfetto(inspection: Inspection) -> dict[str, Any]:
    """The trace as the object that is its JSON."""
    recording = inspection.recording
    events = [*_names(recording)]
    for engine in recording.engines.values():
        events += [
            *_instructions(recording, engine),
            *_waits(recording, engine),
            *_stalls(recording, engine),
        ]
    ids = count(1)
    for collective in inspection.collectives:
        events += [
            *_collective(recording, collective, ids),
            *_completions(recording, collective, ids),
        ]
    events += _utilisation(recording)
    for problem in inspection.problems:
        place = _thread(recording, problem.tile, _COMPLETED)
        events.append(
            {
                "ph": "i",
                **place,
                "cat": "problem",
                "name": problem.what,
                "ts": problem.cycle,
                "s": "p",
            }
        )
    return {
        "traceEvents": events,
        "otherData": {"unit": "1 us is 1 cycle", "first": recording.first, "last": recording.last},
    }


def _process(recording: Recording, tile: TileXY) -> int:
    return _FIRST_TILE + tile[1] * recording.facts.columns + tile[0]


def _thread(recording: Recording, tile: TileXY, thread: int) -> dict[str, int]:
    """Where the events of a thread of a tile are. No two threads of a trace have the same number,
    and none has 0.
    """
    process = _process(recording, tile)
    return {"pid": process, "tid": process * (_COMPLETED + 1) + thread}


def _queue(recording: Recording, engine: EngineActivity, suffix: str) -> dict[str, int]:
    """Where the events of a thread of a queue are."""
    return _thread(recording, engine.tile, len(_OF_QUEUE) * engine.queue + _OF_QUEUE.index(suffix))


def _names(recording: Recording) -> Iterator[Event]:
    """Names of all processes and threads, and their order."""

    def name(what: str, text: str, place: dict[str, int]) -> Iterator[Event]:
        yield {"ph": "M", "name": f"{what}_name", **place, "args": {"name": text}}
        yield {
            "ph": "M",
            "name": f"{what}_sort_index",
            **place,
            "args": {"sort_index": place.get("tid", place["pid"])},
        }

    yield from name("process", "collectives", {"pid": _COLLECTIVES})
    yield from name("process", "links", {"pid": _LINKS})
    titles = [queue.name.lower() + suffix for queue in Queue for suffix in _OF_QUEUE]
    for tile in dict.fromkeys(tile for tile, _ in recording.engines):
        yield from name(
            "process", f"tile ({tile[0]},{tile[1]})", {"pid": _process(recording, tile)}
        )
        for number, title in enumerate([*titles, "completed"]):
            yield from name("thread", title, _thread(recording, tile, number))


def _slice(
    place: dict[str, int], category: str, name: str, begin: int, end: int, **args: Any
) -> Event:
    """Something in a thread, from the cycle `begin` up to but not including `end`."""
    event = {"ph": "X", **place, "cat": category, "name": name, "ts": begin, "dur": end - begin}
    return {**event, "args": args} if args else event


def _instructions(recording: Recording, engine: EngineActivity) -> Iterator[Event]:
    """Instructions one after the other: a slice begins when its instruction is the oldest of those
    with the engine.
    """
    free = recording.first
    for row in engine.executed.tolist():
        fields = dict(zip(engine.executed.dtype.names or (), row, strict=True))
        opcode, done = fields.pop("opcode"), fields["done"]
        begin = max(free, fields["issued"])
        free = done + 1 if done >= 0 else recording.last + 1
        name = _OPCODES.get(opcode, "unknown")
        args = {key: value for key, value in fields.items() if value >= 0}
        yield _slice(_queue(recording, engine, ""), "instruction", name, begin, free, **args)


def _waits(recording: Recording, engine: EngineActivity) -> Iterator[Event]:
    """What keeps the next instruction of a queue: a semaphore, or a drain."""
    drains = engine.states[engine.states["value"] == QueueState.DRAIN]
    named = [(f"semaphore {run['value']}", run) for run in engine.waits] + [
        ("drain", run) for run in drains
    ]
    for name, run in named:
        yield _slice(
            _queue(recording, engine, " waits"), "wait", name, int(run["begin"]), int(run["end"])
        )


def _stalls(recording: Recording, engine: EngineActivity) -> Iterator[Event]:
    """What keeps an engine. Several causes at a time make one slice with all their names."""
    causes = np.zeros(recording.cycles, np.int64)
    for bit, found in enumerate(engine.stalls.values()):
        for run in found:
            causes[run["begin"] - recording.first : run["end"] - recording.first] |= 1 << bit
    for begin, end, value in runs(causes, recording.first, causes != 0).tolist():
        name = " + ".join(cause for bit, cause in enumerate(engine.stalls) if value >> bit & 1)
        yield _slice(_queue(recording, engine, " stalls"), "stall", name, begin, end)


def _collective(recording: Recording, collective: Transfer, ids: Iterator[int]) -> Iterator[Event]:
    """A collective as a whole, and each member's share: from its issue to its last word, as far as
    it has them.
    """
    kind = " ".join(filter(None, (collective.kind, collective.op)))
    begin = collective.begin if collective.begin >= 0 else recording.first
    end = collective.end if collective.end >= 0 else recording.last
    shares = {
        tile: (collective.issued.get(tile, begin), collective.completed.get(tile, end))
        for tile in {**collective.issued, **collective.completed}
    }
    args = {
        "number": collective.number,
        "tag": collective.tag,
        "root": str(collective.root),
        "rectangle": str(collective.rectangle),
        "words": collective.words,
        "bytes": collective.bytes,
        "bound": collective.bound,
        **({"rho": round(collective.rho, 3)} if collective.whole and collective.bound else {}),
    }
    yield from _async(_COLLECTIVES, kind, next(ids), begin, end, args)
    for tile, (first, last) in sorted(shares.items()):
        first, last = max(first, recording.first), last if last >= 0 else recording.last
        yield from _async(_process(recording, tile), kind, next(ids), first, last, args)


def _async(
    process: int, kind: str, identity: int, first: int, last: int, args: Event
) -> Iterator[Event]:
    """A slice outside the threads: a track of its process shows all of a kind."""
    event = {"cat": "collective", "name": kind, "id2": {"local": str(identity)}, "pid": process}
    yield {**event, "ph": "b", "ts": first, "args": args}
    yield {**event, "ph": "e", "ts": last + 1}


def _completions(recording: Recording, collective: Transfer, ids: Iterator[int]) -> Iterator[Event]:
    """The cycle of the last word at each receiver, and arrows to it.

    They come from the instruction at each sender; those of an all-reduce meet at the root and part
    there.
    """
    kind = f"{collective.kind} {collective.number}"
    queue = Queue.LOAD if collective.kind == "load" else Queue.OUT
    shown = {
        tile: engine.executed["issued"]
        for (tile, own), engine in recording.engines.items()
        if own == queue
    }
    issued = {tile: cycle for tile, cycle in collective.issued.items() if cycle in shown[tile]}
    completed = {
        tile: cycle for tile, cycle in collective.completed.items() if cycle >= recording.first
    }
    for tile, cycle in completed.items():
        yield _slice(
            _thread(recording, tile, _COMPLETED),
            "completion",
            kind,
            cycle,
            cycle + 1,
            tag=collective.tag,
        )
    for sender, begin in issued.items():
        for receiver, end in completed.items():
            if collective.kind == "allreduce" and collective.root not in (sender, receiver):
                continue
            arrow = {"cat": "collective", "name": kind, "id": next(ids)}
            yield {
                "ph": "s",
                **_queue(recording, recording.engines[sender, queue], ""),
                **arrow,
                "ts": begin,
            }
            yield {
                "ph": "f",
                "bp": "e",
                **_thread(recording, receiver, _COMPLETED),
                **arrow,
                "ts": end,
            }


def _utilisation(recording: Recording) -> Iterator[Event]:
    """Flits taken per link between routers, or from and to channels, and cycle: in per cent,
    network by network.
    """
    edges = np.unique(np.linspace(0, recording.cycles, _SAMPLES + 1).astype(int)) + recording.first
    for network in dict.fromkeys(link.network for link in recording.traffic):
        taken = [
            traffic.taken[traffic.taken >= 0]
            for link, traffic in recording.traffic.items()
            if link.network == network and link.port not in ("inject", "eject")
        ]
        if taken:
            flits, _ = np.histogram(np.concatenate(taken), edges)
            shares = 100 * flits / np.diff(edges) / len(taken)
            for cycle, share in zip(edges.tolist(), [*shares.tolist(), 0.0], strict=True):
                counter = {
                    "ph": "C",
                    "cat": "links",
                    "name": f"{network} network",
                    "pid": _LINKS,
                    "tid": 0,
                }
                yield {**counter, "ts": cycle, "args": {"busy %": round(share, 2)}}
