"""How a GEMM is cut and dealt out, and the HBM traffic it causes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from isa.formats import FORMATS
from isa.geometry import Rectangle, TileXY
from isa.instructions import Format
from isa.machine import EDGES, Channel, Machine, Tile
from programs.attention.mapping import Range, blocks, row_words, share
from programs.gemm.workload import Gemm

__all__ = [
    "CUTS",
    "GemmGroup",
    "GemmItem",
    "GemmMapping",
    "channels_at",
    "deal_gemm",
    "elements_of_word",
    "share_whole",
]


CUTS = {"grid": "rows and columns", "columns": "columns", "rows": "rows"}
"""How the tiles of a group share a block of C: tile rows take rows of it and tile columns take
columns (SUMMA), or every tile takes columns (A goes to all tiles, nobody else needs a tile's part
of B), or every tile takes rows.
"""


def elements_of_word(tile: Tile, workload: Gemm) -> int:
    """Elements of a storage format in a word, of the one with the smaller elements."""
    return tile.word_bytes // min(FORMATS[fmt].bytes for fmt in (workload.fmt, workload.o_fmt))


def share_whole(whole: Range, parts: int, grain: int) -> list[Range]:
    """Cut a range into `parts` of whole grains, but for the end of the last one that is not empty,
    as `share` does.
    """
    end = whole.start + whole.size
    cut = share(Range(0, -(-whole.size // grain)), parts)
    starts = [min(whole.start + part.start * grain, end) for part in cut]
    return [Range(a, b - a) for a, b in zip(starts, [*starts[1:], end], strict=True)]


@lru_cache(maxsize=16)
def channels_at(machine: Machine, ends: tuple[str, ...] = EDGES) -> tuple[Channel, ...]:
    """Channels at some edges of the mesh: the tiling rule asks thousands of times."""
    return tuple(channel for channel in machine.channels if channel.edge in ends)


class GemmItem(NamedTuple):
    """A block of C of a pair of matrices: what a group works on at a time."""

    pair: int
    rows: Range
    columns: Range


@dataclass(frozen=True)
class GemmMapping:
    """The decisions.

    Parameters
    ----------
    group
        Columns and rows of a group of tiles that works on one block of C at a time.
    cut
        One of `CUTS`.
    rows, columns
        Part of a block of C that one tile holds.
    depth
        Columns of A, and rows of B, in a panel.
    slots
        Panels of A, and of B, that a tile has buffers for.
    staggered
        A is asked for half a panel after B. Panels of both that arrive together share the L1's
        cycles word by word, and hold the matrix engine up; but what is asked for later comes later.
    """

    group: tuple[int, int]
    cut: str
    rows: int
    columns: int
    depth: int
    slots: int
    staggered: bool = True
    dataflow: str = "summa"

    @property
    def parts(self) -> tuple[int, int]:
        """Parts into which the rows, and the columns, of a block of C are cut."""
        across, up = self.group
        return {"grid": (up, across), "columns": (1, across * up), "rows": (across * up, 1)}[
            self.cut
        ]

    def lane(self, x: int, y: int) -> tuple[int, int]:
        """Which part of the rows, and of the columns, tile (x, y) of a group takes."""
        index = y * self.group[0] + x
        return {"grid": (y, x), "columns": (0, index), "rows": (index, 0)}[self.cut]

    def row_blocks(self, workload: Gemm) -> Sequence[Range]:
        """Rows of C that a group takes at a time."""
        return blocks(workload.m, self.parts[0] * self.rows)

    def column_blocks(self, workload: Gemm) -> Sequence[Range]:
        """Columns of C that a group takes at a time."""
        return blocks(workload.n, self.parts[1] * self.columns)

    def panels(self, workload: Gemm) -> Sequence[Range]:
        """Ranges of k."""
        return blocks(workload.k, self.depth)

    def channels(self, machine: Machine, tensor: str) -> tuple[Channel, ...]:
        """Channels that A or B comes from: all of them, or those at the ends of the tile rows
        (columns) that share its parts.

        The latter only where one group is the whole mesh: the parts that several groups use are
        nearest to none of them.
        """
        across, up = self.group
        whole = (across, up) == (machine.mesh.columns, machine.mesh.rows)
        ends, shared = (("west", "east"), across) if tensor == "a" else (("south", "north"), up)
        near = self.cut == "grid" and whole and shared > 1
        return (near and channels_at(machine, ends)) or channels_at(machine)

    def strips(self, tile: Tile) -> list[Range]:
        """Rows of a tile's part of C that are finished, rounded and stored together, so that the
        others hide it.
        """
        first = min(self.rows, -(-self.rows // (2 * tile.matrix_rows)) * tile.matrix_rows)
        return [Range(0, first), Range(first, self.rows - first)][: 1 + (first < self.rows)]

    def hbm_bytes(self, workload: Gemm, tile: Tile) -> tuple[int, int]:
        """Bytes read and written: A once per column block, B once per row block, C once, rows
        padded to whole words.
        """
        columns, panels = self.column_blocks(workload), self.panels(workload)

        def words(parts: Sequence[Range], fmt: Format) -> int:
            return sum(row_words(tile, part.size, fmt) for part in parts)

        a = len(columns) * workload.m * words(panels, workload.fmt)
        b = len(self.row_blocks(workload)) * workload.k * words(columns, workload.fmt)
        each = workload.batch * tile.word_bytes
        return each * (a + b), each * workload.m * words(columns, workload.o_fmt)

    def describe(self) -> str:
        """One phrase for tables."""
        return (
            f"group {self.group[0]}x{self.group[1]} cut by {CUTS[self.cut]}, {self.rows} rows x {self.columns} columns of C "
            f"a tile, panels of {self.depth}, A {'half a panel after' if self.staggered else 'together with'} B"
        )


@dataclass(frozen=True)
class GemmGroup:
    """A rectangle of tiles with its south-west corner at (x0, y0), and its blocks of C in order."""

    x0: int
    y0: int
    mapping: GemmMapping
    items: tuple[GemmItem, ...]
    grain: int
    """Columns of a tile's part of C come in multiples of this, so that words are not cut."""

    def row_slices(self, rows: Range) -> list[Range]:
        """Rows of C that each part of a block takes."""
        return share(rows, self.mapping.parts[0])

    def column_slices(self, columns: Range) -> list[Range]:
        """Columns of C that each part of a block takes."""
        return share_whole(columns, self.mapping.parts[1], self.grain)

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
        are enough.
        """
        x0, y0, x1, y1 = self.sharers(tensor, lane)
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
    grain = elements_of_word(machine.tile, workload)
    return [
        GemmGroup(x, y, mapping, tuple(items[run.start : run.start + run.size]), grain)
        for (x, y), run in zip(corners, runs, strict=True)
    ]
