"""Where A, B and C are in HBM: parts of panels as the loaders read them.

Parts that a tile row (column) shares lie in the channel nearest to it, on the west or east (south
or north) edge if there is one. Parts for a single tile or for a whole group may come from anywhere:
they are dealt to several channels in turn where there are few of them, always to those with the
least traffic. So is C. Parts are laid out from word 0 of each channel in the order of their use, so
that a loader walks them with constant strides. Rows are padded to whole words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.formats import FORMATS, encode
from isa.machine import Channel, Machine
from programs.attention.mapping import Range, row_words
from programs.attention.placement import Unit
from programs.gemm.mapping import GemmGroup, GemmMapping
from programs.gemm.workload import Gemm

__all__ = ["GemmPlan", "Part", "place_gemm"]


class Part(NamedTuple):
    """`rows` x `columns` of a pair's a, b or c, at word `unit.base + offset`, rows `pitch` words
    apart.
    """

    tensor: str
    pair: int
    rows: Range
    columns: Range
    unit: Unit
    offset: int
    pitch: int


@dataclass
class GemmPlan:
    """All parts. What several groups use is there once."""

    machine: Machine
    workload: Gemm
    parts: dict[tuple[str, int, int, int], Part] = field(default_factory=dict)
    """By tensor, pair, first row and first column."""
    words: list[int] = field(default_factory=list)
    """Words used in each channel."""
    traffic: list[int] = field(default_factory=list)
    """Words that a run moves through each channel."""

    def find(self, tensor: str, pair: int, rows: Range, columns: Range) -> Part:
        """Look a part up."""
        part = self.parts[tensor, pair, rows.start, columns.start]
        assert (part.rows, part.columns) == (rows, columns)
        return part

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
        images = [np.zeros((words, self.machine.tile.word_bytes), np.uint8) for words in self.words]
        for part in self.parts.values():
            if part.tensor != "c":
                raw = np.ascontiguousarray(_cut(bits[part.tensor], part)).view(np.uint8)
                _rows(images, part)[:, : raw.shape[1]] = raw
        return [image.reshape(-1) for image in images]

    def gather(self, images: Sequence[NDArray]) -> NDArray[np.unsignedinteger]:
        """Bits of c (batch, m, n), from the contents of each channel (of any dtype and shape; bytes
        in order).
        """
        w, dtype = self.workload, FORMATS[self.workload.o_fmt].dtype
        raw = [
            np.ascontiguousarray(image).view(np.uint8).reshape(-1, self.machine.tile.word_bytes)
            for image in images
        ]
        out = np.zeros((w.batch, w.m, w.n), dtype)
        for part in self.parts.values():
            if part.tensor == "c":
                rows = _rows(raw, part)[:, : part.columns.size * dtype.itemsize]
                _cut(out, part)[...] = np.ascontiguousarray(rows).view(dtype)
        return out


def _cut(whole: NDArray, part: Part) -> NDArray:
    """The elements of a part, in place."""
    rows, columns = (slice(r.start, r.start + r.size) for r in (part.rows, part.columns))
    return whole[part.pair, rows, columns]


def _rows(images: Sequence[NDArray[np.uint8]], part: Part) -> NDArray[np.uint8]:
    """Bytes of a part, a row each, padding included."""
    at = part.unit.base + part.offset
    return images[part.unit.channel.index][at : at + part.rows.size * part.pitch].reshape(
        part.rows.size, -1
    )


def place_gemm(
    machine: Machine, workload: Gemm, mapping: GemmMapping, groups: Sequence[GemmGroup]
) -> GemmPlan:
    """Put all matrices into HBM.

    Raises
    ------
    UserError
        If a channel is too small.
    """
    plan = GemmPlan(
        machine, workload, words=[0] * len(machine.channels), traffic=[0] * len(machine.channels)
    )
    owned: set[tuple[str, int, int]] = set()
    working = [group for group in groups if group.items]
    for tensor, lanes in zip("ab", mapping.parts, strict=True):
        reads = len(
            mapping.column_blocks(workload) if tensor == "a" else mapping.row_blocks(workload)
        )
        owners = []
        for group in working:
            mine = [block for block in _blocks(group, tensor) if (tensor, *block) not in owned]
            owned |= {(tensor, *block) for block in mine}
            owners += [(group, mine)] * bool(mine)
        spread = _spread(plan, mapping, tensor, lanes * len(owners))
        for group, mine in owners:
            for lane in range(lanes):
                for turn in range(spread):
                    parts = [
                        found
                        for block in mine
                        for found in _panels(plan, group, tensor, block, lane)[turn::spread]
                    ]
                    _reserve(
                        plan,
                        mapping,
                        tensor,
                        parts,
                        reads,
                        _candidates(plan, group, tensor, lane),
                        group.loader(tensor, lane),
                    )
    for group in working:
        for y in range(mapping.group[1]):
            for x in range(mapping.group[0]):
                row, column = mapping.lane(x, y)
                parts = [
                    (
                        item.pair,
                        group.row_slices(item.rows)[row],
                        group.column_slices(item.columns)[column],
                    )
                    for item in group.items
                ]
                _reserve(
                    plan,
                    mapping,
                    "c",
                    parts,
                    1,
                    list(machine.channels),
                    (group.x0 + x, group.y0 + y),
                )
    for channel, words in zip(machine.channels, plan.words, strict=True):
        if words > machine.channel_words:
            raise UserError(
                f"HBM channel {channel.index} ({channel.edge} edge at tile ({channel.x},{channel.y})) must hold "
                f"{words * machine.tile.word_bytes} bytes of matrices, it has {machine.hbm.channel_bytes}"
            )
    return plan


def _blocks(group: GemmGroup, tensor: str) -> Iterator[tuple[int, Range]]:
    """(pair, rows of A) or (pair, columns of B) that a group needs, in order."""
    return iter(
        dict.fromkeys(
            (item.pair, item.rows if tensor == "a" else item.columns) for item in group.items
        )
    )


def _panels(
    plan: GemmPlan, group: GemmGroup, tensor: str, block: tuple[int, Range], lane: int
) -> list[tuple[int, Range, Range]]:
    """(pair, rows, columns) of a lane's part of each panel."""
    pair, whole = block
    panels = group.mapping.panels(plan.workload)
    if tensor == "a":
        return [(pair, group.row_slices(whole)[lane], panel) for panel in panels]
    return [(pair, panel, group.column_slices(whole)[lane]) for panel in panels]


