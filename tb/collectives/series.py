"""Programs that run many collectives, each from a standing start: all members of one begin in the
same cycle.

Every tile loads its own words from HBM; then a rectangle of tiles (a `SeriesLane`) runs its `Item`s
one after the other, while other lanes run theirs: rows do not share a link, nor do quadrants. In
front of each item the lane meets at a barrier, an all-reduce of one word. Its result reaches a tile
one cycle later per hop from the root, so nearer tiles pause for that many cycles more. When all
lanes are through, the results go to HBM.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.geometry import Rectangle, TileXY
from isa.image import Program
from isa.instructions import EdgePort, Opcode, Queue
from isa.machine import Machine
from programs.collectives.collective import Collective
from programs.collectives.emit import emit, scratch_words
from programs.common.code import Code
from tb.collectives.expect import receivers
from tb.collectives.homes import SOURCE_WORDS, contents, home

__all__ = ["Item", "SeriesLane", "SeriesPlan", "plan"]

BARRIER_WORD, MARKER_WORD, SOURCE = 0, 2, 16
"""L1 words: what the barrier adds up (and, behind it, its result), what a marker sends, and a
tile's own words.
"""
BARRIER_TAG, MARKER_TAG, MOVE_TAG, GATE_TAG = 255, 254, 253, 252
BARRIER, PAD, MOVED, MARKED = 24, 25, 26, 27
"""Semaphores beyond those of the collectives."""
SYNC_CYCLES, WAIT_CYCLES = 3, 5
"""Cycles of a SYNC without waits, and with one that is met at once. With both, any pause from
`LEAST_PAUSE` up can be made.
"""
LEAST_PAUSE = 8
_MOVE_WORDS = 2048


@dataclass(frozen=True)
class Item:
    """Collectives that are started together, and the name to find the result by.

    With `marked` every receiver sends itself a word when it is told that the result is there: the
    only way to see the cycle in which the vector engine finished one.
    """

    key: tuple
    collectives: tuple[Collective, ...]
    marked: bool = False


@dataclass
class SeriesLane:
    """A rectangle of tiles and what it runs, in this order."""

    rectangle: Rectangle
    items: list[Item] = field(default_factory=list)


@dataclass
class SeriesPlan:
    """Programs, contents of HBM, and where everything is: items with all addresses and tags filled
    in.
    """

    machine: Machine
    lanes: list[SeriesLane]
    programs: dict[TileXY, Program]
    hbm: list[NDArray[np.uint8]]
    sources: dict[TileXY, NDArray[np.float32]]
    first_target: int
    target_words: int

    @property
    def dump(self) -> tuple[int, int]:
        """First and last word of every channel that results are in."""
        turns = -(-self.machine.mesh.tiles // len(self.machine.channels))
        return turns * SOURCE_WORDS, turns * (SOURCE_WORDS + self.target_words) - 1

    def results(self, tile: TileXY, dumped: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """A tile's targets in what was dumped from every channel."""
        channel, turn = home(self.machine, tile)
        size = self.target_words * self.machine.tile.word_bytes
        return dumped[channel][turn * size : (turn + 1) * size]


