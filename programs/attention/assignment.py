"""What one tile does, in numbers that do not depend on where it is: what its traces are
made from.
"""

from collections.abc import Iterator, Sequence
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

__all__ = [
    "Forward",
    "GroupAssignments",
    "Keys",
    "SliceAddress",
    "TileAssignment",
    "root_column",
]


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


class GroupAssignments:
    """What the tiles of a group do: `__call__` gives that of one.

    Rows and keys are found once for all tiles that have the same.
    """

    def __init__(
        self,
        placement: AttentionPlacement,
        mapping: AttentionMapping,
        group: TileGroup,
        order: Sequence[Turn],
    ):
        self._placement, self._mapping, self._group = placement, mapping, group
        self._workload = placement.workload
        self._uses = [
            (visit.item, turn.stream, visit.block)
            for turn in order
            if (visit := turn.scores) and visit.first_user
        ]
        self._blocks = [
            [mapping.seen_blocks(self._workload, block) if block else () for block in item]
            for item in group.items
        ]
        self._parts: dict[int, list[list[list[Range]]]] = {}
        self._keys: dict[tuple[int, int], tuple[tuple[tuple[Keys, ...], ...], ...]] = {}
        self._rows: dict[int, list[list[Range | None]]] = {}

    def __call__(self, x: int, y: int) -> tuple[TileAssignment, list[HbmRegion]]:
        """What tile (x, y) of the group does, and the HBM regions that the assignment's numbers
        stand for.
        """
        mapping, loaders, streams = self._mapping, self._group.loaders, self._mapping.streams
        duties = {
            "k": loaders.k[x] == y,
            "v": loaders.v[x] == y and not self._workload.latent,
            "q": loaders.q[y] == x,
        }
        loads = frozenset(name for name, mine in duties.items() if mine)
        roots = frozenset(s for s in range(streams) if root_column(mapping, y, s) == x)
        positions = _positions(mapping, self._group, x, y) if mapping.in_software else None
        passing = (
            loads
            if positions is None
            else frozenset(name for name in "kvq" if getattr(positions, name).children)
        )
        regions: list[HbmRegion] = []
        assignment = TileAssignment(
            rows=tuple(
                tuple(rows.size if rows else None for rows in item) for item in self._rows_of(y)
            ),
            keys=self._keys_of(x, y),
            loads=loads,
            roots=roots,
            sends_maximum=mapping.through_memory and x == mapping.middle,
            passes=passing & mapping.forwards,
            positions=positions,
            k=self._key_addresses("k", x, regions) if "k" in loads else (),
            v=self._key_addresses("v", x, regions) if "v" in loads else (),
            q=self._row_addresses("q", y, frozenset(range(streams)), regions)
            if "q" in loads
            else (),
            o=self._row_addresses("o", y, roots, regions),
        )
        return assignment, regions

    def _parts_of(self, x: int) -> list[list[list[Range]]]:
        """Keys that column x loads of each item, stream and column block."""
        if x not in self._parts:
            cut = self._group.column_slices
            self._parts[x] = [
                [[cut(block)[x] for block in blocks] for blocks in item] for item in self._blocks
            ]
        return self._parts[x]

    def _rows_of(self, y: int) -> list[list[Range | None]]:
        """Rows of row y in each item and stream; None: the stream is idle."""
        if y not in self._rows:
            cut = self._group.row_slices
            self._rows[y] = [
                [cut(block)[y] if block else None for block in item] for item in self._group.items
            ]
        return self._rows[y]

    def _keys_of(self, x: int, y: int) -> tuple[tuple[tuple[Keys, ...], ...], ...]:
        # Without a mask, all rows see the same.
        place = x, y if self._workload.masked else 0
        if place not in self._keys:
            self._keys[place] = tuple(
                tuple(
                    tuple(_keys(self._workload, block, rows, parts)) if block and rows else ()
                    for block, rows, parts in zip(*streams, strict=True)
                )
                for streams in zip(
                    self._group.items, self._rows_of(y), self._parts_of(x), strict=True
                )
            )
        return self._keys[place]

    def _at(
        self, tensor: str, head: int, rows: Range, regions: list[HbmRegion]
    ) -> SliceAddress | None:
        if not rows.size:
            return None
        found = self._placement.find(tensor, head, rows)
        if not any(region is found.region for region in regions):
            regions.append(found.region)
        return SliceAddress(
            next(i for i, region in enumerate(regions) if region is found.region), found.offset
        )

    def _key_addresses(
        self, tensor: str, x: int, regions: list[HbmRegion]
    ) -> tuple[SliceAddress | None, ...]:
        """Slices of K or V, by use."""
        parts = self._parts_of(x)
        found = []
        for item, stream, number in self._uses:
            block = self._group.items[item][stream]
            assert block is not None
            found.append(self._at(tensor, block.head, parts[item][stream][number], regions))
        return tuple(found)

    def _row_addresses(
        self, tensor: str, y: int, streams: frozenset[int], regions: list[HbmRegion]
    ) -> tuple[tuple[SliceAddress | None, ...], ...]:
        """Slices of Q or O of some streams, by item and stream."""
        return tuple(
            tuple(
                self._at(tensor, block.head, rows, regions)
                if block and rows and s in streams
                else None
                for s, (block, rows) in enumerate(zip(item, found, strict=True))
            )
            for item, found in zip(self._group.items, self._rows_of(y), strict=True)
        )


def _positions(mapping: AttentionMapping, group: TileGroup, x: int, y: int) -> TreePositions:
    method, (columns, rows), loaders = SOFTWARE[mapping.dataflow], mapping.group, group.loaders
    return TreePositions(
        k=position(method, rows, loaders.k[x], y),
        v=position(method, rows, loaders.v[x], y),
        q=position(method, columns, loaders.q[y], x),
        maximum=position(method, columns, mapping.middle, x),
        total=position(method, columns, root_column(mapping, y, 0), x),
    )


def _keys(
    workload: Attention, block: RowBlock, rows: Range, parts: Sequence[Range]
) -> Iterator[Keys]:
    if not workload.masked or not rows.size:
        yield from (Keys(part.size, part.size) for part in parts)
        return
    first, last = (
        workload.sees(block.head, row) for row in (rows.start, rows.start + rows.size - 1)
    )
    for part in parts:
        seen = max(0, min(last - part.start, part.size))
        if first - part.start >= seen:
            yield Keys(part.size, seen)
        else:
            # Rows of different positions: such a slice starts with a position's first row
            # (`AttentionMapping.grain`).
            yield Keys(part.size, seen, first - part.start, workload.sharing)


def root_column(mapping: AttentionMapping, y: int, stream: int) -> int:
    """Column in the group of the tile that sums up O: another one in each row and stream, so that
    they share the work.
    """
    columns = mapping.group[0]
    return (y + stream * max(1, columns // 2)) % columns
