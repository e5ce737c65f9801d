"""Kernels of a die: what one computes, and the protocol that says how long it takes."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from isa.instructions import Format, Opcode
from isa.machine import Machine
from isa.timing import read_cycles, vector_cycles
from programs.attention.workload import Attention
from programs.gemm.workload import Gemm

__all__ = ["DATAFLOW", "Cycles", "Kernel", "KernelCycles", "Pointwise", "kernel_macs"]
__all__ += ["pointwise_cycles"]


class Cycles(NamedTuple):
    """Cycles with the ends of their interval; sums and products take the ends along, as if all
    errors went the same way.
    """

    cycles: float
    low: float
    high: float

    def plus(self, other: "Cycles") -> "Cycles":
        """One after the other."""
        return Cycles(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, factor: float) -> "Cycles":
        """`factor` times, at least 0."""
        return Cycles(*(factor * value for value in self))


@dataclass(frozen=True)
class Pointwise:
    """Rows that each tile takes whole, one vector instruction after the other over each of them."""

    rows: int
    steps: tuple[tuple[Opcode, int], ...]
    """Vector instructions, with the columns of a row that each takes."""
    row_bytes: int
    """Bytes of a row that come from HBM or go there."""


@dataclass(frozen=True)
class Kernel:
    """One kernel that the whole die runs, `count` times."""

    name: str
    part: str
    """Of a layer, for breakdowns: attention, projection, experts, dense, pointwise, head."""
    work: Gemm | Attention | Pointwise
    dataflow: str | None = None
    """Of attention: a key of `DATAFLOW`."""
    count: int = 1


class KernelCycles(Protocol):
    """Cycles of a kernel, once, on one die."""

    def __call__(self, kernel: Kernel) -> Cycles:
        """Cycles with their interval."""


def pointwise_cycles(machine: Machine, work: Pointwise) -> int:
    """Cycles of an element-wise kernel, by the laws of vector engine and HBM in `isa.timing`.

    The tile with most rows computes them one instruction after the other, while all tiles' data
    come from and go to HBM at its full bandwidth: whichever is longer, and the latency of the first
    word.
    """
    rows = -(-work.rows // machine.mesh.tiles)
    computing = sum(vector_cycles(machine.tile, op, rows, n) for op, n in work.steps)
    moving = -(-work.rows * work.row_bytes // machine.hbm_bytes_per_cycle)
    return max(computing, moving) + read_cycles(machine.tile, machine.hbm, 1)


def kernel_macs(kernel: Kernel) -> int:
    """Useful multiply-accumulates, `count` included."""
    return 0 if isinstance(kernel.work, Pointwise) else kernel.work.useful_macs * kernel.count


def norm(rows: int, columns: int, fmt_bytes: int) -> Pointwise:
    """RMS norm of BF16 rows: squares, their sum, its inverse root by Newton's method from a
    reciprocal, scale, gain.
    """
    root = ((Opcode.RECIP, 1), *((Opcode.MULV, 1),) * 6)
    full = (Opcode.MULV, Opcode.ADDV, Opcode.SCALE, Opcode.MULV)
    return Pointwise(rows, (*((op, columns) for op in full), *root), columns * (2 + fmt_bytes))


def rope(rows: int, columns: int, fmt_bytes: int) -> Pointwise:
    """Rotation of pairs of columns: swapped, times sine, times cosine, added."""
    steps = (Opcode.COPY, Opcode.MULV, Opcode.MULV, Opcode.ADDV)
    return Pointwise(rows, tuple((op, columns) for op in steps), columns * 2 * fmt_bytes)


def gated(rows: int, columns: int, fmt_bytes: int) -> Pointwise:
    """SiLU of the gate times the other half: exponential, plus one, reciprocal, two products."""
    steps = (Opcode.EXP, Opcode.ADDV, Opcode.RECIP, Opcode.MULV, Opcode.MULV)
    return Pointwise(rows, tuple((op, columns) for op in steps), columns * (4 + fmt_bytes))


def residual(rows: int, columns: int) -> Pointwise:
    """Sum of two BF16 rows."""
    return Pointwise(rows, ((Opcode.ADDV, columns),), columns * 6)


def choice(rows: int, experts: int, chosen: int) -> Pointwise:
    """Sigmoid of the gate, and the largest, one after the other, each masked when it is found."""
    sigmoid = (Opcode.EXP, Opcode.ADDV, Opcode.RECIP)
    search = (Opcode.ROWMAX, Opcode.ADDV) * chosen
    return Pointwise(
        rows, tuple((op, experts) for op in sigmoid + search), 2 * experts + 4 * chosen
    )


def weighted_sum(rows: int, columns: int, terms: int, fmt_bytes: int) -> Pointwise:
    """Sum of what `terms` experts gave, with weights, in BF16."""
    steps = ((Opcode.SCALE, columns), (Opcode.ADDV, columns)) * terms
    return Pointwise(rows, steps, columns * (terms * fmt_bytes + 2))


DATAFLOW = {"flat": "flat-async", "flash": "flash3"}
"""Attention with collectives in the network, and with each tile alone, both asynchronous."""

ELEMENT_FORMATS = {"fp8": Format.E4M3, "bf16": Format.BF16}
"""Names of what weights, caches and inputs of matrix products are stored in."""
