"""The papers' dataflows as task graphs: what each group of tiles does, barrier by barrier.

The order of loads, products, vector operations, collectives and barriers is that of Algorithm 2 of
arXiv 2505.18824 and of the code published with it. FlashAttention is the same with groups of one
tile: synchronous (FA2), or with two heads that take turns (FA3, as flat-async).
"""

from dataclasses import dataclass
from itertools import groupby

from model.paper.costs import PaperCosts
from model.paper.graph import MATRIX, VECTOR, GroupProgram, Part, Side

_MOST_REQUESTS = 16
"""Of a load at a channel, so that those of all tiles fit its queue in the core."""

__all__ = ["Blocks", "asynchronous", "synchronous"]


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


class _Tasks:
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

        The tile in the corner of both edges loads one after the other, as do all loaders if they are
        on the diagonal, and a tile by itself.
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


def synchronous(
    costs: PaperCosts, blocks: Blocks, program: GroupProgram, *, software: bool = False
) -> None:
    """Each step after the other, with barriers between: FA2, flat-seq (`software`) and flat."""
    tasks = _Tasks(costs, blocks, program, software=software)
    with program.loop(blocks.outer):
        for steps, kind in (
            (1, "first"),
            (blocks.inner - 1, "other"),
        ):
            if steps:
                with program.loop(steps):
                    _block(tasks, first=kind == "first")
        program.run(VECTOR, costs.divide(blocks.m, blocks.dv))
        if blocks.columns > 1:
            tasks.barrier()
            tasks.sum_output()
            tasks.barrier()
        tasks.store()


def _block(tasks: _Tasks, *, first: bool) -> None:
    """One block of keys."""
    costs, blocks, program = tasks.costs, tasks.blocks, tasks.to
    tasks.clear(blocks.n)
    if first:
        tasks.clear(blocks.dv)
        tasks.load_first()
    else:
        tasks.load_keys(k=True, v=True)
    if first and blocks.columns > 1:
        tasks.barrier()
        tasks.multicast_q()
        tasks.barrier()
    if blocks.rows > 1:
        tasks.barrier()
        width = blocks.d if blocks.shared else blocks.d + blocks.dv
        tasks.multicast(blocks.rows, tasks.key_bytes(width))
        tasks.barrier()
    program.run(MATRIX, tasks.scores)
    program.run(VECTOR, costs.row_maximum(blocks.m, blocks.n))
    tasks.all_reduce(Part.MAXIMUM)
    program.run(VECTOR, tasks.probabilities)
    tasks.all_reduce(Part.SUM)
    if not first:
        program.run(VECTOR, costs.statistics(blocks.m) + costs.divide(blocks.m, blocks.dv))
    program.run(MATRIX, tasks.values)


class _Steps:
    """Of one iteration of the asynchronous schedule, which blocks there are: blocks of one set."""

    def __init__(self, blocks: Blocks):
        self._inner = blocks.inner
        self.count = -(-blocks.outer // 2) * blocks.inner

    def valid(self, n: int) -> bool:
        return 0 <= n < self.count

    def first(self, n: int) -> bool:
        return self.valid(n) and n % self._inner == 0

    def last(self, n: int) -> bool:
        return self.valid(n) and n % self._inner == self._inner - 1

    def kind(self, n: int) -> tuple[tuple[bool, bool, bool], ...]:
        """Iterations of one kind do the same."""
        return tuple((self.valid(i), self.first(i), self.last(i)) for i in range(n - 2, n + 2))


def asynchronous(costs: PaperCosts, blocks: Blocks, program: GroupProgram) -> None:
    """Two sets of rows take turns: products of one, everything else of the other. FA3, flat-async."""
    tasks, steps = _Tasks(costs, blocks, program, software=False), _Steps(blocks)
    for _ in range(2):
        tasks.clear(blocks.dv)
    tasks.load_q()
    tasks.multicast_q()
    tasks.load_keys(k=True, v=False)
    tasks.multicast(blocks.rows, tasks.key_bytes(blocks.d))
    tasks.barrier()
    for _, alike in groupby(range(steps.count + 2), steps.kind):
        turns = list(alike)
        with program.loop(len(turns)):
            for ahead in (0, 1):
                _while_values(tasks, steps, turns[0], ahead)
                _while_scores(tasks, steps, turns[0], ahead)


def _while_values(tasks: _Tasks, steps: _Steps, n: int, ahead: int) -> None:
    """P V of one set; O of the other's last rows, its next Q, its maximum."""
    costs, blocks, program = tasks.costs, tasks.blocks, tasks.to
    output, query, scored = n - 2 + ahead, n + ahead, n - 1 + ahead
    if steps.valid(n - 1):
        program.start(MATRIX, tasks.values)
    if steps.last(output):
        tasks.sum_output()
    tasks.barrier()
    if steps.last(output):
        program.start(VECTOR, costs.divide(blocks.m, blocks.dv))
    if steps.first(query):
        tasks.load_q()
        tasks.multicast_q()
    if steps.last(output):
        program.join(VECTOR)
    if steps.valid(scored):
        program.start(VECTOR, costs.row_maximum(blocks.m, blocks.n))
    if steps.last(output):
        tasks.store()
        tasks.clear(blocks.dv)
    if steps.valid(scored):
        program.join(VECTOR)
        tasks.all_reduce(Part.MAXIMUM)
        if not steps.first(scored):
            program.run(VECTOR, costs.statistics(blocks.m))
    if steps.valid(n - 1):
        program.join(MATRIX)
    tasks.clear(blocks.n)


def _while_scores(tasks: _Tasks, steps: _Steps, n: int, ahead: int) -> None:
    """Q Kᵀ of one set; the other's next K, its V, its probabilities and its scaled O."""
    costs, blocks, program = tasks.costs, tasks.blocks, tasks.to
    key, scored = n + ahead, n - 1 + ahead
    if steps.valid(n):
        program.start(MATRIX, tasks.scores)
    if steps.valid(scored):
        program.start(VECTOR, tasks.probabilities)
    tasks.load_keys(k=steps.valid(key), v=steps.valid(scored))
    if steps.valid(key):
        tasks.multicast(blocks.rows, tasks.key_bytes(blocks.d))
    if steps.valid(scored):
        if not blocks.shared:
            tasks.multicast(blocks.rows, tasks.key_bytes(blocks.dv))
        program.join(VECTOR)
        tasks.all_reduce(Part.SUM)
        if not steps.first(scored):
            program.run(VECTOR, costs.statistics(blocks.m) + costs.divide(blocks.m, blocks.dv))
    if steps.valid(n):
        program.join(MATRIX)
