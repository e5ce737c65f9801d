"""The instruction that a queue is at, seen as each of its layouts."""

from amaranth import Cat, Signal
from amaranth.lib import data

from hw.control.legality import kind_of_queue
from hw.layouts import COMMON_LAYOUT, operands_layout
from isa.instructions import BITS, LAYOUTS, OPCODES_OF, Kind, Opcode, Queue

__all__ = ["Instruction", "checksum"]

_OPERANDS_AT = COMMON_LAYOUT.size


class Instruction:
    """A register of one instruction.

    Parameters
    ----------
    queue : Queue
        Whose instructions it takes.

    Attributes
    ----------
    bits : Signal
        The register, 256 bits.
    common, operands, scalar : View
        Its common fields; its operands, if it is for the engine; its operands, if it is scalar.
    is_engine, is_scalar : Value
        Which of the two it is; with neither, the queue has no such opcode.
    has_signals : Value
        It signals when it is done.
    addresses : list of str
        Operands to which a register is added, ``<address>_reg``.
    pending : Value
        Those that still name one, a bit each.
    """

    def __init__(self, queue: Queue):
        kind, opcodes = kind_of_queue(queue), OPCODES_OF[queue]
        self.bits = Signal(BITS, name="instruction")
        self.common = common = data.View(COMMON_LAYOUT, self.bits[:_OPERANDS_AT])
        self.operands, self.scalar = self._view(kind), self._view(Kind.SCALAR)
        self.is_engine = (common.opcode >= min(opcodes)) & (common.opcode <= max(opcodes))
        self.is_scalar = (common.opcode >= Opcode.HALT) & (common.opcode <= Opcode.END)
        self.has_signals = common.sig0_on | common.sig1_kind.any()
        names = [field.name for field in LAYOUTS[kind]]
        self.addresses = [name for name in names if f"{name}_reg" in names]
        self.pending = Cat(self.operands[f"{name}_reg"].any() for name in self.addresses)

    @property
    def command(self):
        """What the engine gets: opcode and operands."""
        return Cat(self.common.opcode, self.operands)

    def _view(self, kind):
        layout = operands_layout(kind)
        return data.View(layout, self.bits[_OPERANDS_AT : _OPERANDS_AT + layout.size])


def checksum(value):
    """XOR of the bytes of an instruction: `isa.instructions.CHECKSUM` if it is intact."""
    while len(value) > 8:
        half = len(value) // 2
        value = value[:half] ^ value[half:]
    return value
