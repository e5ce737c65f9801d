"""Where the tensors are in HBM: slices as the loaders read them, each in a channel near the tiles
that use it.

K and V slices of a tile column go to the channel nearest to that column (on the south or north edge
if there is one), Q and O slices of a tile row to the nearest one on the west or east edge. A slice
for a single tile may come from anywhere, and so may K and V where reading them is what takes the
time. Among equals the channel with the least traffic wins. Slices are laid out from word 0 of each
channel in the order of their use, so that a loader walks them with constant strides. Rows are
padded to whole words.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS, encode
from isa.machine import Channel, Machine
from programs.attention.groups import TileGroup
from programs.attention.mapping import AttentionMapping
from programs.attention.workload import Attention
from programs.common.l1 import row_words
from programs.common.placement import (
    HbmRegion,
    OutputPart,
    Placement,
    channels_at,
    nearest,
)
from programs.common.ranges import Range

__all__ = ["AttentionPlacement", "TensorSlice", "place_attention"]


class TensorSlice(NamedTuple):
    """`rows` of a KV head's (stacked) q, k, v or o, at word `region.base + offset`, rows `pitch`
    words apart.
    """

    tensor: str
    head: int
    rows: Range
    region: HbmRegion
    offset: int
    pitch: int


class AttentionPlacement(Placement[Attention, TensorSlice]):
    """All slices, by tensor, head and first row. K and V of a head that several groups use are
    there once.
    """

    def find(self, tensor: str, head: int, rows: Range) -> TensorSlice:
        """Look a slice up."""
        found = self.slices[tensor, head, rows.start]
        assert found.rows == rows
        return found

    def scatter(self, q: NDArray, k: NDArray, v: NDArray) -> list[NDArray[np.uint8]]:
        """Contents of each channel, from word 0 up to the last word used; O and everything unused
        is 0.

        Parameters
        ----------
        q, k, v
            (heads, sq, d), (kv_heads, skv, d) and (kv_heads, skv, dv), floating; rounded to the
            workload's format.
        """
        w = self.workload
        bits = {
            name: encode(np.asarray(a, np.float32), w.fmt)
            for name, a in (("q", q), ("k", k), ("v", v))
        }
        expected = {
            "q": (w.heads, w.sq, w.d),
            "k": (w.kv_heads, w.skv, w.d),
            "v": (w.kv_heads, w.skv, w.dv),
        }
        for name, shape in expected.items():
            if bits[name].shape != shape:
                raise ValueError(f"{name} must have the shape {shape}, not {bits[name].shape}")
        bits["q"] = _stacked(w, bits["q"])
        contents = self.blank()
        for one in self.slices.values():
            if one.tensor != "o":
                values = bits[one.tensor][one.head, one.rows.start : one.rows.start + one.rows.size]
                raw = np.ascontiguousarray(values).view(np.uint8)
                self.bytes_of(contents, one)[:, : raw.shape[1]] = raw
        return [content.reshape(-1) for content in contents]

    def outputs(self) -> list[OutputPart]:
        """Where the output will be."""
        return [
            OutputPart(
                f"o[{one.head}, {one.rows.start}:{one.rows.start + one.rows.size}]",
                one.region.channel,
                one.region.base + one.offset,
                one.rows.size,
                self.workload.dv,
                one.pitch,
            )
            for one in self.slices.values()
            if one.tensor == "o"
        ]

    def gather(self, contents: Sequence[NDArray]) -> NDArray[np.unsignedinteger]:
        """Bits of the output (heads, sq, dv), from the contents of each channel (of any dtype and
        shape; bytes in order).
        """
        w, dtype = self.workload, FORMATS[self.workload.o_fmt].dtype
        raw = self.as_words(contents)
        out = np.zeros((w.kv_heads, w.rows, w.dv), dtype)
        for one in self.slices.values():
            if one.tensor == "o":
                rows = self.bytes_of(raw, one)[:, : w.dv * dtype.itemsize]
                out[one.head, one.rows.start : one.rows.start + one.rows.size] = (
                    np.ascontiguousarray(rows).view(dtype)
                )
        apart = out.reshape(w.kv_heads, w.sq, w.sharing, w.dv)
        return np.ascontiguousarray(apart.swapaxes(1, 2)).reshape(w.heads, w.sq, w.dv)


def _stacked(workload: Attention, q: NDArray) -> NDArray:
    """Rows of each KV head: position by position, those of all heads that share it one after the
    other.
    """
    apart = q.reshape(workload.kv_heads, workload.sharing, workload.sq, -1)
    return apart.swapaxes(1, 2).reshape(workload.kv_heads, workload.rows, -1)


def place_attention(
    machine: Machine, workload: Attention, mapping: AttentionMapping, groups: Sequence[TileGroup]
) -> AttentionPlacement:
    """Put all tensors into HBM.

    Raises
    ------
    UserError
        If a channel is too small.
    """
    placement = AttentionPlacement(machine, workload)
    _place_keys(placement, mapping, groups)
    for group in groups:
        for y in range(mapping.group[1]):
            for tensor in "qo":
                _place_rows(placement, mapping, group, tensor, y)
    placement.check_capacity("tensors")
    return placement


def _place_keys(
    placement: AttentionPlacement, mapping: AttentionMapping, groups: Sequence[TileGroup]
) -> None:
    """K and V, if they are not one: a head is owned by the first group that uses it.

    Where slices may come from anywhere and there are few owners, each owner's column blocks are
    dealt to several channels in turn, or most channels would have nothing to do.
    """
    workload, tile = placement.workload, placement.machine.tile
    most = max(len(mapping.column_blocks(workload, head)) for head in range(workload.kv_heads))
    owned: set[int] = set()
    heads_of = []
    for group in groups:
        heads = [head for head in group.heads if head not in owned]
        owned |= set(heads)
        heads_of.append(heads)
    tensors = [("k", workload.d)] if workload.latent else [("k", workload.d), ("v", workload.dv)]
    regions = len(tensors) * mapping.group[0] * sum(bool(heads) for heads in heads_of)
    anywhere = mapping.group == (1, 1) or mapping.reads_anywhere(workload, placement.machine)
    parts = min(max(1, len(placement.machine.channels) // max(regions, 1)), most) if anywhere else 1
    # All of K before V: if channels are taken in turn, every one of them has both, and the first K
    # comes from all of them.
    for tensor, width in tensors:
        pitch = row_words(tile, width, workload.fmt)
        slot = mapping.columns * pitch
        for group, heads in zip(groups, heads_of, strict=True):
            for x in range(mapping.group[0]):
                for part in range(parts):
                    slices = [
                        (head, group.column_slices(block)[x])
                        for head in heads
                        for block in mapping.column_blocks(workload, head)[part::parts]
                    ]
                    traffic = mapping.passes(workload) * len(slices) * slot
                    region = placement.reserve(
                        _near_column(placement, mapping, group, x), len(slices) * slot, traffic
                    )
                    _add(placement, tensor, slices, region, slot, pitch)


def _place_rows(
    placement: AttentionPlacement, mapping: AttentionMapping, group: TileGroup, tensor: str, y: int
) -> None:
    """Q or O of one tile row: a slot for each item and stream."""
    workload = placement.workload
    width, fmt = (workload.d, workload.fmt) if tensor == "q" else (workload.dv, workload.o_fmt)
    pitch = row_words(placement.machine.tile, width, fmt)
    slot = mapping.rows * pitch
    work = [block for item in group.items for block in item]
    region = placement.reserve(
        _near_row(placement.machine, mapping, group, tensor, y), len(work) * slot, len(work) * slot
    )
    slices = [(block.head, group.row_slices(block)[y]) if block else None for block in work]
    _add(placement, tensor, slices, region, slot, pitch)


def _add(
    placement: AttentionPlacement,
    tensor: str,
    slices: Sequence[tuple[int, Range] | None],
    region: HbmRegion,
    slot: int,
    pitch: int,
) -> None:
    """Put slices (head, rows) into the slots of a region, one after the other."""
    for i, one in enumerate(slices):
        if one is not None and one[1].size:
            head, rows = one
            placement.slices[tensor, head, rows.start] = TensorSlice(
                tensor, head, rows, region, i * slot, pitch
            )


def _near_column(
    placement: AttentionPlacement, mapping: AttentionMapping, group: TileGroup, x: int
) -> Sequence[Channel]:
    """Channels in which K and V of a tile column may be."""
    machine, column = placement.machine, group.tile(x, 0)[0]
    vertical = channels_at(machine, ("south", "north"))
    if group.shape[1] == 1 or not vertical or mapping.reads_anywhere(placement.workload, machine):
        return machine.channels
    return nearest(vertical, lambda channel: abs(channel.x - column))


def _near_row(
    machine: Machine, mapping: AttentionMapping, group: TileGroup, tensor: str, y: int
) -> Sequence[Channel]:
    """Channels in which Q and O of a tile row may be."""
    horizontal, row = channels_at(machine, ("west", "east")), group.tile(0, y)[1]
    if group.shape[0] == 1:
        return machine.channels
    if horizontal:
        return nearest(horizontal, lambda channel: abs(channel.y - row))
    if tensor == "q" and "q" in mapping.forwards:
        column = group.tile(group.loaders.q[y], y)[0]
        return nearest(machine.channels, lambda channel: abs(channel.x - column))
    return machine.channels
