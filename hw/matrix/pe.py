"""A PE of the matrix engine with its accumulators."""

from amaranth import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.float.mac import MultiplyAccumulate, Operand

__all__ = ["ProcessingElement"]


class ProcessingElement(wiring.Component):
    """One PE of `hw.matrix.grid.PeGrid`: ``acc[entry] = (clear ? 0 : acc[entry]) + a * b`` in FP32.

    Its sum is written mac_latency cycles after it was read. No register has a reset, and every one
    is held where its stage has no slot.

    Parameters
    ----------
    entries : int
        FP32 numbers that it accumulates.
    latency : int
        mac_latency, at least 2.

    Members
    -------
    a, b : ``In(Operand())``
        Factors, decoded with bias 0 and 126.
    valid : ``In(latency + 1)``
        Bit n: there is a slot in stage n, which is 0 multiply, 1 add, 2 and on round and write.
    clear : ``In(1)``
        The slot that is added starts from 0.
    entry, write_entry : ``In``
        Entries of the slots that are added and written.
    ask, read, read_entry : ``In(1)``, ``In(1)``, ``In``
        A PE of its column is asked for an entry, and it is this one.
    read_data : ``Out(32)``
        The entry, one cycle later, and held; 0 if another PE was asked last.
    fill, fill_entry, fill_data : ``In(1)``, ``In``, ``In(32)``
        Initial values.
    """

    def __init__(self, *, entries: int, latency: int):
        self._entries = entries
        super().__init__(
            {
                "a": In(Operand()),
                "b": In(Operand()),
                "valid": In(1 + latency),
                "clear": In(1),
                "entry": In(range(entries)),
                "write_entry": In(range(entries)),
                "ask": In(1),
                "read": In(1),
                "read_entry": In(range(entries)),
                "read_data": Out(32),
                "fill": In(1),
                "fill_entry": In(range(entries)),
                "fill_data": In(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        multiply, add, *later = self.valid
        m.submodules.accumulators = store = memory.Memory(shape=32, depth=self._entries, init=[])
        sums, show = store.read_port(domain="comb"), store.read_port()
        write, fill = store.write_port(), store.write_port()
        m.submodules.mac = mac = MultiplyAccumulate()
        m.d.comb += [
            *(into.eq(out) for into, out in _members(mac.a, self.a)),
            *(into.eq(out) for into, out in _members(mac.b, self.b)),
            mac.multiply.eq(multiply),
            mac.add.eq(add),
            mac.round.eq(later[0]),
            sums.addr.eq(self.entry),
        ]
        with m.If(add):
            m.d.comb += mac.accumulator.eq(sums.data & (~self.clear).replicate(32))
        result = mac.result
        for stage in later[:-1]:
            early, result = result, Signal(32, reset_less=True)
            with m.If(stage):
                m.d.sync += result.eq(early)
        shown = Signal(reset_less=True)
        with m.If(self.ask):
            m.d.sync += shown.eq(self.read)
        m.d.comb += [
            write.en.eq(later[-1]),
            write.addr.eq(self.write_entry),
            write.data.eq(result),
            fill.en.eq(self.fill),
            fill.addr.eq(self.fill_entry),
            fill.data.eq(self.fill_data),
            show.en.eq(self.read),
            show.addr.eq(self.read_entry),
            self.read_data.eq(Mux(shown, show.data, 0)),
        ]
        return m


def _members(operand, source):
    return [(getattr(operand, name), getattr(source, name)) for name in Operand().members]
