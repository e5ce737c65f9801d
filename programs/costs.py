"""Cycles of the engines' instructions, from the laws of their data paths: what estimates are made of."""

from isa.machine import Tile

__all__ = ["matmul_cycles", "vector_cycles"]

_MATRIX_START = 8
_VECTOR_START = 16


def matmul_cycles(tile: Tile, m: int, n: int, k: int) -> int:
    """Cycles of a MATMUL: the array goes through the column groups in use, at least mac_latency of them, for each k."""
    whole, rest = divmod(n, tile.line_elements)
    groups = whole * tile.column_groups + (rest > 0) * max(-(-rest // tile.matrix_columns), tile.mac_latency)
    return -(-m // tile.matrix_rows) * groups * k + _MATRIX_START


def vector_cycles(tile: Tile, m: int, n: int) -> int:
    """Cycles of a vector instruction on m rows of n elements: a chunk of its lanes each."""
    return m * -(-n // tile.vector_lanes) + _VECTOR_START
