"""Which words an instruction reads and writes."""

from collections.abc import Mapping
from typing import NamedTuple

from golden.storage import dtype_of
from isa.instructions import Format, Kind, Opcode, kind_of
from isa.machine import Tile

__all__ = ["L1Block", "Touched", "overtaken", "touched"]


class L1Block(NamedTuple):
    """`rows` rows of `words` words, `pitch` words apart."""

    address: int
    pitch: int
    rows: int
    words: int

    def covers(self) -> set[int]:
        """Every word."""
        return {
            self.address + row * self.pitch + word
            for row in range(self.rows)
            for word in range(self.words)
        }

    @property
    def end(self) -> int:
        """The word after the highest one."""
        return self.address + (self.rows - 1) * self.pitch + self.words


class Touched(NamedTuple):
    """Words of a tile's own L1 that one of its engines accesses for an instruction."""

    reads: tuple[L1Block, ...]
    writes: tuple[L1Block, ...]


_NOTHING = Touched((), ())
_TWO_MATRICES = (Opcode.ADDV, Opcode.MAXV, Opcode.MULV, Opcode.EXPD)
_BYTES = {fmt: dtype_of(fmt).itemsize for fmt in Format}


def touched(opcode: Opcode, f: Mapping[str, int], tile: Tile) -> Touched:
    """What an instruction with these effective operands reads and writes; for a LOAD, nothing."""
    kind = kind_of(opcode)
    if kind == Kind.MATRIX:
        return _matrix(f, tile)
    if kind == Kind.VECTOR:
        return _vector(opcode, f, tile)
    if opcode in (Opcode.STORE, Opcode.PUT, Opcode.REDUCE):
        return Touched((L1Block(f["local"], f["local_pitch"], f["rows"], f["words"]),), ())
    return _NOTHING


def _matrix(f: Mapping[str, int], tile: Tile) -> Touched:
    m, n, k = f["m"], f["n"], f["k"]
    rows, columns = (n, k) if f["trans_b"] else (k, n)
    c = L1Block(f["c"], f["ldc"], m, _words(n, Format.FP32, tile))
    a = L1Block(f["a"], f["lda"], m, _words(k, f["fmt_a"], tile))
    b = L1Block(f["b"], f["ldb"], rows, _words(columns, f["fmt_b"], tile))
    return Touched((a, b, c) if f["accumulate"] else (a, b), (c,))


def _vector(opcode: Opcode, f: Mapping[str, int], tile: Tile) -> Touched:
    m, n = f["m"], f["n"]
    a = L1Block(f["a"], f["lda"], m, _words(n, f["fmt_a"], tile))
    d = L1Block(f["d"], f["ldd"], m, _words(n, f["fmt_d"], tile))
    packed = _words(m, Format.FP32, tile)
    each, sums = L1Block(f["b"], 0, 1, packed), L1Block(f["s"], 0, 1, packed)
    reads: tuple[L1Block, ...]
    writes: tuple[L1Block, ...]
    if opcode == Opcode.FILL:
        reads, writes = (), (d,)
    elif opcode in _TWO_MATRICES:
        reads, writes = (a, L1Block(f["b"], f["lda"], m, _words(n, Format.FP32, tile))), (d,)
    elif opcode == Opcode.SCALE:
        reads, writes = (a, each), (d,)
    elif opcode == Opcode.ROWMAX:
        reads, writes = (a, each) if f["with_b"] else (a,), (sums,)
    elif opcode == Opcode.EXP:
        reads, writes = (a, each), (d, sums) if f["with_s"] else (d,)
    else:
        reads, writes = (a,), (d,)
    return Touched(tuple(filter(_any, reads)), tuple(filter(_any, writes)))


def overtaken(opcode: Opcode, f: Mapping[str, int], tile: Tile) -> set[int]:
    """Words that an instruction may write before it has read them itself.

    The matrix engine writes a block of results while it reads operands of the next ones. The vector
    engine reads ahead of its results, which may only take the place of what they are made from: D
    that of A or B, if the elements are not wider and the rows as far apart, and s that of b.
    """
    reads, writes = touched(opcode, f, tile)
    found: set[int] = set()
    for write in writes:
        for number, read in enumerate(reads):
            if (
                write.address < read.end
                and read.address < write.end
                and not _in_place(opcode, f, tile, number, read, write)
            ):
                found |= write.covers() & read.covers()
    return found


def _in_place(
    opcode: Opcode, f: Mapping[str, int], tile: Tile, number: int, read: L1Block, write: L1Block
) -> bool:
    if kind_of(opcode) == Kind.MATRIX:
        # C is read for a block before that block is written; one block's operands before its
        # results.
        return number == 2 or (f["m"] <= tile.matrix_rows and f["n"] <= tile.line_elements)
    if read.address != write.address:
        return False
    if read.rows == write.rows == 1:
        return write.words <= read.words
    return write.pitch == read.pitch and write.words <= read.words


def _words(columns: int, fmt: int, tile: Tile) -> int:
    return -(-columns * _BYTES[Format(fmt)] // tile.word_bytes)


def _any(block: L1Block) -> bool:
    return bool(block.words)
