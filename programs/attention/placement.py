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
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.formats import FORMATS, encode
from isa.instructions import EdgePort
from isa.machine import Channel, Machine
from programs.attention.mapping import Mapping, Range, row_words
from programs.attention.work import Group
from programs.attention.workload import Workload

__all__ = ["Piece", "Plan", "Unit", "gather", "place", "scatter"]


@dataclass
class Unit:
    """Slices that are used by the same tile column (or row) of a group: words from `base` up in
    `channel`.
    """

    channel: Channel
    base: int
    words: int

    @property
    def target(self) -> tuple[int, int, int]:
        """Column, row and outer port that an instruction names the channel by."""
        return self.channel.x, self.channel.y, EdgePort[self.channel.edge.upper()]


class Piece(NamedTuple):
    """`rows` of a KV head's (stacked) q, k, v or o, at word `unit.base + offset`, rows `pitch`
    words apart.
    """

    tensor: str
    head: int
    rows: Range
    unit: Unit
    offset: int
    pitch: int


@dataclass
class Plan:
    """All pieces. K and V of a head that several groups use are there once."""

    machine: Machine
    workload: Workload
    pieces: dict[tuple[str, int, int], Piece] = field(default_factory=dict)
    """By tensor, head and first row."""
    words: list[int] = field(default_factory=list)
    """Words used in each channel."""
    traffic: list[int] = field(default_factory=list)
    """Words that a run moves through each channel."""

    def find(self, tensor: str, head: int, rows: Range) -> Piece:
        """Look a slice up."""
        piece = self.pieces[tensor, head, rows.start]
        assert piece.rows == rows
        return piece


def place(machine: Machine, workload: Workload, mapping: Mapping, groups: Sequence[Group]) -> Plan:
    """Put all tensors into HBM.

    Raises
    ------
    UserError
        If a channel is too small.
    """
    plan = Plan(
        machine, workload, words=[0] * len(machine.channels), traffic=[0] * len(machine.channels)
    )
    _place_keys(plan, mapping, groups)
    for group in groups:
        for y in range(mapping.group[1]):
            for tensor in "qo":
                _place_rows(plan, mapping, group, tensor, y)
    capacity = machine.channel_words
    for channel, words in zip(machine.channels, plan.words, strict=True):
        if words > capacity:
            raise UserError(
                f"HBM channel {channel.index} ({channel.edge} edge at tile ({channel.x},{channel.y})) must hold "
                f"{words * machine.tile.word_bytes} bytes of tensors, it has {machine.hbm.channel_bytes}"
            )
    return plan


