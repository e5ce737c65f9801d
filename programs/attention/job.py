"""What one tile does, in numbers that do not depend on where it is: what its traces are
made from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from programs.attention.forward import Forward
from programs.attention.mapping import SOFTWARE, Block, Mapping, Range
from programs.attention.placement import Plan, Unit
from programs.attention.places import Places, place
from programs.attention.schedule import Turn, Visit
from programs.attention.work import Group
from programs.attention.workload import Workload

__all__ = ["At", "Job", "Keys", "job_of", "root_column"]


class At(NamedTuple):
    """A slice in HBM: `offset` words into the unit whose place the names ``unit<n>.…``
    stand for.
    """

    unit: int
    offset: int


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
class Job:
    """What makes a tile's trace differ from another's in the group, but for coordinates.

    Tiles with equal jobs share their traces.
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
    places: Places | None = None
    """Where it stands in the trees of collectives in software."""
    forwards: tuple[Forward, ...] = ()
    """What it passes on, in order."""
    k: tuple[At | None, ...] = ()
    v: tuple[At | None, ...] = ()
    """Slices to load, by use."""
    q: tuple[tuple[At | None, ...], ...] = ()
    o: tuple[tuple[At | None, ...], ...] = ()
    """Slices to load and store, by item and stream."""

    def extent(self, stream: int, visit: Visit) -> tuple[int, Keys]:
        """Rows and keys of a visit."""
        return self.rows[visit.item][stream] or 0, self.keys[visit.item][stream][visit.block]


def job_of(
    plan: Plan, mapping: Mapping, group: Group, order: Sequence[Turn], x: int, y: int
) -> tuple[Job, list[Unit]]:
    """What tile (x, y) of the group does, and the HBM units that the job's numbers stand for."""
    workload, loaders = plan.workload, group.loaders
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
    units: list[Unit] = []

    def at(tensor: str, head: int, rows: Range) -> At | None:
        if not rows.size:
            return None
        piece = plan.find(tensor, head, rows)
        if not any(unit is piece.unit for unit in units):
            units.append(piece.unit)
        return At(next(i for i, unit in enumerate(units) if unit is piece.unit), piece.offset)

    def keys(tensor: str) -> tuple[At | None, ...]:
        if tensor not in loads:
            return ()
        found: dict[int, At | None] = {}
        for turn in order:
            if (visit := turn.scores) and visit.first_user:
                block = group.items[visit.item][turn.stream]
                assert block is not None
                found[visit.use] = at(
                    tensor, block.head, slices[visit.item][turn.stream][visit.block]
                )
        return tuple(found[use] for use in range(len(found)))

    def queries(tensor: str, streams: frozenset[int]) -> tuple[tuple[At | None, ...], ...]:
        return tuple(
            tuple(
                at(tensor, block.head, group.row_slices(block)[y])
                if block and s in streams
                else None
                for s, block in enumerate(item)
            )
            for item in group.items
        )

    places = _places(mapping, group, x, y) if mapping.in_software else None
    passing = (
        loads
        if places is None
        else frozenset(name for name in "kvq" if getattr(places, name).children)
    )
    job = Job(
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
        places=places,
        k=keys("k"),
        v=keys("v"),
        q=queries("q", frozenset(range(mapping.streams))) if "q" in loads else (),
        o=queries("o", roots),
    )
    return job, units


def _places(mapping: Mapping, group: Group, x: int, y: int) -> Places:
    method, (columns, rows), loaders = SOFTWARE[mapping.dataflow], mapping.group, group.loaders
    return Places(
        k=place(method, rows, loaders.k[x], y),
        v=place(method, rows, loaders.v[x], y),
        q=place(method, columns, loaders.q[y], x),
        maximum=place(method, columns, mapping.middle, x),
        total=place(method, columns, root_column(mapping, y, 0), x),
    )


def _keys(workload: Workload, block: Block, rows: Range, part: Range) -> Keys:
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
    # (`Mapping.grain`).
    return Keys(part.size, seen, first, workload.sharing)


def root_column(mapping: Mapping, y: int, stream: int) -> int:
    """Column in the group of the tile that sums up O: another one in each row and stream, so that
    they share the work.
    """
    columns = mapping.group[0]
    return (y + stream * max(1, columns // 2)) % columns
