"""The laws of our hardware, as the core takes them."""

import numpy as np

from isa.formats import FORMATS
from isa.instructions import Format, Opcode
from isa.machine import Machine, Tile
from isa.timing import HOP, MOVE_START, READ_LEAST, vector_cycles
from model.engine.tables import Laws

__all__ = ["laws_of", "work_columns"]


def laws_of(machine: Machine) -> Laws:
    """What `model.engine` needs to know of a machine."""
    tile, hbm = machine.tile, machine.hbm
    return Laws(
        fetch=3.0,
        scalar=3.0,
        wait=1.0,
        signal=2.0,
        remote=1.0,
        outstanding=4,
        hop=float(HOP),
        eject=3.0,
        turn=1.0,
        request=1.0,
        move=float(MOVE_START),
        join=machine.mesh.fifo_depth,
        train=tile.l1_banks,
        word_cycles=tile.word_bytes / hbm.bytes_per_cycle,
        ahead=(tile.word_bytes - 1) / hbm.bytes_per_cycle,
        latency=float(max(hbm.latency, READ_LEAST)),
        write=4.0,
        send=3.0,
        output=4,
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


def _lines(tile: Tile, rows: int, elements: int, size: int) -> float:
    """Lines of L1 that rows of elements of `size` bytes take, a word for its part of one."""
    return rows * -(-elements * size // tile.word_bytes) / tile.l1_banks


def work_columns(tile: Tile, opcode: Opcode, fields: dict[str, int]) -> tuple[int, int, int]:
    """CYCLES, LINES and ACTIVE of a vector instruction."""
    m, n = fields["m"], fields["n"]
    with_b, with_s = bool(fields["with_b"]), bool(fields["with_s"])
    cycles = vector_cycles(tile, opcode, m, n, with_b=with_b, with_s=with_s)
    chunks = m * max(1, -(-n // tile.vector_lanes))
    size_a, size_d = (FORMATS[Format(fields[name])].bytes for name in ("fmt_a", "fmt_d"))
    reads = 0.0 if opcode == Opcode.FILL else _lines(tile, m, n, size_a)
    if opcode in (Opcode.ADDV, Opcode.MAXV, Opcode.MULV, Opcode.EXPD):
        reads += _lines(tile, m, n, 4)
        cycles += max(0, m * 2 * -(-n * 4 // tile.line_bytes) - chunks)
    elif opcode in (Opcode.SCALE, Opcode.EXP) or with_b:
        reads += _lines(tile, 1, m, 4)
    writes = 0.0 if opcode == Opcode.ROWMAX else _lines(tile, m, n, size_d)
    if opcode == Opcode.ROWMAX or with_s:
        writes += _lines(tile, 1, m, 4)
    return cycles, int(np.ceil(reads + writes)), chunks
