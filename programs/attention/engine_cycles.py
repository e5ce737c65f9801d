"""Cycles of an instruction of attention while other engines use the same L1."""

from isa.machine import Tile
from isa.timing import lines_of_row, matmul_lines
from programs.attention.mapping import AttentionMapping
from programs.attention.workload import Attention
from programs.common.costs import matmul_cycles, vector_cycles
from programs.common.l1 import row_words

__all__ = ["EngineCycles"]

_ALONE = 0.5
"""Accesses to L1 of an arriving word: one in four where a line comes in one piece, one where words
of two lines take turns.
"""


class EngineCycles:
    """The engines' laws, with shares of L1's cycles that arriving words take from the matrix
    engine, and both from the vector engine.
    """

    def __init__(self, tile: Tile, workload: Attention, mapping: AttentionMapping):
        self._tile, self._workload = tile, workload
        m, n = mapping.rows, mapping.columns
        k_words = row_words(tile, workload.d, workload.fmt)
        v_words = 0 if workload.latent else row_words(tile, workload.dv, workload.fmt)
        arriving = _ALONE * n * (k_words + v_words) / (mapping.streams if mapping.paired else 1)
        if mapping.forwards & {"k", "v"}:
            # A loader reads what it passes on, and receives it once more.
            arriving += (_ALONE + 1 / tile.l1_banks) * n * max(k_words, v_words)
        lines = self._scores_lines(m, n) + self._values_lines(m, n)
        vector = [(n, 4, 0), (n, 4, 2), (workload.dv, 4, 4)]
        array = matmul_cycles(tile, m, n, workload.d) + matmul_cycles(tile, m, workload.dv, n)
        lanes = sum(vector_cycles(tile, m, width) for width, _, _ in vector)
        moved = sum(self._moved(m, *row) for row in vector)
        period = max(array, lanes, arriving + lines + moved)
        self._arriving = arriving / period
        # One stream's softmax has L1 to itself but for what arrives: the matrix engine waits for
        # it.
        self._before_vector = (arriving + lines * (mapping.streams > 1)) / period

    def scores(self, m: int, n: int) -> float:
        """Cycles of Q K^T of `m` rows and `n` keys."""
        lines = self._scores_lines(m, n)
        return max(matmul_cycles(self._tile, m, n, self._workload.d), lines / (1 - self._arriving))

    def values(self, m: int, n: int) -> float:
        """Cycles of P V of `m` rows and `n` keys."""
        lines = self._values_lines(m, n)
        return max(matmul_cycles(self._tile, m, self._workload.dv, n), lines / (1 - self._arriving))

    def vector(self, m: int, n: int, reads: int, writes: int) -> float:
        """Cycles of a vector instruction that reads and writes elements of so many bytes."""
        lines = self._moved(m, n, reads, writes)
        return max(vector_cycles(self._tile, m, n), lines / (1 - self._before_vector))

    def _scores_lines(self, m: int, n: int) -> int:
        return matmul_lines(self._tile, m, n, self._workload.d, trans_b=True, accumulate=False)

    def _values_lines(self, m: int, n: int) -> int:
        return matmul_lines(self._tile, m, self._workload.dv, n, trans_b=False, accumulate=True)

    def _moved(self, m: int, n: int, reads: int, writes: int) -> int:
        """Lines of a vector instruction."""
        return m * (lines_of_row(self._tile, n, reads) + lines_of_row(self._tile, n, writes))
