"""The papers' dataflows as task graphs: what each group of tiles does, barrier by barrier.

The order of loads, products, vector operations, collectives and barriers is that of the algorithm
of arXiv 2505.18824 and of the code published with it. FlashAttention is the same with groups of one
tile: synchronous (FA2), or with two heads that take turns (FA3, as flat-async).
"""

from itertools import groupby

from model.paper.costs import PaperCosts
from model.paper.graph import MATRIX, VECTOR, GroupProgram, Part
from model.paper.steps import Blocks, GroupSteps

__all__ = ["asynchronous", "synchronous"]


def synchronous(
    costs: PaperCosts, blocks: Blocks, program: GroupProgram, *, software: bool = False
) -> None:
    """Each step after the other, with barriers between: FA2, flat-seq (`software`) and flat."""
    tasks = GroupSteps(costs, blocks, program, software=software)
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


def _block(tasks: GroupSteps, *, first: bool) -> None:
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
    """Two sets of rows take turns, products of one, all else of the other: FA3, flat-async.

    Of an odd number of blocks the last one's partner takes its time too.
    """
    tasks, steps = GroupSteps(costs, blocks, program, software=False), _Steps(blocks)
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


def _while_values(tasks: GroupSteps, steps: _Steps, n: int, ahead: int) -> None:
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


def _while_scores(tasks: GroupSteps, steps: _Steps, n: int, ahead: int) -> None:
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
