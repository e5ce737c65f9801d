"""What one tile does, in numbers that do not depend on where it is: what its traces are
made from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from programs.attention.groups import TileGroup
from programs.attention.mapping import SOFTWARE, AttentionMapping, RowBlock
from programs.attention.placement import AttentionPlacement
from programs.attention.schedule import Turn, Visit
from programs.attention.tree_positions import TreePositions, position
from programs.attention.workload import Attention
from programs.common.placement import HbmRegion
from programs.common.ranges import Range

__all__ = ["Forward", "Keys", "SliceAddress", "TileAssignment", "assignment_of", "root_column"]


class SliceAddress(NamedTuple):
    """A slice in HBM: `offset` words into the region whose place the names ``region<n>.…``
    stand for.
    """

    region: int
    offset: int


class Forward(NamedTuple):
    """A slice of k, v or q that a tile passes on: to slot (or of stream) `slot`, so many rows of
    it.
    """

    after: int
    """Phase after which it goes on: 2 n for the values of turn n, 2 n + 1 for its scores; -1: at
    the start.
    """
    before: int
    """Phase that uses it first."""
    name: str
    slot: int
    rows: int


class Keys(NamedTuple):
    """A tile's keys of a block, and which of them its rows see."""

    columns: int
    """Keys that are loaded."""
    seen: int
    """Keys, from the first one on, that its last row sees: the others are not computed with."""
    mask: int | None = None
    """First key that the first row does not see, from the tile's first one on; None: all rows see
    all of `seen`.
    """
    mask_rows: int = 0
    """Rows after which that key moves by one."""


@dataclass(frozen=True)
class TileAssignment:
    """What makes a tile's trace differ from another's in the group, but for coordinates.

    Tiles with equal assignments share their traces.
    """

    rows: tuple[tuple[int | None, ...], ...]
    """Rows of this tile in each item and stream; None: the stream is idle."""
    keys: tuple[tuple[tuple[Keys, ...], ...], ...]
    """Keys of this tile in each item, stream and column block."""
    loads: frozenset[str]
    """Which of k and v (for its column) and q (for its row) this tile loads."""
    roots: frozenset[int]
    """Streams whose O this tile sums up and stores."""
    sends_maximum: bool = False
    """Whether this tile sends the row's maximum, which is combined in its L1, to the others."""
    passes: frozenset[str] = frozenset()
    """Which of k, v and q this tile passes on to others."""
    positions: TreePositions | None = None
    """Where it stands in the trees of collectives in software."""
    forwards: tuple[Forward, ...] = ()
    """What it passes on, in order."""
    k: tuple[SliceAddress | None, ...] = ()
    v: tuple[SliceAddress | None, ...] = ()
    """Slices to load, by use."""
    q: tuple[tuple[SliceAddress | None, ...], ...] = ()
    o: tuple[tuple[SliceAddress | None, ...], ...] = ()
    """Slices to load and store, by item and stream."""

    def extent(self, stream: int, visit: Visit) -> tuple[int, Keys]:
        """Rows and keys of a visit."""
        return self.rows[visit.item][stream] or 0, self.keys[visit.item][stream][visit.block]


def assignment_of(
    placement: AttentionPlacement,
    mapping: AttentionMapping,
    group: TileGroup,
    order: Sequence[Turn],
    x: int,
    y: int,
) -> tuple[TileAssignment, list[HbmRegion]]:
    """What tile (x, y) of the group does, and the HBM regions that the assignment's numbers stand
    for.
    """
    workload, loaders = placement.workload, group.loaders
    duties = {
        "k": loaders.k[x] == y,
        "v": loaders.v[x] == y and not workload.latent,
        "q": loaders.q[y] == x,
    }
    loads = frozenset(name for name, mine in duties.items() if mine)
    roots = frozenset(s for s in range(mapping.streams) if root_column(mapping, y, s) == x)
    slices = [
        [
            [group.column_slices(part)[x] for part in mapping.seen_blocks(workload, block)]
            if block
            else []
            for block in item
        ]
        for item in group.items
    ]
    regions: list[HbmRegion] = []

    def at(tensor: str, head: int, rows: Range) -> SliceAddress | None:
        if not rows.size:
            return None
        found = placement.find(tensor, head, rows)
        if not any(region is found.region for region in regions):
            regions.append(found.region)
        return SliceAddress(
            next(i for i, region in enumerate(regions) if region is found.region), found.offset
        )

    def keys(tensor: str) -> tuple[SliceAddress | None, ...]:
        if tensor not in loads:
            return ()
        found: dict[int, SliceAddress | None] = {}
        for turn in order:
            if (visit := turn.scores) and visit.first_user:
                block = group.items[visit.item][turn.stream]
                assert block is not None
                found[visit.use] = at(
                    tensor, block.head, slices[visit.item][turn.stream][visit.block]
                )
        return tuple(found[use] for use in range(len(found)))

    def queries(
        tensor: str, streams: frozenset[int]
    ) -> tuple[tuple[SliceAddress | None, ...], ...]:
        return tuple(
            tuple(
                at(tensor, block.head, group.row_slices(block)[y])
                if block and s in streams
                else None
                for s, block in enumerate(item)
            )
            for item in group.items
        )

    positions = _positions(mapping, group, x, y) if mapping.in_software else None
    passing = (
        loads
        if positions is None
        else frozenset(name for name in "kvq" if getattr(positions, name).children)
    )
    assignment = TileAssignment(
        rows=tuple(
            tuple(group.row_slices(block)[y].size if block else None for block in item)
            for item in group.items
        ),
        keys=tuple(
            tuple(
                tuple(_keys(workload, block, group.row_slices(block)[y], part) for part in parts)
                if block
                else ()
                for block, parts in zip(item, found, strict=True)
            )
            for item, found in zip(group.items, slices, strict=True)
        ),
        loads=loads,
        roots=roots,
        sends_maximum=mapping.through_memory and x == mapping.middle,
        passes=passing & mapping.forwards,
        positions=positions,
        k=keys("k"),
        v=keys("v"),
        q=queries("q", frozenset(range(mapping.streams))) if "q" in loads else (),
        o=queries("o", roots),
    )
    return assignment, regions


def _positions(mapping: AttentionMapping, group: TileGroup, x: int, y: int) -> TreePositions:
    method, (columns, rows), loaders = SOFTWARE[mapping.dataflow], mapping.group, group.loaders
    return TreePositions(
        k=position(method, rows, loaders.k[x], y),
        v=position(method, rows, loaders.v[x], y),
        q=position(method, columns, loaders.q[y], x),
        maximum=position(method, columns, mapping.middle, x),
        total=position(method, columns, root_column(mapping, y, 0), x),
    )


def _keys(workload: Attention, block: RowBlock, rows: Range, part: Range) -> Keys:
    if not workload.masked or not rows.size:
        return Keys(part.size, part.size)
    first, last = (
        workload.sees(block.head, row) - part.start
        for row in (rows.start, rows.start + rows.size - 1)
    )
    seen = max(0, min(last, part.size))
    if first >= seen:
        return Keys(part.size, seen)
    # Rows of different positions: such a slice starts with a position's first row
    # (`AttentionMapping.grain`).
    return Keys(part.size, seen, first, workload.sharing)


def root_column(mapping: AttentionMapping, y: int, stream: int) -> int:
    """Column in the group of the tile that sums up O: another one in each row and stream, so that
    they share the work.
    """
    columns = mapping.group[0]
    return (y + stream * max(1, columns // 2)) % columns
