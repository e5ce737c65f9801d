"""Lines of program texts for a tile of any size."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from isa.formats import FORMATS
from isa.instructions import Format
from isa.machine import Tile

__all__ = ["ProductShape", "everywhere", "matmul", "move", "program", "vector", "words_of"]


class ProductShape(NamedTuple):
    """A product of m x n x k."""

    m: int
    n: int
    k: int


def words_of(tile: Tile, elements: int, fmt: str) -> int:
    """Words of a row of elements."""
    return max(1, -(-elements * FORMATS[Format[fmt.upper()]].bytes // tile.word_bytes))


def matmul(tile: Tile, shape: ProductShape, fmt: str = "fp16", *flags: str) -> str:
    """A product whose operands lie one behind the other from the first word of L1 on; empty if they
    do not fit.
    """
    m, n, k = shape
    rows, columns = (n, k) if "trans_b" in flags else (k, n)
    lda, ldb, ldc = words_of(tile, k, fmt), words_of(tile, columns, fmt), words_of(tile, n, "fp32")
    b, c = m * lda, m * lda + rows * ldb
    if c + m * ldc > tile.l1_words:
        return ""
    return (
        f"matmul a=0 lda={lda} b={b} ldb={ldb} c={c} ldc={ldc} m={m} n={n} k={k} fmt_a={fmt} "
        f"fmt_b={fmt} {' '.join(flags)}"
    )


def vector(tile: Tile, opcode: str, m: int, n: int, fmt: str = "fp32", *flags: str) -> str:
    """A vector instruction that reads and writes one format; empty if its operands do not fit."""
    pitch = words_of(tile, n, "fp32")
    each = m * pitch
    if 4 * each + m > tile.l1_words:
        return ""
    operands = f"d={each} ldd={pitch} m={m} n={n}"
    if opcode != "fill":
        operands += f" a=0 lda={pitch} fmt_a={fmt}"
    if opcode in ("addv", "maxv", "mulv", "expd", "scale", "exp") or "with_b" in flags:
        operands += f" b={2 * each}"
    if opcode == "rowmax" or "with_s" in flags:
        operands += f" s={3 * each}"
    if opcode == "rowmax":
        operands = operands.replace(f"d={each} ldd={pitch} ", "")
    else:
        operands += f" fmt_d={fmt}"
    return f"{opcode} {operands} {' '.join(flags)}"


def move(opcode: str, rows: int, words: int, *rest: str) -> str:
    """A move of rows that follow each other, from word 0 to one behind all that is moved."""
    at = rows * words
    local, remote = (at, 0) if opcode == "load" else (0, 0 if opcode == "store" else at)
    return (
        f"{opcode} local={local} local_pitch={words} remote={remote} remote_pitch={words} "
        f"rows={rows} words={words} {' '.join(rest)}"
    )


def program(tiles: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """The text of programs: tiles to queues to lines."""
    lines = []
    for where, queues in tiles.items():
        lines.append(f".tile {where}")
        for queue, code in queues.items():
            lines += [f".queue {queue}", *code, "halt"]
    return "\n".join(lines) + "\n"


def everywhere(queue: str, *code: str, tiles: str = "0,0") -> str:
    """A program of one queue."""
    return program({tiles: {queue: code}})