def _place_keys(plan: Plan, mapping: Mapping, groups: Sequence[Group]) -> None:
    """K and V, if they are not one: a head is owned by the first group that uses it.

    Where slices may come from anywhere and there are few owners, each owner's column blocks are
    dealt to several channels in turn, or most channels would have nothing to do.
    """
    workload, tile = plan.workload, plan.machine.tile
    most = max(len(mapping.column_blocks(workload, head)) for head in range(workload.kv_heads))
    owned: set[int] = set()
    heads_of = []
    for group in groups:
        heads = [head for head in group.heads if head not in owned]
        owned |= set(heads)
        heads_of.append(heads)
    tensors = [("k", workload.d)] if workload.latent else [("k", workload.d), ("v", workload.dv)]
    units = len(tensors) * mapping.group[0] * sum(bool(heads) for heads in heads_of)
    anywhere = mapping.group == (1, 1) or mapping.reads_anywhere(workload, plan.machine)
    parts = min(max(1, len(plan.machine.channels) // max(units, 1)), most) if anywhere else 1
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
                    unit = _unit(
                        plan, len(slices) * slot, traffic, _near_column(plan, mapping, group, x)
                    )
                    _add(plan, tensor, slices, unit, slot, pitch)


def _place_rows(plan: Plan, mapping: Mapping, group: Group, tensor: str, y: int) -> None:
    """Q or O of one tile row: a slot for each item and stream."""
    workload = plan.workload
    width, fmt = (workload.d, workload.fmt) if tensor == "q" else (workload.dv, workload.o_fmt)
    pitch = row_words(plan.machine.tile, width, fmt)
    slot = mapping.rows * pitch
    work = [block for item in group.items for block in item]
    near = _near_row(plan, group, y)
    unit = _unit(plan, len(work) * slot, len(work) * slot, near)
    for i, block in enumerate(work):
        if block is not None:
            _add(
                plan, tensor, [(block.head, group.row_slices(block)[y])], unit, slot, pitch, first=i
            )


def _add(
    plan: Plan,
    tensor: str,
    slices: list[tuple[int, Range]],
    unit: Unit,
    slot: int,
    pitch: int,
    *,
    first: int = 0,
) -> None:
    for i, (head, rows) in enumerate(slices, first):
        if rows.size:
            plan.pieces[tensor, head, rows.start] = Piece(tensor, head, rows, unit, i * slot, pitch)


def _unit(plan: Plan, words: int, traffic: int, candidates: list[Channel]) -> Unit:
    """Reserve words in the candidate with the least traffic."""
    channel = min(candidates, key=lambda channel: (plan.traffic[channel.index], channel.index))
    unit = Unit(channel, plan.words[channel.index], words or 0)
    plan.words[channel.index] += unit.words
    plan.traffic[channel.index] += traffic
    return unit


def _near_column(plan: Plan, mapping: Mapping, group: Group, x: int) -> list[Channel]:
    channels = plan.machine.channels
    vertical = [channel for channel in channels if channel.edge in ("south", "north")]
    if group.shape[1] == 1 or not vertical or mapping.reads_anywhere(plan.workload, plan.machine):
        return list(channels)
    return _nearest(vertical, [abs(channel.x - group.tile(x, 0)[0]) for channel in vertical])


def _near_row(plan: Plan, group: Group, y: int) -> list[Channel]:
    channels = plan.machine.channels
    horizontal = [channel for channel in channels if channel.edge in ("west", "east")]
    if group.shape[0] == 1 or not horizontal:
        return list(channels)
    return _nearest(horizontal, [abs(channel.y - group.tile(0, y)[1]) for channel in horizontal])


def _nearest(channels: list[Channel], distances: list[int]) -> list[Channel]:
    return [
        channel
        for channel, distance in zip(channels, distances, strict=True)
        if distance == min(distances)
    ]


def scatter(plan: Plan, q: NDArray, k: NDArray, v: NDArray) -> list[NDArray[np.uint8]]:
    """Contents of each channel, from word 0 up to the last word used; O and everything unused is 0.

    Parameters
    ----------
    plan
        Of a compiled workload.
    q, k, v
        (heads, sq, d), (kv_heads, skv, d) and (kv_heads, skv, dv), floating; rounded to the
        workload's format.
    """
    workload, word_bytes = plan.workload, plan.machine.tile.word_bytes
    bits = {
        name: encode(np.asarray(a, np.float32), workload.fmt)
        for name, a in (("q", q), ("k", k), ("v", v))
    }
    expected = {
        "q": (workload.heads, workload.sq, workload.d),
        "k": (workload.kv_heads, workload.skv, workload.d),
        "v": (workload.kv_heads, workload.skv, workload.dv),
    }
    for name, shape in expected.items():
        if bits[name].shape != shape:
            raise ValueError(f"{name} must have the shape {shape}, not {bits[name].shape}")
    bits["q"] = _stacked(workload, bits["q"])
    images = [np.zeros((words, word_bytes), np.uint8) for words in plan.words]
    for piece in plan.pieces.values():
        if piece.tensor != "o":
            values = bits[piece.tensor][
                piece.head, piece.rows.start : piece.rows.start + piece.rows.size
            ]
            raw = np.ascontiguousarray(values).view(np.uint8)
            _rows(images, piece)[:, : raw.shape[1]] = raw
    return [image.reshape(-1) for image in images]


def gather(plan: Plan, images: Sequence[NDArray]) -> NDArray[np.unsignedinteger]:
    """Bits of the output (heads, sq, dv), from the contents of each channel (of any dtype and
    shape; bytes in order).
    """
    workload, word_bytes = plan.workload, plan.machine.tile.word_bytes
    dtype = FORMATS[workload.o_fmt].dtype
    raw = [np.ascontiguousarray(image).view(np.uint8).reshape(-1, word_bytes) for image in images]
    out = np.zeros((workload.kv_heads, workload.rows, workload.dv), dtype)
    for piece in plan.pieces.values():
        if piece.tensor == "o":
            rows = _rows(raw, piece)[:, : workload.dv * dtype.itemsize]
            out[piece.head, piece.rows.start : piece.rows.start + piece.rows.size] = (
                np.ascontiguousarray(rows).view(dtype)
            )
    apart = out.reshape(workload.kv_heads, workload.sq, workload.sharing, workload.dv)
    return np.ascontiguousarray(apart.swapaxes(1, 2)).reshape(
        workload.heads, workload.sq, workload.dv
    )


def _stacked(workload: Workload, q: NDArray) -> NDArray:
    """Rows of each KV head: position by position, those of all heads that share it one after the
    other.
    """
    apart = q.reshape(workload.kv_heads, workload.sharing, workload.sq, -1)
    return apart.swapaxes(1, 2).reshape(workload.kv_heads, workload.rows, -1)


def _rows(images: Sequence[NDArray[np.uint8]], piece: Piece) -> NDArray[np.uint8]:
    """Bytes of a piece, a row each, padding included."""
    at = piece.unit.base + piece.offset
    words = images[piece.unit.channel.index][at : at + piece.rows.size * piece.pitch]
    return words.reshape(piece.rows.size, -1)
