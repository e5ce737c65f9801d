"""How a GEMM is cut, and the HBM traffic it causes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isa.elementwise import smaller
from isa.formats import FORMATS
from isa.instructions import Format
from isa.machine import Channel, Machine, Tile
from programs.common.l1 import row_words
from programs.common.placement import channels_at
from programs.common.ranges import Range, blocks
from programs.gemm.workload import Gemm

__all__ = [
    "CUTS",
    "GemmMapping",
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
        others hide it. Of many mappings, all must have as many.
        """
        first = smaller(self.rows, -(-self.rows // (2 * tile.matrix_rows)) * tile.matrix_rows)
        two = [Range(0, first), Range(first, self.rows - first)]
        return two[: 1 + bool(np.all(first < self.rows))]

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
            f"group {self.group[0]}x{self.group[1]} cut by {CUTS[self.cut]}, {self.rows} rows x "
            f"{self.columns} columns of C a tile, panels of {self.depth}, A "
            f"{'half a panel after' if self.staggered else 'together with'} B"
        )
