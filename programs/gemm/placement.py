"""Where A, B and C are in HBM: parts of panels as the loaders read them.

Parts that a tile row (column) shares lie in the channel nearest to it, on the west or east (south
or north) edge if there is one. Parts for a single tile or for a whole group may come from anywhere:
they are dealt to several channels in turn where there are few of them, always to those with the
least traffic. So is C. Parts are laid out from word 0 of each channel in the order of their use, so
that a loader walks them with constant strides. Rows are padded to whole words.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS, encode
from isa.geometry import TileXY
from isa.machine import Channel, Machine
from programs.common.l1 import row_words
from programs.common.placement import HbmRegion, OutputPart, Placement, nearest
from programs.common.ranges import Range
from programs.gemm.groups import GemmGroup
from programs.gemm.mapping import GemmMapping
from programs.gemm.workload import Gemm

__all__ = ["GemmPlacement", "MatrixSlice", "place_gemm"]


class MatrixSlice(NamedTuple):
    """`rows` x `columns` of a pair's a, b or c, at word `region.base + offset`, rows `pitch` words
    apart.
    """

    tensor: str
    pair: int
    rows: Range
    columns: Range
    region: HbmRegion
    offset: int
    pitch: int


class GemmPlacement(Placement[Gemm, MatrixSlice]):
    """All slices, by tensor, pair, first row and first column. What several groups use is there
    once.
    """

    def find(self, tensor: str, pair: int, rows: Range, columns: Range) -> MatrixSlice:
        """Look a one up."""
        found = self.slices[tensor, pair, rows.start, columns.start]
        assert (found.rows, found.columns) == (rows, columns)
        return found

    def scatter(self, a: NDArray, b: NDArray) -> list[NDArray[np.uint8]]:
        """Contents of each channel, from word 0 up to the last word used, of a (batch, m, k) and b
        (batch, k, n); C is 0.
        """
        w = self.workload
        bits = {
            name: encode(np.asarray(values, np.float32), w.fmt)
            for name, values in (("a", a), ("b", b))
        }
        for name, shape in (("a", (w.batch, w.m, w.k)), ("b", (w.batch, w.k, w.n))):
            if bits[name].shape != shape:
                raise ValueError(f"{name} must have the shape {shape}, not {bits[name].shape}")
        contents = self.blank()
        for one in self.slices.values():
            if one.tensor != "c":
                raw = np.ascontiguousarray(_cut(bits[one.tensor], one)).view(np.uint8)
                self.bytes_of(contents, one)[:, : raw.shape[1]] = raw
        return [content.reshape(-1) for content in contents]

    def outputs(self) -> list[OutputPart]:
        """Where C will be."""
        return [
            OutputPart(
                f"c[{one.pair}, {one.rows.start}:{one.rows.start + one.rows.size}, "
                f"{one.columns.start}:{one.columns.start + one.columns.size}]",
                one.region.channel,
                one.region.base + one.offset,
                one.rows.size,
                one.columns.size,
                one.pitch,
            )
            for one in self.slices.values()
            if one.tensor == "c"
        ]

    def gather(self, contents: Sequence[NDArray]) -> NDArray[np.unsignedinteger]:
        """Bits of c (batch, m, n), from the contents of each channel (of any dtype and shape; bytes
        in order).
        """
        w, dtype = self.workload, FORMATS[self.workload.o_fmt].dtype
        raw = self.as_words(contents)
        out = np.zeros((w.batch, w.m, w.n), dtype)
        for one in self.slices.values():
            if one.tensor == "c":
                rows = self.bytes_of(raw, one)[:, : one.columns.size * dtype.itemsize]
                _cut(out, one)[...] = np.ascontiguousarray(rows).view(dtype)
        return out


def _cut(whole: NDArray, one: MatrixSlice) -> NDArray:
    """The elements of a one, in place."""
    rows, columns = (slice(r.start, r.start + r.size) for r in (one.rows, one.columns))
    return whole[one.pair, rows, columns]


def place_gemm(
    machine: Machine, workload: Gemm, mapping: GemmMapping, groups: Sequence[GemmGroup]
) -> GemmPlacement:
    """Put all matrices into HBM.

    Raises
    ------
    UserError
        If a channel is too small.
    """
    placement = GemmPlacement(machine, workload)
    working = [group for group in groups if group.items]
    for tensor, lanes in zip("ab", mapping.lanes, strict=True):
        _place_panels(placement, mapping, working, tensor, lanes)
    for group in working:
        for y in range(mapping.group[1]):
            for x in range(mapping.group[0]):
                row, column = mapping.lane(x, y)
                parts = [
                    (
                        item.pair,
                        group.stored_rows(group.row_slices(item.rows)[row], column),
                        group.column_slices(item.columns)[column // mapping.split],
                    )
                    for item in group.items
                ]
                own = group.x0 + x, group.y0 + y
                users = _Users(1, mapping.near(machine, own[0]) or machine.channels, own)
                _reserve(placement, mapping, "c", parts, users)
    placement.check_capacity("matrices")
    return placement


def _place_panels(
    placement: GemmPlacement,
    mapping: GemmMapping,
    working: Sequence[GemmGroup],
    tensor: str,
    lanes: int,
) -> None:
    """A or B: a block is owned by the first group that uses it."""
    workload = placement.workload
    reads = len(mapping.column_blocks(workload) if tensor == "a" else mapping.row_blocks(workload))
    owned: set[tuple[int, Range]] = set()
    owners = []
    for group in working:
        mine = [block for block in _blocks(group, tensor) if block not in owned]
        owned |= set(mine)
        owners += [(group, mine)] * bool(mine)
    spread = _spread(placement, mapping, tensor, lanes * len(owners))
    for group, mine in owners:
        for lane in range(lanes):
            users = _Users(
                reads, _candidates(placement, group, tensor, lane), group.loader(tensor, lane)
            )
            for turn in range(spread):
                parts = [
                    found
                    for block in mine
                    for found in _panels(placement, group, tensor, block, lane)[turn::spread]
                ]
                _reserve(placement, mapping, tensor, parts, users)


def _blocks(group: GemmGroup, tensor: str) -> Iterator[tuple[int, Range]]:
    """(pair, rows of A) or (pair, columns of B) that a group needs, in order."""
    return iter(
        dict.fromkeys(
            (item.pair, item.rows if tensor == "a" else item.columns) for item in group.items
        )
    )


def _panels(
    placement: GemmPlacement, group: GemmGroup, tensor: str, block: tuple[int, Range], lane: int
) -> list[tuple[int, Range, Range]]:
    """(pair, rows, columns) of a lane's part of each panel."""
    pair, whole = block
    panels = group.mapping.panels(placement.workload)
    if tensor == "a":
        return [(pair, group.row_slices(whole)[lane], panel) for panel in panels]
    columns = group.column_slices(whole)[lane // group.mapping.split]
    inner = [group.inner(panel, lane) for panel in panels]
    return [(pair, k, columns) for k in inner if k.size]


def _spread(placement: GemmPlacement, mapping: GemmMapping, tensor: str, lanes: int) -> int:
    """Channels over which the panels of a lane are dealt in turn."""
    if mapping.relayed:
        across = mapping.group[0] if tensor == "a" else 1
        return min(max(1, across // mapping.lanes[0]), len(mapping.panels(placement.workload)))
    if _is_near(placement, mapping, tensor):
        return 1
    return min(
        max(1, len(placement.machine.channels) // lanes), len(mapping.panels(placement.workload))
    )


def _is_near(placement: GemmPlacement, mapping: GemmMapping, tensor: str) -> bool:
    """Whether the parts of a lane are in the channels nearest to it."""
    return len(mapping.channels(placement.machine, tensor)) < len(placement.machine.channels)


def _candidates(
    placement: GemmPlacement, group: GemmGroup, tensor: str, lane: int
) -> Sequence[Channel]:
    """Channels in which the parts of a lane may be."""
    x, y, x1, _ = group.sharers(tensor, lane)
    if near := group.mapping.near(placement.machine, x, x1):
        return near
    found = group.mapping.channels(placement.machine, tensor)
    if not _is_near(placement, group.mapping, tensor):
        return found
    return nearest(
        found, lambda channel: abs(channel.y - y) if tensor == "a" else abs(channel.x - x)
    )


class _Users(NamedTuple):
    """How often parts are moved, the channels they may be in, and the tile that asks for them."""

    transfers: int
    candidates: Sequence[Channel]
    tile: TileXY


def _reserve(
    placement: GemmPlacement,
    mapping: GemmMapping,
    tensor: str,
    parts: Sequence[tuple[int, Range, Range]],
    users: _Users,
) -> None:
    """Give parts (pair, rows, columns) a region, a slot of one size each."""
    tile, workload, (x, y) = placement.machine.tile, placement.workload, users.tile
    fmt = workload.o_fmt if tensor == "c" else workload.fmt
    rows, columns = {
        "a": (mapping.rows, mapping.depth),
        "b": (mapping.inner, mapping.columns),
        "c": (-(-mapping.rows // mapping.split), mapping.columns),
    }[tensor]
    slot = rows * row_words(tile, columns, fmt)
    moved = sum(r.size * row_words(tile, c.size, fmt) for _, r, c in parts)
    region = placement.reserve(
        users.candidates,
        len(parts) * slot,
        users.transfers * moved,
        lambda channel: abs(channel.x - x) + abs(channel.y - y),
    )
    for i, (pair, r, c) in enumerate(parts):
        if r.size and c.size:
            placement.slices[tensor, pair, r.start, c.start] = MatrixSlice(
                tensor, pair, r, c, region, i * slot, row_words(tile, c.size, fmt)
            )
