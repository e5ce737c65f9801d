"""Where a factor enters the PE array."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.mac import Operand, decode_operand

__all__ = ["Factor"]


class Factor(wiring.Component):
    """Decodes a number in a storage format, and holds it for a whole row or column of PEs.

    Parameters
    ----------
    bias : int
        What is added to the exponent: 0 for the one factor of a product, 126 for the other.

    Members
    -------
    load, bits, fmt : ``In(1)``, ``In(16)``, ``In(3)``
        Take the number, see `hw.float.mac.decode_operand`.
    o : ``Out(Operand())``
        The number of the cycle of the last `load`.
    """

    def __init__(self, *, bias: int):
        self._bias = bias
        super().__init__({"load": In(1), "bits": In(16), "fmt": In(3), "o": Out(Operand())})

    def elaborate(self, platform):
        m = Module()
        registers = {
            member: Signal(flow.shape, name=f"{member}_register", reset_less=True)
            for member, flow in Operand().members.items()
        }
        with m.If(self.load):
            decoded = decode_operand(m, self.bits, self.fmt, self._bias)
            m.d.sync += [register.eq(decoded[member]) for member, register in registers.items()]
        m.d.comb += [getattr(self.o, member).eq(value) for member, value in registers.items()]
        return m
