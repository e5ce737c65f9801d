"""The laws of our hardware, as the core takes them."""

from math import ceil
from typing import NamedTuple

from isa.formats import FORMATS
from isa.instructions import Format, Opcode, ReduceOp
from isa.machine import Machine, Tile
from isa.timing import MOVE_START, READ_LEAST, chunks_of, combine_cycles, vector_cycles
from model.engine.laws import Laws

__all__ = ["TWO_MATRICES", "laws_of", "work_columns"]

READ_QUEUE, WRITE_QUEUE, OUTPUT_QUEUE = 16, 4, 4
"""Requests that a channel's controller holds, and words on their way out of it."""
PATIENCE = 16
"""Cycles without a word after which an ejector writes those that it has."""
START = 4
"""Two cycles from the start of a run to the first fetches, two from an activity to the cycle that
counts it.
"""
TWO_MATRICES = (Opcode.ADDV, Opcode.MAXV, Opcode.MULV, Opcode.EXPD)
"""Vector instructions that read a matrix B, in FP32."""


def laws_of(machine: Machine) -> Laws:
    """What `model.engine` needs to know of a machine."""
    tile, hbm = machine.tile, machine.hbm
    return Laws(
        start=float(START),
        port=1.0,
        fetch=3.0,
        scalar=3.0,
        wait=1.0,
        signal=2.0,
        remote=1.0,
        outstanding=4,
        eject=3.0,
        ejected=1.0,
        flush=1,
        patience=PATIENCE,
        request=1.0,
        move=float(MOVE_START),
        results_waiting=1 + combine_cycles(ReduceOp.SUM, Format.FP16, 5, machine.mesh.adder_stages),
        word_cycles=tile.word_bytes / hbm.bytes_per_cycle,
        ahead=(tile.word_bytes - 1) / hbm.bytes_per_cycle,
        latency=float(max(hbm.latency, READ_LEAST)),
        write=4.0,
        send=3.0,
        output=OUTPUT_QUEUE,
        reads=READ_QUEUE,
        writes=WRITE_QUEUE,
        rows=tile.matrix_rows,
        width=tile.line_elements,
        columns=tile.matrix_columns,
        pipeline=tile.mac_latency,
        first=2.0,
        pieces=tile.column_groups // 2,
        results=4.0 + tile.mac_latency,
        filling=1.0,
        buffer=4.0,
        banks=tile.l1_banks,
    )


class _Stream(NamedTuple):
    """Accesses to L1 by one operand or result, and the words of an average one."""

    accesses: float
    words: float

    @classmethod
    def of(cls, tile: Tile, rows: int, elements: int, size: int) -> "_Stream":
        """Rows of elements of `size` bytes, a line of words at a time."""
        words = -(-elements * size // tile.word_bytes)
        lines = -(-words // tile.l1_banks)
        return cls(rows * lines, words / max(1, lines))

    def __add__(self, other: "_Stream") -> "_Stream":  # type: ignore[override]
        """Both through one port."""
        accesses = self.accesses + other.accesses
        words = self.accesses * self.words + other.accesses * other.words
        return _Stream(accesses, words / max(1, accesses))


def _cycles_of_l1(tile: Tile, reads: _Stream, writes: _Stream) -> float:
    """Cycles in which an L1 that nobody else uses serves both: a read and a write share one unless
    they need a bank both, for which words at any place have the chance (a + b - 1) / banks.
    """
    conflict = min(1.0, max(0.0, reads.words + writes.words - 1) / tile.l1_banks)
    both = min(reads.accesses, writes.accesses)
    return reads.accesses + writes.accesses - both * (1 - conflict)


def work_columns(tile: Tile, opcode: Opcode, fields: dict[str, int]) -> tuple[int, ...]:
    """CYCLES, LINES, ACTIVE, SPAN and WIDE of a vector instruction."""
    m, n = fields["m"], fields["n"]
    with_b, with_s = bool(fields["with_b"]), bool(fields["with_s"])
    cycles = vector_cycles(tile, opcode, m, n, with_b=with_b, with_s=with_s)
    chunks = chunks_of(tile, m, n)
    size_a, size_d = (FORMATS[Format(fields[name])].bytes for name in ("fmt_a", "fmt_d"))
    none, packed = _Stream(0, 0), _Stream.of(tile, 1, m, 4)
    reads = none if opcode == Opcode.FILL else _Stream.of(tile, m, n, size_a)
    if opcode in TWO_MATRICES:
        reads += _Stream.of(tile, m, n, 4)
        # The first chunk has had its two lines; those of the last line come behind its two.
        last = chunks_of(tile, 1, (n - 1) % (tile.line_bytes // 4) + 1)
        cycles += max(0, int(reads.accesses) - 2 + last - chunks)
    elif opcode in (Opcode.SCALE, Opcode.EXP) or with_b:
        reads += packed
    writes = none if opcode == Opcode.ROWMAX else _Stream.of(tile, m, n, size_d)
    if opcode == Opcode.ROWMAX or with_s:
        writes += packed
    latency = vector_cycles(tile, opcode, 1, 1, with_b=with_b, with_s=with_s)
    span = max(1, cycles - latency + 1)
    # What is on its way through the lanes when the last line is read is written afterwards.
    all_lines = _cycles_of_l1(tile, reads, writes)
    late = ceil(latency * writes.accesses / max(span, all_lines))
    during = _Stream(max(0.0, writes.accesses - late), writes.words)
    lines = ceil(_cycles_of_l1(tile, reads, during))
    return cycles, lines, chunks, span, ceil(100 * (reads + writes).words / tile.l1_banks)
