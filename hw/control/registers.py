"""The registers of a queue, and the sum that they go into."""

from amaranth import Module, Mux, Signal
from amaranth.lib.memory import Memory

from hw.control.instruction import Instruction
from isa.instructions import REGISTERS, Opcode

__all__ = ["Registers"]


class Registers:
    """One read and one 32-bit sum a cycle, for addresses as for ADD and LOOP.

    A memory is not cleared by reset, so a register counts only once it was written; register 0
    never is.

    Parameters
    ----------
    m : Module
        What they are part of.
    instruction : Instruction
        Names the registers of a scalar instruction.

    Attributes
    ----------
    number, base : Signal
        Which register is read, and what it is added to; those of a scalar instruction unless
        something else is assigned.
    total : Signal
        The sum.
    write : Signal
        Write the register that the scalar instruction names.
    """

    def __init__(self, m: Module, instruction: Instruction):
        m.submodules.registers = registers = Memory(shape=32, depth=REGISTERS, init=[])
        read, write = registers.read_port(domain="comb"), registers.write_port()
        scalar, written = instruction.scalar, Signal(REGISTERS, name="written")
        base, total = Signal(32), Signal(32)
        m.d.comb += [
            read.addr.eq(scalar.rs),
            base.eq(scalar.imm),
            total.eq(base + Mux(written.bit_select(read.addr, 1), read.data, 0)),
            write.addr.eq(scalar.rd),
            write.data.eq(Mux(instruction.common.opcode == Opcode.LI, scalar.imm, total)),
        ]
        with m.If(write.en):
            m.d.sync += written.eq(written | (1 << scalar.rd))
        self.number, self.base, self.total, self.write = read.addr, base, total, write.en
        self._instruction = instruction

    def add(self, m: Module) -> None:
        """Add its register to the first address that still names one, and clear the name."""
        operands, pending = self._instruction.operands, self._instruction.pending
        for i, name in enumerate(self._instruction.addresses):
            with m.If(pending[i]) if i == 0 else m.Elif(pending[i]):
                m.d.comb += [
                    self.number.eq(operands[f"{name}_reg"]),
                    self.base.eq(operands[name]),
                ]
                m.d.sync += [operands[name].eq(self.total), operands[f"{name}_reg"].eq(0)]
