"""Random programs without races: every engine computes from a pool of numbers into an area of its
own, tiles send to each other.

All of it goes to HBM in the end, so that a wrong bit anywhere, a word too many or one too few is
seen. What the queues do at the same time is ordered only as far as it must be (`Layout` keeps their
words apart); the race check proves that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import LOOP_DEPTH, Format, Opcode, Queue
from isa.machine import Machine
from programs.common.code import Code
from verify.conformance.tile_data import Layout, Section, images
from verify.conformance.tile_engines import matrix_queue, vector_queue
from verify.conformance.tile_network import Arrival, TileTraffic
from verify.conformance.tile_stores import Stores, at

__all__ = ["TileProgram", "tile_program"]

LOADED, MATRIX_GO, OUT_GO, VECTOR_END, MATRIX_END, ARRIVED, STORED, MANY = range(8)
"""Semaphores, see `_load`, `_engines` and `_out`."""
HELLO = 8
"""Two for each queue, from here on, see `_greet`."""
BEGUN, LEFT = 16, 18
"""MATRIX has begun (this one and the next); nobody waits for LEFT."""
CUTS = ("all", "rows", "columns", "single", "halves")
"""How a mesh is cut into the rectangles that a piece is loaded to."""
LAST = 56
"""Words at the end of the vector area that VECTOR fills in the end."""
ONE = 0x3F800000
_MOST_WAIT = 63
_TRIES = 20


@dataclass(frozen=True)
class TileProgram:
    """Programs of a mesh and the HBM they start from."""

    programs: dict[TileXY, Program]
    hbm: list[NDArray[np.uint8]]
    """Of each channel; the words that are stored are behind them, as zeros."""


def tile_program(machine: Machine, focus: str, seed: int) -> TileProgram:
    """Draw programs for all tiles.

    Parameters
    ----------
    machine
        Any machine with at least 2048 words of L1.
    focus
        ``vector``, ``matrix`` or ``network``: what most instructions are for; ``wild``: vector and
        reductions of any bits.
    seed
        Same machine, focus and seed: same programs.
    """
    for attempt in range(_TRIES):
        rng = np.random.default_rng((seed, attempt, *focus.encode()))
        try:
            return _Draft(machine, focus, rng, seed).finish()
        except (
            UserError
        ):  # reductions whose orders contradict each other, or a program that is too long
            continue
    raise UserError(
        f"no instruction program of focus {focus} fits machine {machine.name} (seed {seed})"
    )


class _Draft:
    def __init__(self, machine: Machine, focus: str, rng: np.random.Generator, seed: int):
        self._machine, self._focus, self._rng, self._seed = machine, focus, rng, seed
        mesh = machine.mesh
        self._tiles = list(product(range(mesh.columns), range(mesh.rows)))
        self._code = Code(machine)
        self._layouts = {tile: Layout(machine.tile) for tile in self._tiles}
        for layout in self._layouts.values():
            layout.vector.words -= LAST
        self._loads = dict.fromkeys(self._tiles, 0)
        self._stores = Stores(machine, rng, STORED)

    def finish(self) -> TileProgram:
        self._greet()
        self._load()
        self._engines()
        self._out()
        programs = self._code.programs()
        longest = max(len(program) for program in programs.values())
        if longest > self._machine.tile.program_instructions:
            raise UserError("program too long")
        word = self._machine.tile.word_bytes
        hbm = images(self._machine, self._seed)
        return TileProgram(
            programs,
            [
                np.concatenate([content, np.zeros(end * word - len(content), np.uint8)])
                for content, end in zip(hbm, self._stores.ends, strict=True)
            ],
        )

    def _greet(self) -> None:
        """Every queue of every tile signals itself and one tile for all, waits, and goes through
        loops with nothing in them.
        """
        hub = self._tiles[self._rng.integers(len(self._tiles))]
        for queue in Queue:
            here, there = HELLO + 2 * queue, HELLO + 2 * queue + 1
            for tile in self._tiles:
                add = self._adder(tile, queue)
                add(Opcode.SYNC, signal=here, tell=(there, hub))
                add(
                    Opcode.SYNC,
                    waits=[(here, 1), (there, len(self._tiles))] if tile == hub else [(here, 1)],
                )
                for _ in range(LOOP_DEPTH):
                    add(Opcode.LOOP, imm=int(self._rng.integers(1, 3)))
                add(Opcode.ADD, rd=13, rs=13, imm=1)
                for _ in range(LOOP_DEPTH):
                    add(Opcode.END)

    def _load(self) -> None:
        """LOADs of all pieces, to rectangles of every shape; LOADED counts at each receiver."""
        columns, rows = self._machine.mesh.columns, self._machine.mesh.rows
        for number, piece in enumerate(Layout(self._machine.tile).pieces()):
            cut = CUTS[(number + self._rng.integers(2)) % len(CUTS)]
            for rectangle in _rectangles(columns, rows, cut):
                loader = (
                    rectangle[:2]
                    if cut == "single"
                    else self._tiles[self._rng.integers(len(self._tiles))]
                )
                self._load_piece(loader, piece, rectangle, looped=cut == "single")
        count = int(self._rng.integers(2, _MOST_WAIT + 1))
        for tile in self._tiles:
            add = self._adder(tile, Queue.LOAD)
            add(Opcode.LOOP, imm=count)
            add(Opcode.SYNC, signal=MANY)
            add(Opcode.END)
            # One half one by one, more slowly than they come, so that some come just when others
            # are taken.
            add = self._adder(tile, Queue.MATRIX)
            add(Opcode.LOOP, imm=count - count // 2)
            add(Opcode.SYNC, waits=[(MANY, 1)])
            add(Opcode.ADD, rd=13, rs=13, imm=1)
            add(Opcode.END)
            add(Opcode.SYNC, waits=[(MANY, count // 2)])

    def _load_piece(
        self, loader: TileXY, piece: Section, rectangle: tuple[int, int, int, int], *, looped: bool
    ) -> None:
        """One LOAD; or two halves, from a loop with address registers or so that only the second
        one has a count.
        """
        x0, y0, x1, y1 = rectangle
        words = int(
            self._rng.choice(
                [w for w in range(1, min(piece.words, 40) + 1) if piece.words % w == 0]
            )
        )
        channel = self._machine.channels[self._rng.integers(len(self._machine.channels))]
        rows = piece.words // words
        fields = {
            "local": piece.address,
            "remote": piece.address,
            "local_pitch": words,
            "remote_pitch": words,
            "rows": rows,
            "words": words,
            "x0": x0,
            "y0": y0,
            "x1": x1,
            "y1": y1,
            **at(channel),
            "tag": 1,
        }
        add, counts = self._adder(loader, Queue.LOAD), 1
        if rows % 2:
            add(Opcode.LOAD, **fields, bump=1, sem=LOADED)
        elif looped:
            add(Opcode.LI, rd=1, imm=0)
            add(Opcode.LOOP, imm=2)
            add(
                Opcode.LOAD,
                **fields | {"rows": rows // 2, "local_reg": 1, "remote_reg": 1},
                bump=1,
                sem=LOADED,
            )
            add(Opcode.ADD, rd=1, rs=1, imm=rows // 2 * words)
            add(Opcode.END)
            counts = 2
        else:
            # Words from one channel to one tile come in order.
            add(Opcode.LOAD, **fields | {"rows": rows // 2})
            later = {name: piece.address + rows // 2 * words for name in ("local", "remote")}
            add(Opcode.LOAD, **fields | {"rows": rows // 2} | later, bump=1, sem=LOADED)
        for tile in product(range(x0, x1 + 1), range(y0, y1 + 1)):
            self._loads[tile] += counts

    def _engines(self) -> None:
        """VECTOR clears its area, waits for the pool and lets the others go; both engines tell OUT
        when they are through.
        """
        for tile in self._tiles:
            layout, add = self._layouts[tile], self._adder(tile, Queue.VECTOR)
            line = self._machine.tile.word_bytes
            rows = layout.vector.words // 4
            add(Opcode.FILL, d=layout.vector.address, ldd=4, m=rows, n=line, fmt_d=int(Format.FP32))
            _wait(add, LOADED, self._loads[tile])
            add(Opcode.SYNC, signal=MATRIX_GO, sig1_kind=1, sig1_sem=OUT_GO)
            vector_queue(self._rng, self._machine.tile, layout, add, self._focus)
            # The last words take a while, and are stored first. What follows must not make their
            # signal come early.
            add(
                Opcode.FILL,
                d=self._last(tile).address,
                ldd=1,
                m=LAST,
                n=1,
                imm=ONE,
                fmt_d=int(Format.FP32),
                waits=[(BEGUN, 1), (BEGUN + 1, 1)],
                signal=VECTOR_END,
            )
            add(Opcode.SYNC, signal=LEFT)
            add = self._adder(tile, Queue.MATRIX)
            add(Opcode.SYNC, waits=[(MATRIX_GO, 1)], signal=BEGUN, sig1_kind=1, sig1_sem=BEGUN + 1)
            matrix_queue(self._rng, self._machine.tile, layout, add, self._focus)
            add(Opcode.SYNC, signal=MATRIX_END)

    def _out(self) -> None:
        """OUT sends and reduces, and stores everything when all has come; STORED counts
        acknowledgements.
        """
        for tile in self._tiles:
            self._adder(tile, Queue.OUT)(Opcode.SYNC, waits=[(OUT_GO, 1)])
        traffic = TileTraffic(self._machine, self._rng, self._layouts[0, 0].arrivals, self._focus)
        arrived = traffic.send(lambda tile: self._adder(tile, Queue.OUT), ARRIVED)
        for tile in self._tiles:
            add, layout = self._adder(tile, Queue.OUT), self._layouts[tile]
            _wait(add, ARRIVED, arrived[tile])
            stores = 0
            for number, block in enumerate(reversed(traffic.received[tile])):
                counted = number % 3 != 1
                self._stores.one(add, block, counted)
                stores += counted
            add(Opcode.SYNC, waits=[(VECTOR_END, 1)])
            self._stores.one(add, self._last(tile), True)
            stores += 1
            add(Opcode.SYNC, waits=[(MATRIX_END, 1)])
            for area in (layout.vector, layout.matrix):
                stores += self._stores.loop(add, Section(area.address, area.words))
            _wait(add, STORED, stores)

    def _last(self, tile: TileXY) -> Arrival:
        """The last words of the vector area."""
        area = self._layouts[tile].vector
        return Arrival(area.address + area.words, 1, LAST, 1)

    def _adder(self, tile: TileXY, queue: Queue) -> Callable:
        return lambda opcode, **fields: self._code.add(tile, queue, opcode, **fields)


def _rectangles(columns: int, rows: int, cut: str) -> list[tuple[int, int, int, int]]:
    """The mesh in one piece, in rows, columns or tiles, or in a west and an east half."""
    dx, dy = {
        "all": (columns, rows),
        "rows": (columns, 1),
        "columns": (1, rows),
        "single": (1, 1),
        "halves": (-(-columns // 2), rows),
    }[cut]
    return [
        (x, y, min(x + dx, columns) - 1, y + dy - 1)
        for x, y in product(range(0, columns, dx), range(0, rows, dy))
    ]


def _wait(add: Callable, semaphore: int, count: int) -> None:
    """Wait for a count that may be more than one wait can name."""
    while count:
        part = min(count, _MOST_WAIT)
        add(Opcode.SYNC, waits=[(semaphore, part)])
        count -= part
