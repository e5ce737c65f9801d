"""Steps that the papers' schedules are made of: loads, collectives, barriers, and their cycles."""

from dataclasses import dataclass

from model.paper.costs import PaperCosts
from model.paper.graph import GroupProgram, Part, Side

__all__ = ["Blocks", "GroupSteps"]

_MOST_REQUESTS = 16
"""Of a load at a channel, so that those of all tiles fit its queue in the core."""


@dataclass(frozen=True)
class Blocks:
    """What a group computes, and how it is cut."""

    columns: int
    """tiles of a row of the group"""
    rows: int
    m: int
    """query rows of a slice, of a tile"""
    n: int
    """keys of a slice"""
    d: int
    dv: int
    outer: int
    """blocks of query rows, those of all the group's heads"""
    inner: int
    """blocks of keys of each"""
    shared: bool = False
    """V is part of K, and not loaded again (MLA)"""
    channels: tuple[int, int] = (1, 1)
    """channels of the group: of its rows (Q and O), of its columns (K and V)"""
    groups: int = 1
    """on the mesh"""
    burst: int = 4096
    """bytes"""
    diagonal: bool = False
    """loaders are on the diagonal [26], not on two edges [25]"""


class GroupSteps:
    """Steps that both schedules are made of."""

    def __init__(self, costs: PaperCosts, blocks: Blocks, program: GroupProgram, *, software: bool):
        self.costs, self.blocks, self.to = costs, blocks, program
        self._software = software
        self._vector = blocks.m * costs.element_bytes

    @property
    def alone(self) -> bool:
        """Whether each tile is by itself."""
        return self.blocks.rows * self.blocks.columns == 1

    def _words(self, side: Side, size: int) -> int:
        """Bursts of each of the group's channels for `size` bytes of every loader."""
        blocks = self.blocks
        loaders = blocks.rows if side == Side.WEST else blocks.columns
        return -(-loaders * size // blocks.channels[side] // blocks.burst)

    def _ask(self, side: Side, size: int) -> int:
        """Every loader of a side asks for `size` bytes; returns the answers to wait for."""
        self.to.work(Part.HBM, self.costs.dma_start)
        words = self._words(side, size)
        each = 0
        if self.blocks.groups > 1:
            each = max(self.costs.burst_bytes // self.blocks.burst, -(-words // _MOST_REQUESTS))
        return self.to.ask(side, range(self.blocks.channels[side]), words, each)

    def load_q(self) -> None:
        """Of the rows, from the west."""
        self.to.answers(Side.WEST, self._ask(Side.WEST, self.query_bytes(self.blocks.d)))

    def load_keys(self, *, k: bool, v: bool) -> None:
        """K and V slices of the columns, from the south, one after the other.

        V of a tile by itself is in the west, so that both edges have half.
        """
        for side, size in self._key_slices(k=k, v=v):
            self.to.answers(side, self._ask(side, size))
        if k and self.costs.transpose:
            self.to.work(Part.OTHER, self.blocks.n + self.blocks.d)

    def _key_slices(self, *, k: bool = True, v: bool = True) -> list[tuple[Side, int]]:
        """Where they are, and their bytes."""
        side = Side.WEST if self.alone else Side.SOUTH
        first = [(side, self.key_bytes(self.blocks.dv))] * (v and not self.blocks.shared)
        return first + [(Side.SOUTH, self.key_bytes(self.blocks.d))] * k

    def load_first(self) -> None:
        """Q and, at the same time, V and K.

        The tile in the corner of both edges loads one after the other, as do all loaders if they
        are on the diagonal, and a tile by itself.
        """
        blocks, south = self.blocks, Side.SOUTH
        if self.alone or blocks.diagonal:
            self.load_q()
            self.load_keys(k=True, v=True)
            return
        query = self._ask(Side.WEST, self.query_bytes(blocks.d))
        slices = self._key_slices()
        left = 0
        for _, size in slices:
            self.to.answers(south, left)
            left = self.to.ask(south, range(1, blocks.channels[south]), self._words(south, size))
            left += self.to.ask(south, range(1), self._words(south, size) - self._own(size))
        self.to.answers(Side.WEST, query)
        for _, size in slices:
            self.to.work(Part.HBM, self.costs.dma_start)
            left += self.to.ask(south, range(1), self._own(size))
            self.to.answers(south, left)
            left = 0

    def _own(self, size: int) -> int:
        """Bursts of one loader."""
        return -(-size // self.blocks.burst)

    def store(self) -> None:
        """O: to the west, of a tile by itself to the south."""
        side = Side.SOUTH if self.alone else Side.WEST
        self.to.work(Part.HBM, self.costs.dma_start)
        words = self._words(side, self.query_bytes(self.blocks.dv))
        self.to.store(side, self.blocks.channels[side], words)

    def barrier(self) -> None:
        """Of the group."""
        self.to.work(Part.OTHER, self.costs.barrier(self.blocks.columns, self.blocks.rows))

    def clear(self, width: int) -> None:
        """Set a matrix of a slice's rows to zero."""
        self.to.work(Part.OTHER, self.costs.clear(self.query_bytes(width)))

    def multicast(self, tiles: int, size: int) -> None:
        """Along a line."""
        way = self.costs.software_multicast if self._software else self.costs.multicast
        self._starts(tiles, 1)
        self.to.work(Part.MULTICAST, way(tiles, size))

    def _starts(self, tiles: int, transfers: int) -> None:
        if self._software:
            self.to.work(Part.OTHER, self.costs.software_starts(tiles, transfers))

    def multicast_q(self) -> None:
        """Along the rows."""
        self.multicast(self.blocks.columns, self.query_bytes(self.blocks.d))

    def query_bytes(self, width: int) -> int:
        """Of a slice of Q or O."""
        return self.blocks.m * width * self.costs.element_bytes

    def key_bytes(self, width: int) -> int:
        """Of a slice of K or V."""
        return self.blocks.n * width * self.costs.element_bytes

    def all_reduce(self, part: Part) -> None:
        """A vector of a slice's rows: barrier, reduction, barrier, multicast, barrier."""
        if self.blocks.columns == 1:
            return
        way = self.costs.software_reduction if self._software else self.costs.maximum
        self.barrier()
        self._starts(self.blocks.columns, 2)
        self.to.work(part, way(self.blocks.columns, self._vector))
        self.barrier()
        self.multicast(self.blocks.columns, self._vector)
        self.barrier()

    def sum_output(self) -> None:
        """O along the rows."""
        way = self.costs.software_reduction if self._software else self.costs.sum
        size = self.query_bytes(self.blocks.dv)
        self._starts(self.blocks.columns, 2)
        self.to.work(Part.SUM, way(self.blocks.columns, size))

    @property
    def scores(self) -> int:
        """Cycles of Q Kᵀ."""
        return self.costs.product(self.blocks.m, self.blocks.n, self.blocks.d)

    @property
    def values(self) -> int:
        """Cycles of P V."""
        return self.costs.product(self.blocks.m, self.blocks.dv, self.blocks.n)

    @property
    def probabilities(self) -> int:
        """Cycles of exponentials and their sums."""
        m, n = self.blocks.m, self.blocks.n
        return self.costs.exponential(m, n) + self.costs.row_sum(m, n)
