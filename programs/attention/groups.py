"""Who does what: work items dealt out to groups of tiles, and the loaders of each group."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

from isa.machine import Machine
from programs.attention.mapping import AttentionMapping, RowBlock
from programs.attention.workload import Attention
from programs.common.ranges import Range, share

__all__ = ["Item", "Loaders", "TileGroup", "deal_attention"]


Item = tuple[RowBlock | None, ...]
"""What a group works on at a time: a row block for each stream. The last items may leave a stream
idle.
"""


class Loaders(NamedTuple):
    """Which tile of a column loads K and V (its row in the group), and which of a row loads Q (its
    column in the group).
    """

    k: tuple[int, ...]
    v: tuple[int, ...]
    q: tuple[int, ...]


@dataclass(frozen=True)
class TileGroup:
    """A rectangle of tiles with its south-west corner at (x0, y0), and its items in order.

    Its tiles have coordinates of their own, (column, row) of `shape`; see `tile`.
    """

    index: int
    x0: int
    y0: int
    shape: tuple[int, int]
    items: list[Item] = field(default_factory=list)
    grain: int = 1
    """See `AttentionMapping.grain`."""
    fold: int = 1
    """See `AttentionMapping.fold`."""

    def tile(self, x: int, y: int) -> tuple[int, int]:
        """Where tile (x, y) of the group is in the mesh."""
        part, column = divmod(x, self.shape[0] // self.fold)
        return self.x0 + column, self.y0 + y * self.fold + part

    @cached_property
    def heads(self) -> list[int]:
        """Heads of the items, in order."""
        return list(dict.fromkeys(block.head for item in self.items for block in item if block))

    @cached_property
    def loaders(self) -> Loaders:
        """Spread over the group, so that tiles load one thing only where there are enough of them.

        A load that waits for room holds up what its tile would load next; nothing waits for ever,
        since a tile's loads are issued in the order in which they are needed. Where K and V come
        from one channel in the south, the loader of K is nearer to it, so that the first K arrives
        before the first V.
        """
        columns, rows = self.shape
        pairs = [sorted((x % rows, (x + (rows + 1) // 2) % rows)) for x in range(columns)]
        k, v = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
        duties = [(x, y) for loaders in (k, v) for x, y in enumerate(loaders)]
        q = tuple(
            min(range(columns), key=lambda x: (duties.count((x, y)), (x - y) % columns))
            for y in range(rows)
        )
        return Loaders(k, v, q)

    def row_slices(self, block: RowBlock) -> Sequence[Range]:
        """Rows of a block that each tile row takes."""
        return share(block.rows, self.shape[1], self.grain)

    def column_slices(self, block: Range) -> Sequence[Range]:
        """Keys of a column block that each tile column takes."""
        return share(block, self.shape[0])


def _items(workload: Attention, mapping: AttentionMapping) -> list[Item]:
    """All work, such that a group that takes a run of it changes K and V as rarely as possible."""
    rows = mapping.row_blocks(workload)
    heads = range(workload.kv_heads)
    if mapping.paired or mapping.streams == 1:
        runs = [[RowBlock(head, block) for block in rows] for head in heads]
        step = mapping.streams
        items = [tuple(run[i : i + step]) for run in runs for i in range(0, len(run), step)]
    else:
        items = [
            tuple(RowBlock(head, block) for head in heads[i : i + mapping.streams])
            for i in range(0, workload.kv_heads, mapping.streams)
            for block in rows
        ]
    return [item + (None,) * (mapping.streams - len(item)) for item in items]


def deal_attention(
    machine: Machine, workload: Attention, mapping: AttentionMapping
) -> list[TileGroup]:
    """Tile the mesh with groups, and give each a run of the items; the runs differ by one item at
    most, if items are alike.
    """
    columns, rows = mapping.tiles
    corners = [
        (x, y)
        for y in range(0, machine.mesh.rows, rows)
        for x in range(0, machine.mesh.columns, columns)
    ]
    items = _items(workload, mapping)
    work = [
        max(len(mapping.seen_blocks(workload, block)) for block in item if block) for item in items
    ]
    runs = _runs(work, len(corners))
    return [
        TileGroup(
            index,
            x,
            y,
            mapping.group,
            items[run.start : run.start + run.size],
            mapping.grain(workload),
            mapping.fold,
        )
        for index, ((x, y), run) in enumerate(zip(corners, runs, strict=True))
    ]


def _runs(work: list[int], parts: int) -> Sequence[Range]:
    """Cut a list of items into runs of nearly the same work: an item belongs where its middle is,
    unless all are alike.
    """
    if len(set(work)) <= 1:
        return share(Range(0, len(work)), parts)
    sums = list(accumulate(work, initial=0))
    owner = [(before + after) * parts // (2 * sums[-1]) for before, after in pairwise(sums)]
    return [Range(bisect_left(owner, part), owner.count(part)) for part in range(parts)]
