"""Who does what: blocks of C dealt out to groups of tiles, and the loaders of each group."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from isa.geometry import Rectangle, TileXY
from isa.machine import Machine
from programs.common.ranges import Range, share, share_whole
from programs.gemm.mapping import GemmMapping
from programs.gemm.workload import Gemm

__all__ = ["GemmGroup", "GemmItem", "deal_gemm"]


class GemmItem(NamedTuple):
    """A block of C of a pair of matrices: what a group works on at a time."""

    pair: int
    rows: Range
    columns: Range


@dataclass(frozen=True)
class GemmGroup:
    """A rectangle of tiles with its south-west corner at (x0, y0), and its blocks of C in order."""

    x0: int
    y0: int
    mapping: GemmMapping
    items: tuple[GemmItem, ...]
    grain: int
    """Columns of a tile's part of C come in multiples of this, so that words are not cut."""

    def row_slices(self, rows: Range) -> Sequence[Range]:
        """Rows of C that each part of a block takes."""
        return share(rows, self.mapping.parts[0])

    def column_slices(self, columns: Range) -> Sequence[Range]:
        """Columns of C that each part of a block takes."""
        return share_whole(columns, self.mapping.parts[1], self.grain)

    def inner(self, panel: Range, lane: int) -> Range:
        """What a tile in part `lane` of B multiplies of a panel; may be empty in the last one."""
        if self.mapping.split == 1:
            return panel
        skipped = min(panel.size, lane % self.mapping.split * self.mapping.inner)
        return Range(panel.start + skipped, min(self.mapping.inner, panel.size - skipped))

    def stored_rows(self, rows: Range, lane: int) -> Range:
        """What a tile in part `lane` of B stores of its rows of C."""
        return share(rows, self.mapping.split)[lane % self.mapping.split]

    @cached_property
    def _corners(self) -> Rectangle:
        across, up = self.mapping.group
        return Rectangle(self.x0, self.y0, self.x0 + across - 1, self.y0 + up - 1)

    def sharers(self, tensor: str, lane: int) -> Rectangle:
        """Tiles that use part `lane` of a panel of A (its rows) or B (its columns), both corners
        inclusive.
        """
        x0, y0, x1, y1 = self._corners
        cut = self.mapping.cut
        if cut == "grid":
            if tensor == "a":
                return Rectangle(x0, y0 + lane, x1, y0 + lane)
            return Rectangle(x0 + lane, y0, x0 + lane, y1)
        if (cut == "columns") == (tensor == "a"):
            return self._corners
        x, y = x0 + lane % self.mapping.group[0], y0 + lane // self.mapping.group[0]
        return Rectangle(x, y, x, y)

    def loader(self, tensor: str, lane: int) -> TileXY:
        """Which of the sharers asks HBM for it: on a grid another one for A than for B, where there
        are enough. What is passed on along rows is read by tiles in columns far apart, so that all
        channels are near one of them.
        """
        x0, y0, x1, y1 = self.sharers(tensor, lane)
        if tensor == "a" and self.mapping.relayed:
            return x0 + lane * (x1 - x0 + 1) // self.mapping.lanes[0], y0
        shift = lane + (tensor == "a" and self.mapping.cut == "grid")
        return x0 + shift % (x1 - x0 + 1), y0 + shift % (y1 - y0 + 1)


def deal_gemm(machine: Machine, workload: Gemm, mapping: GemmMapping) -> list[GemmGroup]:
    """Tile the mesh with groups, and give each a run of the blocks of C; the runs differ by one
    block at most.
    """
    across, up = mapping.group
    corners = [
        (x, y)
        for y in range(0, machine.mesh.rows, up)
        for x in range(0, machine.mesh.columns, across)
    ]
    items = [
        GemmItem(pair, rows, columns)
        for pair in range(workload.batch)
        for rows in mapping.row_blocks(workload)
        for columns in mapping.column_blocks(workload)
    ]
    runs = share(Range(0, len(items)), len(corners))
    grain = mapping.grain(machine.tile, workload)
    return [
        GemmGroup(x, y, mapping, tuple(items[run.start : run.start + run.size]), grain)
        for (x, y), run in zip(corners, runs, strict=True)
    ]
