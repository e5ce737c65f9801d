"""How attention is cut and dealt out: the mapping, and the HBM traffic it causes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from isa.elementwise import common_divisor
from isa.machine import Machine, Tile
from programs.attention.workload import Attention
from programs.common.l1 import row_words
from programs.common.ranges import Range, blocks

__all__ = [
    "ALL_REDUCES",
    "DATAFLOWS",
    "READS",
    "SOFTWARE",
    "AttentionMapping",
    "RowBlock",
    "key_words",
]

DATAFLOWS = {"flat-async": 2, "flat": 1, "flat-tree": 1, "flat-seq": 1, "flash3": 2, "flash2": 1}
"""Streams of each dataflow. The flash ones run each tile alone."""
SOFTWARE = {"flat-tree": "tree", "flat-seq": "unicast"}
"""Dataflows that do without the network's collectives, with the forwarding trees they use instead
(`programs.collectives.trees.TREES`).
"""
READS = ("multicast", "forward")
"""How slices reach the tiles that share them: HBM reads name a rectangle, or the loading tile
passes on what it has read.
"""
ALL_REDUCES = ("turn", "memory")
"""How the maximum comes back: the root's router turns it round, or the root's OUT queue sends it
from its L1.
"""


def key_words(tile: Tile, workload: Attention) -> int:
    """Words of a key: its rows of K and V, or of K alone if that holds V."""
    values = 0 if workload.latent else row_words(tile, workload.dv, workload.fmt)
    return row_words(tile, workload.d, workload.fmt) + values


class RowBlock(NamedTuple):
    """A row block of a KV head: rows of the query heads that share it, stacked."""

    head: int
    rows: Range


@dataclass(frozen=True)
class AttentionMapping:
    """The decisions.

    Parameters
    ----------
    dataflow
        One of `DATAFLOWS`.
    group
        Columns and rows of a group of tiles that works on one item at a time: keys are cut over the
        columns, query rows over the rows.
    rows, columns
        Slice of a block that one tile holds: query rows (of each stream) and keys. Arrays of both
        stand for many mappings that differ in them only, in what the tiling rule asks all of them.
    streams
        Row blocks that a group works on at the same time: 1, or 2 that take turns on the matrix
        engine.
    paired
        The two streams are row blocks of one head and share K and V in L1; otherwise they are two
        heads.
    slots
        Buffers for K, and for V, in each L1.
    reads, all_reduce
        One of `READS`, one of `ALL_REDUCES`.
    """

    dataflow: str
    group: tuple[int, int]
    rows: int
    columns: int
    streams: int
    paired: bool
    slots: int
    reads: str = READS[0]
    all_reduce: str = ALL_REDUCES[0]
    fold: int = 1
    """Mesh rows over which the columns of a group of one row lie, one part above the other."""

    @property
    def tiles(self) -> tuple[int, int]:
        """Mesh columns and rows that a group takes."""
        return self.group[0] // self.fold, self.group[1] * self.fold

    @property
    def middle(self) -> int:
        """Column of the tile in the middle of a row."""
        return self.fold // 2 * self.tiles[0] + self.tiles[0] // 2

    def row_blocks(self, workload: Attention) -> Sequence[Range]:
        """Query rows that a group takes at a time, in one stream."""
        return blocks(workload.rows, self.group[1] * self.rows)

    def column_blocks(self, workload: Attention, head: int) -> Sequence[Range]:
        """Keys of a KV head that a group takes at a time."""
        return blocks(workload.length(head), self.group[0] * self.columns)

    def seen_blocks(self, workload: Attention, block: RowBlock) -> Sequence[Range]:
        """The column blocks that some row of a row block sees, or the first one if there
        are none.
        """
        found = self.column_blocks(workload, block.head)
        seen = workload.sees(block.head, block.rows.start + block.rows.size - 1)
        return found[: max(1, -(-seen // (self.group[0] * self.columns)))]

    def grain(self, workload: Attention) -> int:
        """Rows of a slice come in multiples of this, and start there.

        A mask moves by one key after the rows of all heads that share it, counted from the slice's
        first row. So a slice has whole positions, or lies within one.
        """
        return common_divisor(self.rows, workload.sharing) if workload.masked else 1

    def passes(self, workload: Attention) -> int:
        """How often a head's K and V are read."""
        rows = -(-workload.rows // (self.group[1] * self.rows))
        return -(-rows // self.streams) if self.paired else rows

    def hbm_bytes(self, workload: Attention, tile: Tile) -> tuple[int, int]:
        """Bytes read and written: Q and O once, K and V once per pass, rows padded to whole
        words.
        """
        q, o = (
            row_words(tile, workload.d, workload.fmt),
            row_words(tile, workload.dv, workload.o_fmt),
        )
        rows = workload.kv_heads * workload.rows
        return (
            (rows * q + self.keys_read(workload) * key_words(tile, workload)) * tile.word_bytes,
            rows * o * tile.word_bytes,
        )

    def keys_read(self, workload: Attention) -> int:
        """Keys of all heads that the passes over them read: in each pass, the blocks that its last
        row sees.
        """
        if not workload.masked:
            # The last block that a row sees ends with the last key.
            return self.passes(workload) * sum(map(workload.length, range(workload.kv_heads)))
        step = self.group[1] * self.rows * (self.streams if self.paired else 1)
        return _masked_keys(workload, self.group[0] * self.columns, step)

    def reads_anywhere(self, workload: Attention, machine: Machine) -> bool:
        """Whether K and V should come from all channels: from the nearest ones alone, reading takes
        longer than computing.

        With few query rows it does (decode). Otherwise each tile column has the channel in its own
        column to itself.
        """
        tile, rows = machine.tile, self.rows * (self.streams if self.paired else 1)
        computing = -(-rows // tile.matrix_rows) * (workload.d + workload.dv) / tile.matrix_columns
        key = key_words(tile, workload) * tile.word_bytes
        return machine.mesh.rows // self.group[1] * key / machine.hbm.bytes_per_cycle > computing

    def describe(self) -> str:
        """One phrase for tables."""
        streams = (
            ""
            if self.streams == 1
            else " in 2 row blocks of a head"
            if self.paired
            else " of 2 heads"
        )
        other = (
            f", collectives in software by {SOFTWARE[self.dataflow]}" if self.in_software else ""
        )
        other += ", slices forwarded by their loaders" * (self.reads == "forward")
        other += ", maxima by way of the root's L1" * (self.all_reduce == "memory")
        other += f", folded over {self.fold} rows of tiles" * (self.fold > 1)
        return (
            f"group {self.group[0]}x{self.group[1]}, tile slice {self.rows} rows x {self.columns} "
            f"keys{streams}{other}"
        )

    @property
    def in_software(self) -> bool:
        """Whether collectives are unicast PUTs."""
        return self.dataflow in SOFTWARE

    @property
    def forwards(self) -> frozenset[str]:
        """Which of k, v and q a loading tile reads for itself, and passes on."""
        columns, rows = self.group
        shared = {"k": rows > 1, "v": rows > 1, "q": columns > 1}
        passed_on = self.in_software or self.reads == "forward"
        return frozenset(name for name, many in shared.items() if many and passed_on)

    @property
    def through_memory(self) -> bool:
        """Whether maxima are combined in the root's L1 and sent from there."""
        return self.all_reduce == "memory" and self.group[0] > 1


def _masked_keys(workload: Attention, size: Any, step: Any) -> Any:
    """Keys that all passes read under a mask, in blocks of `size`, if each takes `step` rows."""
    pairs = np.stack(np.broadcast_arrays(*np.atleast_1d(size, step)))
    heads = Counter(map(workload.length, range(workload.kv_heads)))
    first = {workload.length(head): head for head in range(workload.kv_heads)}
    found = np.zeros(pairs.shape[1], np.int64)
    for rows in np.unique(pairs[1]):
        which = pairs[1] == rows
        sizes, back = np.unique(pairs[0, which], return_inverse=True)
        last = np.minimum(np.arange(0, workload.rows, rows) + rows, workload.rows) - 1
        for length, count in heads.items():
            seen = workload.sees(first[length], last)
            blocks = np.maximum(1, -(-seen[:, None] // sizes))
            read = np.minimum(length, blocks * sizes).sum(axis=0)
            found[which] += count * read[back]
    return found if isinstance(size, np.ndarray) else int(found[0])
