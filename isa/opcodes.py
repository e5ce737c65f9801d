"""Names of the instruction set: queues, formats, kinds of instruction, opcodes."""

from enum import IntEnum

__all__ = ["OPCODES_OF", "EdgePort", "Format", "Kind", "Opcode", "Queue", "ReduceOp", "SignalKind"]


class Queue(IntEnum):
    """The four in-order instruction queues of a tile."""

    MATRIX = 0
    VECTOR = 1
    LOAD = 2
    OUT = 3


class Format(IntEnum):
    """Number formats in L1 and HBM. Accumulators and statistics are FP32."""

    FP32 = 0
    FP16 = 1
    BF16 = 2
    E4M3 = 3
    E5M2 = 4


class ReduceOp(IntEnum):
    """Combining operation of a network reduction."""

    SUM = 0
    MAX = 1


class SignalKind(IntEnum):
    """Where an instruction's second signal goes."""

    NONE = 0
    LOCAL = 1
    REMOTE = 2


class EdgePort(IntEnum):
    """Outer port of an edge router at which an HBM channel sits."""

    WEST = 0
    EAST = 1
    SOUTH = 2
    NORTH = 3


class Kind(IntEnum):
    """Instruction classes: each has one operand layout."""

    SCALAR = 0
    MATRIX = 1
    VECTOR = 2
    MOVE = 3


class Opcode(IntEnum):
    """Every opcode. What follows a member is what golden and hardware compute; [r] is a row, [r,c]
    an element.
    """

    HALT = 0x01
    """the queue ends; it must be the last instruction of the queue"""
    SYNC = 0x02
    """nothing but its waits and signals"""
    LI = 0x03
    """R[rd] = imm"""
    ADD = 0x04
    """R[rd] = R[rs] + imm, modulo 2^32"""
    LOOP = 0x05
    """repeat up to the matching END, imm + R[rs] times (at least once)"""
    END = 0x06
    """end of the innermost loop"""
    HEADER = 0x0F
    """first slot of a program image: where each queue starts; never executed"""

    MATMUL = 0x10
    """C[i,j] (+)= sum over ascending k of A[i,k]*B[k,j], or A[i,k]*B[j,k] with trans_b; C
    is FP32
    """

    FILL = 0x20
    """D[r,c] = imm"""
    COPY = 0x21
    """D[r,c] = A[r,c]"""
    ADDV = 0x22
    """D[r,c] = A[r,c] + B[r,c]"""
    MAXV = 0x23
    """D[r,c] = max(A[r,c], B[r,c])"""
    MULV = 0x24
    """D[r,c] = A[r,c] * B[r,c]"""
    SCALE = 0x25
    """D[r,c] = A[r,c] * b[r]"""
    EXPD = 0x26
    """D[r,c] = exp2((A[r,c] - B[r,c]) * imm)"""
    RECIP = 0x27
    """D[r,c] = 1 / A[r,c], and 0 where A[r,c] is 0"""
    ROWMAX = 0x28
    """s[r] = max over unmasked c of A[r,c], and of b[r] with with_b"""
    EXP = 0x29
    """D[r,c] = exp2((A[r,c] - b[r]) * imm), masked: 0; with_s: s[r] = sum over c of D[r,c] as
    stored
    """

    LOAD = 0x30
    """HBM channel -> L1 of every tile in the rectangle, rows x words"""
    STORE = 0x31
    """L1 -> HBM channel, rows x words; the semaphore is this tile's, bumped when the last word is
    in HBM
    """
    PUT = 0x32
    """L1 -> L1 of every tile in the rectangle, rows x words"""
    REDUCE = 0x33
    """L1 of every tile in the rectangle -> combined -> L1 of the root, or with turn of
    every member
    """


OPCODES_OF: dict[Queue, tuple[Opcode, ...]] = {
    Queue.MATRIX: (Opcode.MATMUL,),
    Queue.VECTOR: tuple(op for op in Opcode if 0x20 <= op < 0x30),
    Queue.LOAD: (Opcode.LOAD,),
    Queue.OUT: (Opcode.STORE, Opcode.PUT, Opcode.REDUCE),
}
"""Engine opcodes each queue accepts, besides the scalar ones (HALT to END)."""
