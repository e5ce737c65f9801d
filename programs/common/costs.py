"""Cycles of instructions as the tiling rule estimates them: by `isa.timing`, and a start."""

from typing import Any

from isa.machine import Tile
from isa.timing import RECIPROCAL, array_cycles

__all__ = [
    "REDUCE_START",
    "all_reduce_cycles",
    "matmul_cycles",
    "put_cycles",
    "recip_cycles",
    "vector_cycles",
]

REDUCE_START = 40
"""Cycles of a reduction in the network beyond its words and its hops."""
_REDUCE_HOP = 5
"""Cycles per tile of a row for an all-reduce: one hop and a pipelined adder towards the root, one
hop back.
"""
_PUT_START = 24
"""Cycles from the word that a PUT waits for to its own first word at the receiver."""
_MATRIX_START = 8
_VECTOR_START = 16
"""Cycles of an instruction beyond its steps, issue included; rough, the laws are in `isa.timing`.
"""


def matmul_cycles(tile: Tile, m: int, n: int, k: int) -> int:
    """Cycles of a MATMUL: those of the array, and its start."""
    return array_cycles(tile, m, n, k) + _MATRIX_START


def vector_cycles(tile: Tile, m: int, n: int) -> int:
    """Cycles of a vector instruction on m rows of n elements: a chunk of its lanes each."""
    return m * -(-n // tile.vector_lanes) + _VECTOR_START


def recip_cycles(tile: Tile, n: int) -> int:
    """Cycles of a RECIP of n elements."""
    return RECIPROCAL * -(-n // tile.vector_lanes) + _VECTOR_START


def all_reduce_cycles(tiles: tuple[int, int]) -> int:
    """Cycles of an all-reduce over so many columns and rows of tiles, beyond sending its words."""
    return REDUCE_START + _REDUCE_HOP * sum(tiles)


def put_cycles(words: Any) -> Any:
    """Cycles from the last word that a PUT waits for to its own last one at the receivers."""
    return _PUT_START + words
