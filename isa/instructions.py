"""The tile's instruction set: 256-bit instructions, four in-order queues, one layout per
instruction class.

Every instruction has the same first 64 bits: opcode, checksum, up to two semaphore waits and up to
two semaphore signals. An instruction issues once ``semaphore >= count`` holds for both of its
waits, and then subtracts the counts; when it completes, it adds one to each semaphore it signals.
The second signal may go to another tile.

Address operands are ``base + register``: `<name>` holds the base, `<name>_reg` the number of a
queue register (r0 is always 0). Registers change by scalar instructions only, so that a hardware
loop around engine instructions with one ``add`` per stride walks any affine pattern.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from isa.opcodes import (
    OPCODES_OF,
    EdgePort,
    Format,
    Kind,
    Opcode,
    Queue,
    ReduceOp,
    SignalKind,
)

__all__ = [
    "BITS",
    "CHECKSUM",
    "COMMON",
    "LAYOUTS",
    "LIMITS",
    "LOOP_DEPTH",
    "OPCODES_OF",
    "REGISTERS",
    "Bits",
    "EdgePort",
    "Format",
    "Instruction",
    "Kind",
    "Opcode",
    "Queue",
    "ReduceOp",
    "SignalKind",
    "checksum_ok",
]

BITS = 256
CHECKSUM = 0xA5
"""XOR of the 32 bytes of every valid instruction."""
REGISTERS = 16
"""Address registers of a queue, 32 bits each; register 0 reads as 0 and cannot be written."""
LOOP_DEPTH = 4
"""Hardware loops that can be nested in a queue."""


class Bits(NamedTuple):
    """One field of a layout."""

    name: str
    width: int
    signed: bool = False
    doc: str = ""


def _address(name: str, width: int, doc: str, *, signed: bool = False) -> tuple[Bits, Bits]:
    return Bits(name, width, signed, doc), Bits(
        f"{name}_reg", 4, doc=f"queue register added to {name}"
    )


COMMON: tuple[Bits, ...] = (
    Bits("opcode", 8, doc="see Opcode"),
    Bits("checksum", 8, doc="makes the XOR of the 32 bytes 0xA5"),
    Bits("wait0_sem", 5, doc="semaphore of the first wait"),
    Bits("wait0_count", 6, doc="count to wait for and subtract; 0: no wait"),
    Bits("wait1_sem", 5, doc="semaphore of the second wait"),
    Bits("wait1_count", 6, doc="count to wait for and subtract; 0: no wait"),
    Bits("sig0_on", 1, doc="1: signal sig0_sem of this tile on completion"),
    Bits("sig0_sem", 5, doc="semaphore of the first signal"),
    Bits("sig1_kind", 2, doc="0 none, 1 this tile, 2 tile (sig1_x, sig1_y)"),
    Bits("sig1_sem", 5, doc="semaphore of the second signal"),
    Bits("sig1_x", 6, doc="column of the signalled tile"),
    Bits("sig1_y", 6, doc="row of the signalled tile"),
    Bits("reserved", 1),
)

LAYOUTS: dict[Kind, tuple[Bits, ...]] = {
    Kind.SCALAR: (
        Bits("rd", 4, doc="destination register"),
        Bits("rs", 4, doc="source register"),
        Bits("imm", 32, doc="immediate; for LOOP the number of iterations"),
    ),
    Kind.MATRIX: (
        *_address("a", 16, "L1 word of A[0,0]"),
        *_address("b", 16, "L1 word of B[0,0]"),
        *_address("c", 16, "L1 word of C[0,0]"),
        Bits("lda", 10, doc="words from a row of A to the next"),
        Bits("ldb", 10, doc="words from a row of B, as stored, to the next"),
        Bits("ldc", 10, doc="words from a row of C to the next"),
        Bits("m", 12, doc="rows of A and C, at least 1"),
        Bits("n", 12, doc="columns of C, at least 1"),
        Bits("k", 12, doc="columns of A, at least 1"),
        Bits("fmt_a", 3, doc="format of A: FP16, BF16, E4M3 or E5M2"),
        Bits("fmt_b", 3, doc="format of B: one of the same, which may be another one than A's"),
        Bits("trans_b", 1, doc="1: B is stored n x k, and used transposed"),
        Bits("accumulate", 1, doc="1: start from C in L1, 0: start from +0"),
    ),
    Kind.VECTOR: (
        *_address("d", 16, "L1 word of D[0,0]"),
        *_address("a", 16, "L1 word of A[0,0]"),
        *_address("b", 16, "L1 word of B[0,0] (FP32, pitch lda), or of b[0] (m packed FP32)"),
        *_address("s", 16, "L1 word of s[0] (m packed FP32)"),
        Bits("ldd", 10, doc="words from a row of D to the next"),
        Bits("lda", 10, doc="words from a row of A to the next"),
        Bits("m", 12, doc="rows, at least 1"),
        Bits("n", 12, doc="columns; 0 only for ROWMAX and EXP, as a row without elements"),
        Bits("imm", 32, doc="FP32 bits"),
        Bits("fmt_a", 3, doc="format of A"),
        Bits("fmt_d", 3, doc="format of D"),
        *_address(
            "mask", 14, "ROWMAX and EXP with masked: first masked column of row 0", signed=True
        ),
        Bits(
            "mask_rows",
            8,
            doc="rows after which the first masked column moves one to the right; 0: never",
        ),
        Bits("masked", 1, doc="1: columns from the mask on are masked"),
        Bits("with_b", 1, doc="ROWMAX: start from b[r] (else from -inf)"),
        Bits("with_s", 1, doc="EXP: write row sums to s"),
    ),
    Kind.MOVE: (
        *_address("local", 16, "L1 word in this tile (LOAD: in every tile of the rectangle)"),
        Bits("local_pitch", 10, doc="words from a row to the next in L1 at `local`"),
        *_address(
            "remote",
            28,
            "word in the HBM channel (LOAD, STORE) or in the receivers' L1 (PUT, REDUCE)",
        ),
        Bits("remote_pitch", 16, doc="words from a row to the next at `remote`"),
        Bits("rows", 12, doc="rows to move, at least 1"),
        Bits("words", 12, doc="words in a row, at least 1"),
        Bits("x0", 6, doc="west column of the rectangle (LOAD, PUT: receivers; REDUCE: members)"),
        Bits("y0", 6, doc="south row of the rectangle"),
        Bits("x1", 6, doc="east column of the rectangle, inclusive"),
        Bits("y1", 6, doc="north row of the rectangle, inclusive"),
        Bits(
            "target_x",
            6,
            doc="column of the HBM channel's tile (LOAD, STORE) or of the root (REDUCE)",
        ),
        Bits("target_y", 6, doc="row of the HBM channel's tile or of the root"),
        Bits("edge", 2, doc="outer port of that tile's router (LOAD, STORE): see EdgePort"),
        Bits(
            "bump",
            1,
            doc="1: the last flit adds one to `sem` at each receiver (STORE: at this tile)",
        ),
        Bits("sem", 5, doc="semaphore the last flit bumps"),
        Bits("op", 1, doc="REDUCE: 0 sum, 1 max"),
        Bits("fmt", 3, doc="REDUCE: format of the elements"),
        Bits(
            "turn",
            1,
            doc="REDUCE: 1: the root's router multicasts the result back to the rectangle",
        ),
        Bits("tag", 8, doc="name of the collective, carried by every flit"),
    ),
}
"""Operand layout of each kind, from bit 64 up."""

LIMITS = {(kind, field.name): (1 << field.width) - 1 for kind in Kind for field in LAYOUTS[kind]}
"""Largest value of each operand, read as unsigned."""

_OPERANDS_AT = 64


@cache
def _layout(kind: Kind) -> dict[str, tuple[int, int, bool]]:
    """Field name -> (lowest bit, width, signed)."""
    table: dict[str, tuple[int, int, bool]] = {}
    for at, fields in ((0, COMMON), (_OPERANDS_AT, LAYOUTS[kind])):
        for field in fields:
            table[field.name] = (at, field.width, field.signed)
            at += field.width
    return table


@cache
def _ranges(opcode: Opcode) -> dict[str, tuple[int, int]]:
    """Field name -> least and largest value, of the fields that one may give."""
    return {
        name: (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
        for name, (_, width, signed) in _layout(kind_of(opcode)).items()
        if name not in ("opcode", "checksum", "reserved")
    }


@cache
def kind_of(opcode: Opcode) -> Kind:
    """The instruction class of an opcode."""
    return Kind(opcode >> 4)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; fields that are not given are 0.

    ``Instruction.of(Opcode.MATMUL, a=0, m=8, ...)`` checks names and ranges; ``instruction["m"]``
    reads a field.
    """

    opcode: Opcode
    fields: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, opcode: Opcode, **fields: int) -> "Instruction":
        """Build and check an instruction.

        Raises
        ------
        ValueError
            If a field does not exist in the opcode's layout, or its value does not fit.
        """
        ranges = _ranges(opcode)
        for name, value in fields.items():
            if name not in ranges:
                raise ValueError(f"{opcode.name} has no field {name!r}")
            low, high = ranges[name]
            if not low <= value <= high:
                raise ValueError(
                    f"{opcode.name} field {name} must be from {low} to {high}, not {value}"
                )
        return cls(
            opcode, tuple((name, int(value)) for name, value in sorted(fields.items()) if value)
        )

    def __getitem__(self, name: str) -> int:
        """Value of a field."""
        if name not in _layout(kind_of(self.opcode)):
            raise KeyError(name)
        return next((value for key, value in self.fields if key == name), 0)

    def replace(self, **fields: int) -> "Instruction":
        """This instruction with some fields changed."""
        return Instruction.of(self.opcode, **{**dict(self.fields), **fields})

    def encode(self) -> int:
        """The 256-bit word, checksum included."""
        layout = _layout(kind_of(self.opcode))
        word = int(self.opcode)
        for name, value in self.fields:
            at, width, _ = layout[name]
            word |= (value & ((1 << width) - 1)) << at
        fold = np.bitwise_xor.reduce(np.frombuffer(word.to_bytes(BITS // 8, "little"), np.uint8))
        return word | (int(fold) ^ CHECKSUM) << 8

    @classmethod
    def decode(cls, word: int) -> "Instruction":
        """Read a 256-bit word.

        Raises
        ------
        ValueError
            If the checksum or the opcode is wrong.
        """
        if not checksum_ok(word):
            raise ValueError("wrong checksum")
        try:
            opcode = Opcode(word & 0xFF)
        except ValueError:
            raise ValueError(f"unknown opcode {word & 0xFF:#04x}") from None
        fields = {}
        for name, (at, width, signed) in _layout(kind_of(opcode)).items():
            value = word >> at & (1 << width) - 1
            if signed and value >> width - 1:
                value -= 1 << width
            if name not in ("opcode", "checksum", "reserved"):
                fields[name] = value
        return cls.of(opcode, **fields)


def checksum_ok(word: int) -> bool:
    """Whether the XOR of the bytes of a 256-bit word is what every valid instruction has."""
    return (
        int(np.bitwise_xor.reduce(np.frombuffer(word.to_bytes(BITS // 8, "little"), np.uint8)))
        == CHECKSUM
    )
