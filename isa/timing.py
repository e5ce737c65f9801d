"""Cycle laws of the engines, each pinned to the RTL by a test of the unit that it describes.

A law counts from the cycle in which an engine takes a command, with an L1 that grants every request
at once. What an issue, a semaphore or a busy L1 adds is not part of it.
"""

from math import ceil, log2

from isa.instructions import Opcode
from isa.machine import Tile

__all__ = ["RECIPROCAL", "array_cycles", "chunks_of", "vector_cycles"]

RECIPROCAL = 29
"""Cycles of a reciprocal of a chunk."""
_DEPTH = {Opcode.FILL: 3, Opcode.COPY: 5, Opcode.MAXV: 6, Opcode.EXPD: 12, Opcode.EXP: 12}
"""Cycles from a chunk's step to the end of its write; `_ARITHMETIC` for the other operations."""
_ARITHMETIC = 8


def chunks_of(tile: Tile, m: int, n: int) -> int:
    """Chunks of vector_lanes columns in m rows of n elements; an empty row takes one as well."""
    return m * max(1, -(-n // tile.vector_lanes))


def vector_cycles(
    tile: Tile, opcode: Opcode, m: int, n: int, *, with_b: bool = False, with_s: bool = False
) -> int:
    """Cycles of a vector instruction from its command to ``done``.

    Rows that take longer to read than to compute, at a line of A or B a cycle, take as long as
    that, which this law leaves out.

    Parameters
    ----------
    m, n
        Rows and columns.
    with_b, with_s
        ROWMAX starts from b; EXP writes row sums.
    """
    chunks, lanes = chunks_of(tile, m, n), tile.vector_lanes
    statistics_lines = (m - 1) // (tile.line_bytes // 4)
    if opcode == Opcode.ROWMAX:
        tree = max(1, ceil(log2(lanes) / 3))
        return chunks + 6 + tree + with_b + statistics_lines
    if opcode == Opcode.EXP and with_s:
        return chunks + 14 + int(log2(lanes)) + statistics_lines
    if opcode == Opcode.RECIP:
        return RECIPROCAL * chunks + 4
    return chunks + _DEPTH.get(opcode, _ARITHMETIC)


def array_cycles(tile: Tile, m: int, n: int, k: int) -> int:
    """Cycles that a MATMUL of m x n x k keeps the PE array busy.

    For each k the array goes through the column groups in use, at least mac_latency of them.
    """
    whole, rest = divmod(n, tile.line_elements)
    last = max(-(-rest // tile.matrix_columns), tile.mac_latency) if rest else 0
    return -(-m // tile.matrix_rows) * (whole * tile.column_groups + last) * k
