"""Random PUTs and REDUCEs between the tiles of a mesh."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from isa.geometry import TileXY
from isa.instructions import Format, Opcode, ReduceOp
from isa.machine import Machine
from verify.conformance.tile_data import Area, Layout

__all__ = ["Arrival", "TileTraffic"]

TRANSFERS = {"vector": 4, "matrix": 4, "network": 24, "wild": 16}
"""Transfers of a program, by focus."""


class Arrival(NamedTuple):
    """Words that a tile receives."""

    address: int
    pitch: int
    rows: int
    words: int


class TileTraffic:
    """Transfers in one order that all tiles keep, each into words of its own, at the same place in
    every receiver.

    Attributes
    ----------
    received
        What arrives at each tile.
    """

    def __init__(self, machine: Machine, rng: np.random.Generator, area: Area, focus: str):
        self._machine, self._rng, self._focus = machine, rng, focus
        self._area = area
        self._layout = Layout(machine.tile)
        self._tiles = list(product(range(machine.mesh.columns), range(machine.mesh.rows)))
        self.received: dict[TileXY, list[Arrival]] = {tile: [] for tile in self._tiles}

    def send(self, adder: Callable[[TileXY], Callable], semaphore: int) -> dict[TileXY, int]:
        """Add the instructions; returns the counts of `semaphore` that each tile gets."""
        counts = dict.fromkeys(self._tiles, 0)
        for number in range(TRANSFERS[self._focus] + 1):
            rows, words = int(self._rng.integers(1, 4)), int(self._rng.choice([1, 2, 4, 7, 11]))
            last = number == TRANSFERS[self._focus]
            if last:
                # A few words to all, which look for them at once.
                rows, words = 1, 3
            pitch = words + int(self._rng.integers(0, 2))
            address = self._area.take((rows - 1) * pitch + words)
            if address is None:
                break
            block = Arrival(address, pitch, rows, words)
            transfer = self._put if number % 4 == 3 or last else self._reduce
            for tile in transfer(adder, block, number, semaphore, everywhere=last):
                counts[tile] += 1
                self.received[tile].append(block)
        return counts

    def _rectangle(self) -> tuple[int, int, int, int]:
        """One tile, a part of a row or a column, or any rectangle."""
        columns, rows = self._machine.mesh.columns, self._machine.mesh.rows
        x0, x1 = sorted(int(x) for x in self._rng.integers(0, columns, 2))
        y0, y1 = sorted(int(y) for y in self._rng.integers(0, rows, 2))
        shape = self._rng.integers(5)
        if shape == 0:
            return 0, y0, columns - 1, y0
        if shape == 1:
            return x0, 0, x0, rows - 1
        if shape == 2:
            return 0, 0, columns - 1, rows - 1
        return x0, y0, x1, y1

    def _common(self, block: Arrival, fmt: Format) -> dict[str, int]:
        sections = self._layout.wild if self._focus == "wild" else self._layout.tame
        section = sections[fmt]
        words = max(1, min(block.words, section.words // block.rows))
        local_pitch = (
            words
            if block.rows * (words + 1) > section.words
            else words + int(self._rng.integers(0, 2))
        )
        start = section.address + int(
            self._rng.integers(0, max(section.words - block.rows * local_pitch, 0) + 1)
        )
        return {
            "local": start,
            "local_pitch": local_pitch,
            "remote": block.address,
            "remote_pitch": block.pitch,
            "rows": block.rows,
            "words": block.words,
        }

    def _put(
        self, adder: Callable, block: Arrival, number: int, semaphore: int, *, everywhere: bool
    ) -> list[TileXY]:
        mesh = self._machine.mesh
        x0, y0, x1, y1 = (
            (0, 0, mesh.columns - 1, mesh.rows - 1) if everywhere else self._rectangle()
        )
        sender = self._tiles[self._rng.integers(len(self._tiles))]
        fields = self._common(block, Format(int(self._rng.integers(5)))) | {
            "x0": x0,
            "y0": y0,
            "x1": x1,
            "y1": y1,
        }
        _in_parts(
            adder(sender), Opcode.PUT, fields | {"tag": number, "sem": semaphore}, number % 8 == 3
        )
        return list(product(range(x0, x1 + 1), range(y0, y1 + 1)))

    def _reduce(
        self, adder: Callable, block: Arrival, number: int, semaphore: int, **_: bool
    ) -> list[TileXY]:
        x0, y0, x1, y1 = self._rectangle()
        formats = self._machine.mesh.formats
        fmt = formats[int(self._rng.integers(len(formats)))]
        root = int(self._rng.integers(x0, x1 + 1)), int(self._rng.integers(y0, y1 + 1))
        turn = int(self._rng.integers(2))
        common = {
            "x0": x0,
            "y0": y0,
            "x1": x1,
            "y1": y1,
            "target_x": root[0],
            "target_y": root[1],
            "fmt": int(fmt),
            "op": int(self._rng.integers(len(ReduceOp))),
            "turn": turn,
            "tag": 16 + number,
            "sem": semaphore,
        }
        members = list(product(range(x0, x1 + 1), range(y0, y1 + 1)))
        for member in members:
            _in_parts(
                adder(member), Opcode.REDUCE, self._common(block, fmt) | common, number % 8 == 2
            )
        return members if turn else [root]


def _in_parts(add: Callable, opcode: Opcode, fields: dict[str, int], parts: bool) -> None:
    """One transfer with a count; or its last row with the count behind the others, which come
    before it without one.
    """
    before = fields["rows"] - 1
    if parts and before:
        add(opcode, **fields | {"rows": before})
        fields = fields | {
            "rows": 1,
            "local": fields["local"] + before * fields["local_pitch"],
            "remote": fields["remote"] + before * fields["remote_pitch"],
        }
    add(opcode, **fields, bump=1)