def plan(machine: Machine, lanes: Sequence[SeriesLane], *, seed: int = 1) -> SeriesPlan:
    """Write the programs of all lanes.

    Collectives come with kind, method, rectangle, root, words and segment; addresses, tags and
    semaphores are given here.

    Raises
    ------
    UserError
        If the L1, the program memory or the tags do not suffice: give a lane fewer items.
    """
    placed, first, end, shared = _place(machine, lanes)
    roots = {
        c.root
        for lane in placed
        for item in lane.items
        for c in item.collectives
        if c.kind == "reduce"
    }
    code = Code(machine)
    everywhere = Rectangle(0, 0, machine.mesh.columns - 1, machine.mesh.rows - 1)
    channels = machine.channels
    turns = -(-machine.mesh.tiles // len(channels))

    def channel_of(tile: TileXY) -> tuple[dict[str, Any], int]:
        channel, turn = home(machine, tile)
        at = channels[channel]
        return {"target_x": at.x, "target_y": at.y, "edge": EdgePort[at.edge.upper()]}, turn

    for x, y in everywhere.tiles():
        where, turn = channel_of((x, y))
        fields = {
            "local": SOURCE,
            "remote": turn * SOURCE_WORDS,
            "rows": 1,
            "words": SOURCE_WORDS,
            "tag": MOVE_TAG,
            **where,
        }
        code.add(
            (x, y), Queue.LOAD, Opcode.LOAD, bump=1, sem=MOVED, x0=x, y0=y, x1=x, y1=y, **fields
        )
        code.add((x, y), Queue.OUT, Opcode.SYNC, waits=[(MOVED, 1)])
    _barrier(code, everywhere, GATE_TAG)
    for lane in placed:
        for item in lane.items:
            _barrier(code, lane.rectangle, BARRIER_TAG)
            for c in item.collectives:
                emit(code, c)
            _finish(code, item)
    _barrier(code, everywhere, GATE_TAG)
    for tile in everywhere.tiles():
        where, turn = channel_of(tile)
        size = end - first if tile in roots else shared
        pieces = range(0, size, _MOVE_WORDS)
        base = turns * SOURCE_WORDS + turn * (end - first)
        for at in pieces:
            code.add(
                tile,
                Queue.OUT,
                Opcode.STORE,
                local=first + at,
                remote=base + at,
                rows=1,
                tag=MOVE_TAG,
                words=min(_MOVE_WORDS, size - at),
                bump=1,
                sem=MOVED,
                **where,
            )
        if pieces:
            code.add(tile, Queue.OUT, Opcode.SYNC, waits=[(MOVED, len(pieces))])
        if code.slots(tile) > machine.tile.program_instructions:
            raise UserError(
                f"tile {tile} needs {code.slots(tile)} instruction slots, it has "
                f"{machine.tile.program_instructions}"
            )
    hbm, sources = contents(machine, seed)
    return SeriesPlan(machine, placed, code.programs(), hbm, sources, first, end - first)


def _place(machine: Machine, lanes: Sequence[SeriesLane]) -> tuple[list[SeriesLane], int, int, int]:
    """Give targets, scratch and tags: the lanes, the first and last word of targets, and the words
    that not only roots have.

    Targets of one lane never overlap; lanes have the same L1 words as each other. What only a root
    receives comes last, so that the others need not store it.
    """
    first, scratch = SOURCE + SOURCE_WORDS, 0
    shared = max(
        (
            sum(c.words for item in lane.items for c in item.collectives if c.kind != "reduce")
            for lane in lanes
        ),
        default=0,
    )
    placed, end = [], first + shared
    for lane in lanes:
        at, at_root, tag, items = first, first + shared, 1, []
        for item in lane.items:
            collectives = []
            for c in item.collectives:
                collectives.append(
                    replace(c, source=SOURCE, target=at_root if c.kind == "reduce" else at, tag=tag)
                )
                if c.kind == "reduce":
                    at_root += c.words
                else:
                    at += c.words
                tag += 1
                scratch = max(scratch, scratch_words(machine, c))
            items.append(replace(item, collectives=tuple(collectives)))
        if tag > GATE_TAG:
            raise UserError(
                f"lane {lane.rectangle} has {tag - 1} collectives, there are {GATE_TAG - 1} tags"
            )
        end = max(end, at_root)
        placed.append(SeriesLane(lane.rectangle, items))
    if end + scratch > machine.tile.l1_words:
        raise UserError(
            f"targets and buffers need L1 up to word {end + scratch}, there are "
            f"{machine.tile.l1_words}"
        )
    for lane in placed:
        lane.items = [
            replace(item, collectives=tuple(replace(c, scratch=end) for c in item.collectives))
            for item in lane.items
        ]
    return placed, first, end, shared


def _barrier(code: Code, rectangle: Rectangle, tag: int) -> None:
    """After this the tiles of the rectangle go on in the same cycle."""
    x0, y0, x1, y1 = rectangle
    farthest = x1 - x0 + y1 - y0
    for x, y in rectangle.tiles():
        pause = LEAST_PAUSE + farthest - (x - x0 + y - y0)
        waits = next(n for n in range(SYNC_CYCLES) if (pause - n * WAIT_CYCLES) % SYNC_CYCLES == 0)
        for _ in range(waits):
            code.add((x, y), Queue.OUT, Opcode.SYNC, signal=PAD)
        code.add(
            (x, y),
            Queue.OUT,
            Opcode.REDUCE,
            local=BARRIER_WORD,
            remote=BARRIER_WORD + 1,
            rows=1,
            words=1,
            x0=x0,
            y0=y0,
            x1=x1,
            y1=y1,
            target_x=x0,
            target_y=y0,
            turn=1,
            bump=1,
            sem=BARRIER,
            tag=tag,
        )
        code.add((x, y), Queue.OUT, Opcode.SYNC, waits=[(BARRIER, 1)])
        for i in range(waits + (pause - waits * WAIT_CYCLES) // SYNC_CYCLES):
            code.add((x, y), Queue.OUT, Opcode.SYNC, waits=[(PAD, 1)] if i < waits else [])


def _finish(code: Code, item: Item) -> None:
    """Every tile waits for all it gets."""
    done = item.collectives[0].semaphores.done
    gets: dict[TileXY, int] = {}
    for c in item.collectives:
        told = c.rectangle.tiles() if c.kind != "reduce" else receivers(c)
        for tile in told:
            gets[tile] = gets.get(tile, 0) + 1
    for (x, y), count in gets.items():
        if item.marked:
            code.add(
                (x, y),
                Queue.OUT,
                Opcode.PUT,
                waits=[(done, count)],
                local=MARKER_WORD,
                remote=MARKER_WORD + 1,
                rows=1,
                words=1,
                x0=x,
                y0=y,
                x1=x,
                y1=y,
                tag=MARKER_TAG,
                bump=1,
                sem=MARKED,
            )
            code.add((x, y), Queue.OUT, Opcode.SYNC, waits=[(MARKED, 1)])
        else:
            code.add((x, y), Queue.OUT, Opcode.SYNC, waits=[(done, count)])
