"""What each vector opcode needs of the data path: the one place where opcodes are told apart."""

from typing import NamedTuple

from amaranth import Value

from isa.instructions import Opcode

__all__ = ["Operation", "operation"]

_ADDS = (Opcode.ADDV, Opcode.EXPD, Opcode.EXP)
_EXPONENTIALS = (Opcode.EXPD, Opcode.EXP)
_MULTIPLIES = (Opcode.MULV, Opcode.SCALE, *_EXPONENTIALS)
_PER_ROW = (Opcode.SCALE, Opcode.ROWMAX, Opcode.EXP)


class Operation(NamedTuple):
    """Flags of an opcode, one bit each."""

    reads_a: Value
    reads_b: Value
    """B or b is read; ROWMAX reads b only if told to."""
    per_row: Value
    """The second operand is b[r], not B[r,c]."""
    fills: Value
    """The immediate takes A's place."""
    maximum: Value
    """D is the larger of the operands."""
    adds: Value
    """Through the adder."""
    subtracts: Value
    """The adder subtracts."""
    multiplies: Value
    """Through the multiplier, after the adder if that is used."""
    exponential: Value
    """Through multiplier (by the immediate) and exponential."""
    reciprocal: Value
    """Through the divider."""
    row_maximum: Value
    """Writes the maximum of each row, and no D."""
    may_mask: Value
    """Columns can be masked."""
    may_sum: Value
    """Can write the sum of each row."""


def operation(opcode: Value) -> Operation:
    """Return the flags of `opcode`."""

    def one_of(*opcodes: Opcode) -> Value:
        flag = opcode == opcodes[0]
        for other in opcodes[1:]:
            flag |= opcode == other
        return flag

    return Operation(
        reads_a=opcode != Opcode.FILL,
        reads_b=one_of(
            Opcode.ADDV,
            Opcode.MAXV,
            Opcode.MULV,
            Opcode.SCALE,
            Opcode.EXPD,
            Opcode.ROWMAX,
            Opcode.EXP,
        ),
        per_row=one_of(*_PER_ROW),
        fills=opcode == Opcode.FILL,
        maximum=opcode == Opcode.MAXV,
        adds=one_of(*_ADDS),
        subtracts=one_of(*_EXPONENTIALS),
        multiplies=one_of(*_MULTIPLIES),
        exponential=one_of(*_EXPONENTIALS),
        reciprocal=opcode == Opcode.RECIP,
        row_maximum=opcode == Opcode.ROWMAX,
        may_mask=one_of(Opcode.ROWMAX, Opcode.EXP),
        may_sum=opcode == Opcode.EXP,
    )
