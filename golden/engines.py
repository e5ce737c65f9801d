"""The matrix and the vector engine: one instruction on one tile's L1."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from golden import arithmetic, vector
from golden.storage import encode
from golden.tile import GoldenL1
from isa.instructions import Format, Opcode
from isa.machine import Tile

__all__ = ["run_matrix", "run_vector"]

Floats = NDArray[np.float32]
Operands = dict[str, int]


def run_matrix(l1: GoldenL1, f: Operands) -> int:
    """MATMUL with the addresses in `f` already effective; gives the multiply-accumulates done."""
    m, n, k, fmt_b = f["m"], f["n"], f["k"], Format(f["fmt_b"])
    a = l1.read(f["a"], f["lda"], m, k, Format(f["fmt_a"]))
    b = (
        l1.read(f["b"], f["ldb"], n, k, fmt_b).T
        if f["trans_b"]
        else l1.read(f["b"], f["ldb"], k, n, fmt_b)
    )
    c = l1.read(f["c"], f["ldc"], m, n, Format.FP32) if f["accumulate"] else None
    l1.write(f["c"], f["ldc"], arithmetic.matmul(a, b, c).view(np.uint32))
    return m * n * k


def run_vector(l1: GoldenL1, opcode: Opcode, f: Operands, tile: Tile) -> None:
    """A vector instruction with the addresses in `f` already effective: all reads, then all
    writes.
    """
    m, n = f["m"], f["n"]
    if opcode in _ELEMENTWISE:
        _write(l1, f, _ELEMENTWISE[opcode](l1, f))
        return
    masked = vector.masked_columns(m, n, f["mask"], f["mask_rows"]) if f["masked"] else None
    a = l1.read(f["a"], f["lda"], m, n, Format(f["fmt_a"]))
    if opcode == Opcode.ROWMAX:
        start = l1.read_packed(f["b"], m) if f["with_b"] else None
        l1.write_packed(f["s"], vector.row_max(a, start, masked))
        return
    b = l1.read_packed(f["b"], m)
    fmt = Format(f["fmt_d"])
    bits, sums = vector.exp_rows(
        a, b, _immediate(f), fmt=fmt, masked=masked, lanes=tile.vector_lanes
    )
    l1.write(f["d"], f["ldd"], bits)
    if f["with_s"]:
        l1.write_packed(f["s"], sums)


def _immediate(f: Operands) -> Floats:
    return np.array([f["imm"]], np.uint32).view(np.float32)


def _a(l1: GoldenL1, f: Operands) -> Floats:
    return l1.read(f["a"], f["lda"], f["m"], f["n"], Format(f["fmt_a"]))


def _b(l1: GoldenL1, f: Operands) -> Floats:
    return l1.read(f["b"], f["lda"], f["m"], f["n"], Format.FP32)


def _write(l1: GoldenL1, f: Operands, values: Floats) -> None:
    l1.write(f["d"], f["ldd"], encode(values, Format(f["fmt_d"])))


_ELEMENTWISE: dict[Opcode, Callable[[GoldenL1, Operands], Floats]] = {
    Opcode.FILL: lambda l1, f: np.broadcast_to(_immediate(f), (f["m"], f["n"])),
    Opcode.COPY: _a,
    Opcode.ADDV: lambda l1, f: arithmetic.add(_a(l1, f), _b(l1, f)),
    Opcode.MAXV: lambda l1, f: arithmetic.maximum(_a(l1, f), _b(l1, f)),
    Opcode.MULV: lambda l1, f: arithmetic.multiply(_a(l1, f), _b(l1, f)),
    Opcode.SCALE: lambda l1, f: arithmetic.multiply(
        _a(l1, f), l1.read_packed(f["b"], f["m"])[:, None]
    ),
    Opcode.EXPD: lambda l1, f: arithmetic.exponential(_a(l1, f), _b(l1, f), _immediate(f)),
    Opcode.RECIP: lambda l1, f: arithmetic.reciprocal(_a(l1, f)),
}
