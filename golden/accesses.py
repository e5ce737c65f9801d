"""Compares each access of a run to those before it to the same words, given what is
certainly over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from golden.flows import FlowEvent, Flows, FlowTransfer
from golden.order import Clock
from golden.race_report import Race, RaceSide
from golden.touched import L1Block, overtaken, touched
from isa.geometry import TileXY
from isa.instructions import Opcode, Queue
from isa.machine import Machine

__all__ = ["Accesses"]

Ids = NDArray[np.int32]


@dataclass(slots=True)
class _Memory:
    """For each word of an L1 or a channel, the access that wrote it last, and what has read it
    since, by reader; 0: none.
    """

    size: int
    written: Ids = field(init=False)
    read: dict[int, Ids] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.written = np.zeros(self.size, np.int32)

    def reader(self, component: int) -> Ids:
        """What `component` has read."""
        if component not in self.read:
            self.read[component] = np.zeros(self.size, np.int32)
        return self.read[component]


@dataclass(frozen=True, slots=True)
class _Now:
    """An access that is being compared."""

    memory: TileXY | int
    event: FlowEvent
    writes: bool
    arrives: bool


class Accesses:
    """Collects `races`, by memory and the two accesses; `engine` and `arrival` are what
    `golden.order.Clocks` calls.

    A word remembers its last write, and its reads since then: whoever comes after a write comes
    after all that the write came after.
    """

    def __init__(self, machine: Machine, flows: Flows):
        self.races: dict[tuple, Race] = {}
        self._tile = machine.tile
        self._l1: dict[TileXY, _Memory] = {}
        self._hbm = {channel: _Memory(size) for channel, size in _written_hbm(flows.events).items()}
        # Accesses by number: who made them, and when they are over: once `component` has reached
        # `value`. 0 is no access.
        self._who: list[tuple[FlowEvent, bool]] = [(event, False) for event in flows.events[:1]]
        self._component, self._value = np.zeros(1024, np.int32), np.zeros(1024, np.int32)
        self._executions: dict[FlowEvent, int] = {}
        self._counts: dict[tuple, int] = {}
        self._own_checked: set[tuple] = set()

    def engine(self, event: FlowEvent, clock: Clock) -> None:
        """Accesses of an engine to its tile's L1; `clock`: what comes before the instruction is
        issued.
        """
        step = event.step
        key = event.component, step.slot
        self._executions[event] = self._counts[key] = self._counts.get(key, 0) + 1
        reads, writes = touched(step.decoded.opcode, step.operands, self._tile)
        memory, own = (
            self._memory(step.tile),
            self._number(event, event.component, 2 * event.number + 1),
        )
        for block in reads:
            self._compare(
                _Now(step.tile, event, False, False), _view(memory.written, block), clock, block
            )
        if writes:
            known = clock[event.component]
            if step.queue == Queue.MATRIX:
                # Results are written in order and after all earlier operands were read, although
                # nothing else of the earlier instructions is certain.
                clock[event.component] = 2 * event.number - 1
            for block in writes:
                self._write(
                    _Now(step.tile, event, True, False), memory, block, clock, same=event.component
                )
            clock[event.component] = known
            self._check_own(event, own)
        for block in reads:
            _view(memory.reader(event.component), block)[...] = own
        for block in writes:
            _view(memory.written, block)[...] = own

    def arrival(self, event: FlowEvent, transfer: FlowTransfer, tile: TileXY, clock: Clock) -> None:
        """Words that arrive in a tile, or for a STORE in HBM; `clock`: what comes before the first
        of them.
        """
        f, opcode = event.step.operands, event.step.decoded.opcode
        remote = L1Block(f["remote"], f["remote_pitch"], f["rows"], f["words"])
        if opcode == Opcode.STORE:
            self._store(event, transfer, remote, clock)
            return
        block = remote
        if opcode == Opcode.LOAD:
            if tile == next(iter(transfer.receivers)):
                self._load(event, transfer, remote, clock)
            block = L1Block(f["local"], f["local_pitch"], f["rows"], f["words"])
        elif tile in transfer.members:
            # A word arrives after the receiver itself has sent the same word, and those before it.
            event = transfer.members[tile]
            clock[event.component] = 2 * event.number + 1
            self._check_in_place(event, block)
        memory = self._memory(tile)
        own = self._number(event, transfer.source.arrived[tile], transfer.number, True)
        self._write(_Now(tile, event, True, True), memory, block, clock)
        _view(memory.written, block)[...] = own

    def _memory(self, tile: TileXY) -> _Memory:
        return self._l1.get(tile) or self._l1.setdefault(tile, _Memory(self._tile.l1_words))

    def _number(self, event: FlowEvent, component: int, value: int, arrives: bool = False) -> int:
        number = len(self._who)
        if number == len(self._component):
            self._component, self._value = (
                np.concatenate([a, np.zeros_like(a)]) for a in (self._component, self._value)
            )
        self._component[number], self._value[number] = component, value
        self._who.append((event, arrives))
        return number

    def _compare(
        self, now: _Now, before: Ids, clock: Clock, block: L1Block, *, read: bool = False
    ) -> None:
        """Compare with the accesses `before`, one for each word of `block`, which have written, or
        have read.
        """
        first = before.flat[0]
        if clock[self._component[first]] >= self._value[first] and (before == first).all():
            return
        late = clock[self._component[before]] < self._value[before]
        if late.any():
            rows, words = np.nonzero(late)
            self._report_all(
                now, before[rows, words], block.address + rows * block.pitch + words, read
            )

    def _write(
        self, now: _Now, memory: _Memory, block: L1Block, clock: Clock, *, same: int = 0
    ) -> None:
        """Compare a write with the accesses before it, but for reads of the engine that is the
        `same`.
        """
        self._compare(now, _view(memory.written, block), clock, block)
        for component, ids in memory.read.items():
            reads = _view(ids, block)
            if component != same:
                self._compare(now, reads, clock, block, read=True)
            reads[...] = 0

    def _load(self, event: FlowEvent, transfer: FlowTransfer, block: L1Block, clock: Clock) -> None:
        assert transfer.channel is not None
        memory = self._hbm.get(transfer.channel)
        if memory is None:
            return
        now, at = _Now(transfer.channel, event, False, True), _words(block, memory.size)
        self._compare_hbm(now, memory.written[at], clock, at)
        sent = transfer.source.sent
        memory.reader(sent)[at] = self._number(event, sent, transfer.number, True)

    def _store(
        self, event: FlowEvent, transfer: FlowTransfer, block: L1Block, clock: Clock
    ) -> None:
        assert transfer.channel is not None
        memory = self._hbm[transfer.channel]
        now, at = _Now(transfer.channel, event, True, True), _words(block, memory.size)
        self._compare_hbm(now, memory.written[at], clock, at)
        for ids in memory.read.values():
            self._compare_hbm(now, ids[at], clock, at, read=True)
            ids[at] = 0
        arrived = transfer.source.arrived[event.step.tile]
        memory.written[at] = self._number(event, arrived, transfer.number, True)

    def _compare_hbm(
        self, now: _Now, before: Ids, clock: Clock, at: NDArray[np.int64], *, read: bool = False
    ) -> None:
        late = clock[self._component[before]] < self._value[before]
        if late.any():
            self._report_all(now, before[late], at[late], read)

    def _check_own(self, event: FlowEvent, own: int) -> None:
        """An instruction that overwrites its own operands."""
        key = *event.step[:3], event.step.operands["m"]
        if key in self._own_checked and not event.step.decoded.added:
            return
        self._own_checked.add(key)
        words = overtaken(event.step.decoded.opcode, event.step.operands, self._tile)
        if words:
            now = _Now(event.step.tile, event, True, False)
            self._report(now, own, words, True, "the engine may write them before it has read them")

    def _check_in_place(self, event: FlowEvent, block: L1Block) -> None:
        """What arrives over the receiver's own part of the transfer: a word may only replace itself
        and those before it.
        """
        f = event.step.operands
        own = L1Block(f["local"], f["local_pitch"], f["rows"], f["words"])
        if block.address >= own.end or own.address >= block.end:
            return
        sent = np.full(max(block.end, own.end), -1, np.int32)
        order = np.arange(own.rows * own.words, dtype=np.int32).reshape(own.rows, own.words)
        for place, numbers in zip(_view(sent, own), order, strict=True):
            place[...] = numbers
        late = _view(sent, block) > order
        if late.any():
            rows, words = np.nonzero(late)
            number = self._number(event, event.component, 2 * event.number + 1)
            self._report(
                _Now(event.step.tile, event, True, True),
                number,
                block.address + rows * block.pitch + words,
                True,
                "a word arrives once that very word was sent, and what it overwrites is sent later",
            )

    def _report_all(self, now: _Now, before: Ids, at: NDArray[np.int64], read: bool) -> None:
        for access in np.unique(before):
            self._report(now, int(access), at[before == access], read)

    def _report(
        self, now: _Now, before: int, words: Iterable[int], read: bool, missing: str = ""
    ) -> None:
        event, arrives = self._who[before]
        first = RaceSide(event.step, self._executions[event], not read, arrives)
        second = RaceSide(now.event.step, self._executions[now.event], now.writes, now.arrives)
        key = now.memory, first.place, second.place
        if key in self.races:
            self.races[key].times += 1
            return
        if not missing:
            alike = first.name == second.name and first.place[:3] != second.place[:3]
            ends = [side.end(now.memory, alike) for side in (first, second)]
            starts = [side.start(alike) for side in (first, second)]
            missing = f"no path of semaphores from {ends[0]} to {starts[1]}"
            if first.place[:2] != second.place[:2]:
                missing += f", nor from {ends[1]} to {starts[0]}"
        self.races[key] = Race(
            now.memory, sorted({int(word) for word in words}), first, second, missing
        )


def _view(ids: Ids, block: L1Block) -> Ids:
    return np.ndarray(
        (block.rows, block.words), np.int32, ids, 4 * block.address, (4 * block.pitch, 4)
    )


def _words(block: L1Block, size: int) -> NDArray[np.int64]:
    """The words of a block, as far as they are below `size`."""
    at = (
        block.address + np.arange(block.rows)[:, None] * block.pitch + np.arange(block.words)
    ).ravel()
    return at[at < size]


def _written_hbm(events: Iterable[FlowEvent]) -> dict[int, int]:
    """Of each channel that is written, the words up to the highest one."""
    sizes: dict[int, int] = {}
    for event in events:
        if event.step.decoded.opcode == Opcode.STORE:
            assert event.transfer is not None and event.transfer.channel is not None
            f = event.step.operands
            end = L1Block(f["remote"], f["remote_pitch"], f["rows"], f["words"]).end
            sizes[event.transfer.channel] = max(sizes.get(event.transfer.channel, 0), end)
    return sizes
