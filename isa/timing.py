"""Cycle laws of the engines, the networks and the HBM channels, each pinned to the RTL by a test of
the unit that it describes.

A law counts from the cycle in which a unit takes a command or a flit, with an L1 that grants every
request at once and networks that take every flit at once. What an issue, a semaphore, a busy L1 or
other traffic adds is not part of it.
"""

from math import ceil, log2

from isa.elementwise import larger
from isa.instructions import Format, Opcode, ReduceOp
from isa.machine import Hbm, Tile

__all__ = [
    "HOP",
    "MOVE_START",
    "READ_LEAST",
    "RECIPROCAL",
    "array_cycles",
    "chunks_of",
    "combine_cycles",
    "flits_of",
    "lines_of_row",
    "matmul_lines",
    "move_cycles",
    "move_lines",
    "read_cycles",
    "reduce_hop_cycles",
    "vector_cycles",
]

RECIPROCAL = 29
"""Cycles of a reciprocal of a chunk."""
MOVE_START = 2
"""Cycles from a STORE, PUT or REDUCE to its first flit: one for the L1 to answer, one for the line
to come into the queue of words.
"""
HOP = 1
"""Cycles of a hop on the data and the request network: a flit is in a router's input FIFO at the
beginning of a cycle and in the next one's at its end.
"""
READ_LEAST = 7
"""Cycles that a read takes at least in a channel: six in queues, one in the memory."""
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

    For each k the array goes through the column groups in use, at least mac_latency of them. Sizes
    may be arrays.
    """
    whole, rest = divmod(n, tile.line_elements)
    last = (rest > 0) * larger(-(-rest // tile.matrix_columns), tile.mac_latency)
    return -(-m // tile.matrix_rows) * (whole * tile.column_groups + last) * k


def lines_of_row(tile: Tile, n: int, size: int) -> int:
    """Lines of L1 that a row of n elements of `size` bytes takes."""
    return -(-n * size // tile.line_bytes)


def matmul_lines(tile: Tile, m: int, n: int, k: int, *, trans_b: bool, accumulate: bool) -> int:
    """L1 accesses of a MATMUL of 16-bit operands: A and B for every block of C, a chunk of k at a
    time, and C, in FP32, once to write it and once more to add to it.
    """
    width, found = tile.line_elements, 0
    chunks = -(-k // width)
    whole, rest = divmod(n, width)
    for blocks, columns in ((whole, width), (int(rest > 0), rest)):
        b = chunks * columns if trans_b else k
        c = (1 + accumulate) * lines_of_row(tile, columns, 4)
        found += blocks * (-(-m // tile.matrix_rows) * b + m * (chunks + c))
    return found


def flits_of(opcode: Opcode, rows: int, words: int) -> int:
    """Flits that a move of `rows` rows of `words` words injects: a LOAD its request, the others one
    a word. What HBM answers to a LOAD is one flit a word as well.
    """
    return 1 if opcode == Opcode.LOAD else rows * words


def move_cycles(opcode: Opcode, rows: int, words: int) -> int:
    """Cycles from a LOAD, STORE, PUT or REDUCE to the next one that its engine can take.

    A LOAD is taken, and offers its request in the cycle after. The others take `MOVE_START` cycles
    to their first flit, then send one a cycle; the engine is free in the cycle after the last. None
    waits for an answer.
    """
    start = 1 if opcode == Opcode.LOAD else MOVE_START
    return start + flits_of(opcode, rows, words)


def move_lines(tile: Tile, opcode: Opcode, rows: int, words: int) -> int:
    """L1 reads of a move: up to a line of words each, from any word on, and none across rows. A
    LOAD reads nothing.
    """
    return 0 if opcode == Opcode.LOAD else rows * -(-words // tile.l1_banks)


def read_cycles(tile: Tile, hbm: Hbm, words: int) -> int:
    """Cycles from a read request's arrival at a channel to the last of its `words` data flits.

    The channel has done nothing for a while: its latency, then a word whenever `bytes_per_cycle`
    have paid for it, of which the first two are paid for in advance.
    """
    paid = (words - 2) * tile.word_bytes // hbm.bytes_per_cycle + 1 if words > 1 else 0
    return max(hbm.latency, READ_LEAST) + paid


def combine_cycles(op: ReduceOp, fmt: Format, count: int, stages: int) -> int:
    """Cycles from `count` words that meet in a router to their result, with adders of `stages`
    cycles.

    A maximum takes none. A sum takes `stages` - 1 for two words and another `stages` for each more;
    one that is not in FP32 takes one more for rounding.
    """
    if op == ReduceOp.MAX or count == 1:
        return 0
    return (count - 1) * stages - 1 + (fmt != Format.FP32)


def reduce_hop_cycles(op: ReduceOp, fmt: Format, count: int, stages: int) -> int:
    """Cycles of a hop on the reduction network, through a router that joins `count` inputs, from
    the last of their flits on: a hop, and `combine_cycles`.
    """
    return HOP + combine_cycles(op, fmt, count, stages)
