"""How a GEMM is cut, and the HBM traffic it causes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from isa.elementwise import smaller
from isa.formats import FORMATS
from isa.instructions import Format
from isa.machine import Channel, Machine, Tile
from programs.common.l1 import row_words
from programs.common.placement import channels_at, nearest
from programs.common.ranges import Range, blocks, share_whole
from programs.gemm.workload import Gemm

__all__ = [
    "CUTS",
    "GemmMapping",
    "Strip",
    "elements_of_word",
]

CUTS = {"grid": "rows and columns", "columns": "columns", "rows": "rows"}
"""How the tiles of a group share a block of C: tile rows take rows of it and tile columns take
columns (SUMMA), or every tile takes columns (A goes to all tiles, nobody else needs a tile's part
of B), or every tile takes rows.
"""


def elements_of_word(tile: Tile, workload: Gemm) -> int:
    """Elements of a storage format in a word, of the one with the smaller elements."""
    return tile.word_bytes // min(FORMATS[fmt].bytes for fmt in (workload.fmt, workload.o_fmt))


class Strip(NamedTuple):
    """Rows and columns of a tile's part of C, from its first ones on."""

    rows: Range
    columns: Range


@dataclass(frozen=True)
class GemmMapping:
    """The decisions.

    `rows`, `columns` and `depth` may be arrays: many mappings that differ in them only, in what the
    tiling rule asks all of them.

    Parameters
    ----------
    group
        Columns and rows of a group of tiles that works on one block of C at a time.
    cut
        One of `CUTS`.
    rows, columns
        MatrixSlice of a block of C that one tile holds.
    depth
        Columns of A, and rows of B, in a panel.
    slots
        Panels of A, and of B, that a tile has buffers for.
    staggered
        A is asked for half a panel after B. Panels of both that arrive together share the L1's
        cycles word by word, and hold the matrix engine up; but what is asked for later comes later.
    relayed
        Of a grid: one tile reads a part of A and sends it along its row, so that links of the
        columns carry it once. Everything lies in channels at the ends of the group's own columns.
    split
        Neighbouring tiles of a row that share the k of each panel, and add up their parts of C in
        the network; relayed mappings only.
    """

    group: tuple[int, int]
    cut: str
    rows: int
    columns: int
    depth: int
    slots: int
    staggered: bool = True
    dataflow: str = "summa"
    relayed: bool = False
    split: int = 1

    @property
    def lanes(self) -> tuple[int, int]:
        """Parts of a panel of A, and of B, that are read one by one."""
        across, up = self.group
        return {"grid": (up, across), "columns": (1, across * up), "rows": (across * up, 1)}[
            self.cut
        ]

    @property
    def parts(self) -> tuple[int, int]:
        """Parts into which the rows, and the columns, of a block of C are cut."""
        rows, columns = self.lanes
        return rows, columns // self.split

    @property
    def inner(self) -> Any:
        """Columns of a panel of A, and rows of B, that one tile multiplies."""
        return self.depth // self.split

    def lane(self, x: int, y: int) -> tuple[int, int]:
        """Which part of a panel of A, and of B, tile (x, y) of a group takes."""
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

    def near(self, machine: Machine, x0: int, x1: int | None = None) -> Sequence[Channel]:
        """Channels at the ends of tile columns x0 to x1, or the nearest such ones, for what a
        relayed mapping has there; none for the others, and where columns have no channels.
        """
        ends = channels_at(machine, ("south", "north"))
        if not self.relayed or not ends:
            return ()
        low, high = x0, x0 if x1 is None else x1
        return nearest(ends, lambda channel: max(0, low - channel.x, channel.x - high))

    def grain(self, tile: Tile, workload: Gemm) -> int:
        """Columns of a tile's part of C come in multiples of this: whole words, or where each part
        is padded to whole words anyway, whole passes of the array.
        """
        return tile.matrix_columns if self.relayed else elements_of_word(tile, workload)

    def strips(self, tile: Tile, workload: Gemm) -> list[Strip]:
        """Parts of a tile's part of C that are finished, rounded and stored together, so that the
        others hide it: two halves of its rows, or of its columns where the mapping is relayed and
        words allow. Of many mappings, all must have as many.
        """
        rows, columns = Range(0, self.rows), Range(0, self.columns)
        word = elements_of_word(tile, workload)
        half = -(-self.columns // (2 * word)) * word
        if self.relayed and np.all(half < self.columns):
            ends = Range(0, half), Range(half, self.columns - half)
            return [Strip(rows, part) for part in ends]
        first = smaller(self.rows, -(-self.rows // (2 * tile.matrix_rows)) * tile.matrix_rows)
        if self.split == 1 and np.all(first < self.rows):
            ends = Range(0, first), Range(first, self.rows - first)
            return [Strip(part, columns) for part in ends]
        return [Strip(rows, columns)]

    def hbm_bytes(self, workload: Gemm, tile: Tile) -> tuple[int, int]:
        """Bytes read and written: A once per column block, B once per row block, C once, rows
        padded to whole words.
        """
        columns, panels = self.column_blocks(workload), self.panels(workload)
        grain, parts = self.grain(tile, workload), self.parts[1]

        def words(parts: Sequence[Range], fmt: Format) -> int:
            return sum(row_words(tile, part.size, fmt) for part in parts)

        a = len(columns) * workload.m * words(panels, workload.fmt)
        pieces = columns
        if self.relayed:
            pieces = [part for block in columns for part in share_whole(block, parts, grain)]
        b = len(self.row_blocks(workload)) * workload.k * words(pieces, workload.fmt)
        each = workload.batch * tile.word_bytes
        return each * (a + b), each * workload.m * words(pieces, workload.o_fmt)

    def describe(self) -> str:
        """One phrase for tables."""
        a = f"{'half a panel after' if self.staggered else 'together with'} B"
        if self.relayed:
            a = "passed on along the row"
        return (
            f"group {self.group[0]}x{self.group[1]} cut by {CUTS[self.cut]}, {self.rows} rows x "
            f"{self.columns} columns of C a tile, panels of {self.depth}"
            f"{f' shared by {self.split} tiles' if self.split > 1 else ''}, A {a}"
        )
