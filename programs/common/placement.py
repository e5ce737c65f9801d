"""Tensors in HBM: slices in regions of the channels, rows padded to whole words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.instructions import EdgePort
from isa.machine import EDGES, Channel, Machine
from programs.common.ranges import Range

__all__ = ["HbmRegion", "OutputPart", "Placement", "channels_at", "nearest"]


@dataclass
class HbmRegion:
    """Slices that are used by the same tiles of a group: words from `base` up in `channel`."""

    channel: Channel
    base: int
    words: int

    @property
    def names(self) -> dict[str, int]:
        """What an instruction names it by: its first word, the channel's column, row and outer
        port.
        """
        edge = EdgePort[self.channel.edge.upper()]
        return {"base": self.base, "x": self.channel.x, "y": self.channel.y, "edge": edge}


class OutputPart(NamedTuple):
    """Part of a result, as it lies in a channel: rows `pitch` words apart from `address` up."""

    name: str
    """As NumPy would write it."""
    channel: Channel
    address: int
    rows: int
    columns: int
    pitch: int


class HbmSlice(Protocol):
    """Some rows of a tensor at word `region.base + offset`, `pitch` words apart."""

    @property
    def rows(self) -> Range:
        """Rows of the tensor."""

    @property
    def region(self) -> HbmRegion:
        """Where it is."""

    @property
    def offset(self) -> int:
        """Words from the region's first one."""

    @property
    def pitch(self) -> int:
        """Words of a row."""


W = TypeVar("W")
S = TypeVar("S", bound=HbmSlice)


@dataclass
class Placement(Generic[W, S]):
    """All slices of a workload's tensors."""

    machine: Machine
    workload: W
    slices: dict[tuple, S] = field(default_factory=dict)
    """By tensor and by where in it they start."""
    words: list[int] = field(init=False)
    """Words used in each channel."""
    traffic: list[int] = field(init=False)
    """Words that a run moves through each channel."""

    def __post_init__(self) -> None:
        self.words = [0] * len(self.machine.channels)
        self.traffic = [0] * len(self.machine.channels)

    def reserve(
        self,
        candidates: Sequence[Channel],
        words: int,
        traffic: int,
        distance: Callable[[Channel], int] = lambda _: 0,
    ) -> HbmRegion:
        """Reserve words in the candidate with the least traffic, the nearest one of equals."""

        def merit(channel: Channel) -> tuple[int, int, int]:
            return self.traffic[channel.index], distance(channel), channel.index

        channel = min(candidates, key=merit)
        region = HbmRegion(channel, self.words[channel.index], words)
        self.words[channel.index] += words
        self.traffic[channel.index] += traffic
        return region

    def check_capacity(self, what: str) -> None:
        """Check that `what` is in the channels fits.

        Raises
        ------
        UserError
            If a channel is too small.
        """
        machine = self.machine
        for channel, words in zip(machine.channels, self.words, strict=True):
            if words > machine.channel_words:
                raise UserError(
                    f"HBM channel {channel.index} ({channel.edge} edge at tile "
                    f"({channel.x},{channel.y})) must hold {words * machine.tile.word_bytes} bytes "
                    f"of {what}, it has {machine.hbm.channel_bytes}"
                )

    def blank(self) -> list[NDArray[np.uint8]]:
        """Zeros for the words used in each channel: (words, bytes of a word)."""
        return [np.zeros((words, self.machine.tile.word_bytes), np.uint8) for words in self.words]

    def as_words(self, contents: Sequence[NDArray]) -> list[NDArray[np.uint8]]:
        """Contents of the channels, of any dtype and shape, bytes in order, as `blank` has them."""
        width = self.machine.tile.word_bytes
        return [np.ascontiguousarray(one).view(np.uint8).reshape(-1, width) for one in contents]

    def bytes_of(self, contents: Sequence[NDArray[np.uint8]], one: S) -> NDArray[np.uint8]:
        """Bytes of a slice, a row each, padding included; a view of contents as `blank` has."""
        at = one.region.base + one.offset
        words = contents[one.region.channel.index][at : at + one.rows.size * one.pitch]
        return words.reshape(one.rows.size, -1)


@lru_cache(maxsize=16)
def channels_at(machine: Machine, ends: tuple[str, ...] = EDGES) -> tuple[Channel, ...]:
    """Channels at some edges of the mesh: the tiling rule asks thousands of times."""
    return tuple(channel for channel in machine.channels if channel.edge in ends)


def nearest(channels: Sequence[Channel], distance: Callable[[Channel], int]) -> list[Channel]:
    """Those of some channels at the least distance."""
    least = min(map(distance, channels))
    return [channel for channel in channels if distance(channel) == least]
