"""A task graph for the core: the program of one group of tiles, and its copies.

All tiles of a group do the same at the same time, so that a group is one "tile" of the core: queue
0 is its matrix engines, 1 its vector engines, 2 its control and DMA, 3 what it stores.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray

from model.engine.laws import Laws
from model.engine.run import CoreOutcome, simulate
from model.engine.tables import (
    COLUMNS,
    WAITING,
    Collectives,
    Fabric,
    LinkKind,
    Paths,
    TaskKind,
    TaskTable,
)
from model.engine.tables import TaskColumn as C
from model.paper.costs import PaperCosts

__all__ = ["MATRIX", "VECTOR", "GroupProgram", "Part", "Side", "laws_of_papers", "simulate_groups"]

MATRIX, VECTOR, CONTROL, OUT = range(4)
ARRIVED, WRITTEN, STORE = 4, 6, 7
"""Semaphores; engine e is told by e and answers by 2 + e; reads of side s bump
ARRIVED + s.
"""
HALT = [TaskKind.HALT, *[-1] * (COLUMNS - 1)]


class Part(Enum):
    """What time goes to, in the order in which a breakdown gives it to them."""

    MATRIX = "matrix"
    VECTOR = "vector"
    HBM = "hbm"
    MULTICAST = "multicast"
    MAXIMUM = "max_reduce"
    SUM = "sum_reduce"
    OTHER = "other"
    """barriers, control, and what is set to zero"""


class Side(IntEnum):
    """Edge of the mesh with channels."""

    WEST = 0
    SOUTH = 1


class GroupProgram:
    """What one group does."""

    def __init__(self, kept: Collection[Part] = tuple(Part)) -> None:
        self._queues: tuple[list[list[int]], ...] = ([], [], [], [])
        self._kept = frozenset(kept)

    def _row(self, queue: int, op: TaskKind, **columns: int) -> None:
        row = [-1] * COLUMNS
        row[C.OP], row[C.REGISTERS] = op, 0
        for name, value in columns.items():
            row[C[name]] = value
        self._queues[queue].append(row)

    def work(self, part: Part, cycles: int) -> None:
        """Control, the DMA or the network is busy."""
        if part in self._kept and cycles:
            self._row(CONTROL, TaskKind.WORK, CYCLES=cycles, LINES=0, ACTIVE=cycles)

    def _tell(self, semaphore: int) -> None:
        self._row(CONTROL, TaskKind.WORK, CYCLES=0, LINES=0, ACTIVE=0, SIGNAL0=semaphore)

    def wait(self, semaphore: int, count: int = 1) -> None:
        """Control waits."""
        self._row(CONTROL, TaskKind.SYNC, WAIT0=semaphore, COUNT0=count)

    def start(self, engine: int, cycles: int) -> None:
        """An engine starts; control goes on."""
        part = Part.VECTOR if engine == VECTOR else Part.MATRIX
        cycles = cycles if part in self._kept else 0
        self._tell(engine)
        self._row(
            engine,
            TaskKind.WORK,
            CYCLES=cycles,
            LINES=0,
            ACTIVE=cycles,
            WAIT0=engine,
            COUNT0=1,
            SIGNAL0=2 + engine,
        )

    def join(self, engine: int) -> None:
        """Control waits for what it last started there."""
        self.wait(2 + engine)

    def run(self, engine: int, cycles: int) -> None:
        """Both."""
        self.start(engine, cycles)
        self.join(engine)

    def ask(self, side: Side, channels: range, words: int, each: int = 0) -> int:
        """Read `words` words from each of the group's `channels` of a side; go on.

        With `each` a request is of as many words, so that several groups' are served in turns.
        Returns how many answers there will be.
        """
        if Part.HBM not in self._kept or words == 0:
            return 0
        each = each or words
        for first in range(0, words, each):
            for channel in channels:
                self._row(
                    CONTROL,
                    TaskKind.READ,
                    ROWS=1,
                    WORDS=min(each, words - first),
                    CHANNEL=2 * channel + side,
                    SEM=ARRIVED + side,
                )
        return -(-words // each) * len(channels)

    def answers(self, side: Side, count: int) -> None:
        """Control waits for what it has asked for."""
        if count:
            self.wait(ARRIVED + side, count)

    def store(self, side: Side, channels: int, words: int) -> None:
        """Write likewise, and wait until it is written."""
        if Part.HBM not in self._kept:
            return
        self._tell(STORE)
        for channel in range(channels):
            told = {} if channel else {"WAIT0": STORE, "COUNT0": 1}
            at = 2 * channel + side
            self._row(OUT, TaskKind.WRITE, ROWS=1, WORDS=words, CHANNEL=at, SEM=WRITTEN, **told)
        self.wait(WRITTEN, channels)

    @contextmanager
    def loop(self, rounds: int) -> Iterator[None]:
        """All queues repeat what is in it; each must do something there."""
        used = [len(queue) for queue in self._queues]
        yield
        for queue, at in zip(self._queues, used, strict=True):
            if len(queue) > at:
                queue.insert(at, [TaskKind.LOOP, 0, *[-1] * (COLUMNS - 2)])
                queue[at][C.RD] = queue[at][C.RS] = 0
                queue[at][C.IMM] = rounds
                queue.append([TaskKind.END, 0, *[-1] * (COLUMNS - 2)])

    def table(self) -> tuple[NDArray[np.int32], list[int]]:
        """Rows of all queues, and where each starts."""
        rows: list[list[int]] = []
        starts = []
        for queue in self._queues:
            starts.append(len(rows))
            rows += [*queue, HALT]
        return np.array(rows, np.int32), starts


def simulate_groups(
    program: GroupProgram, bases: Mapping[Side, list[int]], channels: int, laws: Laws
) -> CoreOutcome:
    """Run copies of a program; `bases` says at which channel those of each group begin."""
    groups = len(bases[Side.WEST])
    one, starts = program.table()
    table = np.tile(one, (groups, 1))
    group = np.repeat(np.arange(groups, dtype=np.int32), len(one))
    moves = np.isin(table[:, C.OP], (TaskKind.READ, TaskKind.WRITE))
    side = table[moves, C.CHANNEL] % 2
    base = np.array([bases[Side.WEST], bases[Side.SOUTH]], np.int32)
    table[moves, C.CHANNEL] = table[moves, C.CHANNEL] // 2 + base[side, group[moves]]
    table[moves, C.PATH] = table[moves, C.CHANNEL] * groups + group[moves]
    table[moves, C.PATH2] = channels * groups + group[moves]
    entry = (np.arange(groups)[:, None] * len(one) + np.array(starts)).astype(np.int32)
    return simulate(
        TaskTable(table, entry.reshape(-1)),
        _paths(groups, channels),
        _NOTHING,
        _fabric(groups, channels),
        laws,
    )


def _paths(groups: int, channels: int) -> Paths:
    """From each channel into each group by the channel's own link, as responses use none [C], and
    out of each group.
    """
    link = np.concatenate([np.repeat(np.arange(channels), groups), np.arange(groups) + channels])
    tile = np.concatenate([np.tile(np.arange(groups), channels), np.full(groups, -1)])
    at = np.arange(len(link) + 1, dtype=np.int32)
    parent = np.full(len(link), -1, np.int32)
    return Paths(at, link.astype(np.int32), parent, tile.astype(np.int32))


def _fabric(groups: int, channels: int) -> Fabric:
    inject = np.repeat(np.arange(groups, dtype=np.int32)[:, None] + channels, 3, axis=1)
    kind = np.repeat([LinkKind.FORK, LinkKind.CHANNEL], [channels, groups]).astype(np.int32)
    none = np.zeros_like(kind)
    own = np.arange(channels, dtype=np.int32)
    return Fabric(none, kind, none, inject, np.full((groups, 5), -1), own, np.full_like(own, -1))


_none = np.zeros(0, np.int32)
_NOTHING = Collectives(
    np.full((1, 1), -1, np.int32),
    *(_none, _none, _none),
    *(_none, _none, _none, _none),
    np.zeros((0, 5), np.int32),
)


def laws_of_papers(costs: PaperCosts, burst: int, streams: int) -> Laws:
    """What the core needs of the papers' memory: words are bursts of `burst` bytes, of `streams`
    tiles that take turns at each channel.
    """
    return Laws(
        start=0.0,
        port=0.0,
        fetch=1.0,  # from a task to the next
        scalar=0.0,
        wait=0.0,
        signal=0.0,
        remote=0.0,
        outstanding=4,
        eject=burst / costs.channel_bytes,
        ejected=burst / costs.channel_bytes,
        flush=0,
        patience=0,
        request=0.0,
        move=0.0,
        results_waiting=1,
        word_cycles=costs.burst_cycles(burst, streams),
        ahead=0.0,
        latency=float(costs.latency),
        write=0.0,
        send=0.0,
        output=4,
        reads=WAITING,
        writes=WAITING,
        rows=1,
        width=1,
        columns=1,
        pipeline=1,
        first=0.0,
        pieces=1.0,
        results=0.0,
        filling=0.0,
        buffer=0.0,
        banks=1,
    )