def _spread(plan: GemmPlan, mapping: GemmMapping, tensor: str, lanes: int) -> int:
    """Channels over which the panels of a lane are dealt in turn."""
    if _is_near(plan, mapping, tensor):
        return 1
    return min(max(1, len(plan.machine.channels) // lanes), len(mapping.panels(plan.workload)))


def _is_near(plan: GemmPlan, mapping: GemmMapping, tensor: str) -> bool:
    return len(mapping.channels(plan.machine, tensor)) < len(plan.machine.channels)


def _candidates(plan: GemmPlan, group: GemmGroup, tensor: str, lane: int) -> list[Channel]:
    """Channels in which the parts of a lane may be."""
    found = group.mapping.channels(plan.machine, tensor)
    if not _is_near(plan, group.mapping, tensor):
        return list(found)
    x, y, _, _ = group.sharers(tensor, lane)
    distances = [abs(channel.y - y) if tensor == "a" else abs(channel.x - x) for channel in found]
    return [
        channel
        for channel, distance in zip(found, distances, strict=True)
        if distance == min(distances)
    ]


def _reserve(
    plan: GemmPlan,
    mapping: GemmMapping,
    tensor: str,
    parts: Sequence[tuple[int, Range, Range]],
    uses: int,
    candidates: Sequence[Channel],
    near: tuple[int, int],
) -> None:
    """Give parts a unit in the candidate with the least traffic, the nearest of equals to tile
    `near`, a slot of one size each.
    """
    tile, fmt = plan.machine.tile, plan.workload.o_fmt if tensor == "c" else plan.workload.fmt
    rows, columns = {
        "a": (mapping.rows, mapping.depth),
        "b": (mapping.depth, mapping.columns),
        "c": (mapping.rows, mapping.columns),
    }[tensor]
    slot = rows * row_words(tile, columns, fmt)
    x, y = near

    def merit(channel: Channel) -> tuple[int, int, int]:
        return plan.traffic[channel.index], abs(channel.x - x) + abs(channel.y - y), channel.index

    channel = min(candidates, key=merit)
    unit = Unit(channel, plan.words[channel.index], len(parts) * slot)
    plan.words[channel.index] += unit.words
    plan.traffic[channel.index] += uses * sum(
        r.size * row_words(tile, c.size, fmt) for _, r, c in parts
    )
    for i, (pair, r, c) in enumerate(parts):
        if r.size and c.size:
            plan.parts[tensor, pair, r.start, c.start] = Part(
                tensor, pair, r, c, unit, i * slot, row_words(tile, c.size, fmt)
            )
