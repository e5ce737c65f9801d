"""Program memory of a tile, shared by its four queues."""

from amaranth import Array, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from isa.instructions import BITS, Queue
from isa.machine import Tile

__all__ = ["ProgramMemory"]


class ProgramMemory(wiring.Component):
    """Holds `program_instructions` slots of 256 bits, written in words of `link_bits`, read one
    slot a cycle.

    Fetches are taken in turn, one a cycle; the instruction is there exactly one cycle after its
    request was taken. A slot beyond the memory reads as 0, which no checksum accepts.

    Members
    -------
    write_valid, write_addr, write_data : ``In(1)``, ``In(16)``, ``In(link_bits)``
        Write a word; always taken.
    overflow : ``Out(1)``
        The word being written lies beyond the memory, and is lost.
    fetch : ``In(stream(16)).array(4)``
        Slot to read, for each queue.
    fetch_valid : ``Out(4)``, fetch_data : ``Out(256)``
        One bit for the queue whose instruction is on ``fetch_data``.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "write_valid": In(1),
                "write_addr": In(16),
                "write_data": In(tile.link_bits),
                "overflow": Out(1),
                "fetch": In(stream.Signature(16)).array(len(Queue)),
                "fetch_valid": Out(len(Queue)),
                "fetch_data": Out(BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        slots, link = self._tile.program_instructions, self._tile.link_bits
        # Rows are as wide as the wider of instruction and word; a row holds `per_row` slots or
        # `pieces` words.
        width = max(BITS, link)
        per_row, pieces = width // BITS, width // link
        slot_bits, piece_bits = exact_log2(per_row), exact_log2(pieces)
        depth = -(-slots // per_row)
        m.submodules.memory = memory = Memory(shape=width, depth=depth, init=[])
        write, read = memory.write_port(granularity=link), memory.read_port()

        # Writes.
        row = self.write_addr[piece_bits:]
        m.d.comb += [
            self.overflow.eq(self.write_valid & (row >= depth)),
            write.addr.eq(row),
            write.data.eq(self.write_data.replicate(pieces)),
        ]
        with m.If(self.write_valid & ~self.overflow):
            m.d.comb += write.en.eq(1 << self.write_addr[:piece_bits] if piece_bits else 1)

        # Fetches: the queue after the last served comes first.
        queues = len(self.fetch)
        valid, served = Cat(fetch.valid for fetch in self.fetch), Signal(queues)
        last = Signal(range(queues))
        with m.Switch(last):
            for q in range(queues):
                with m.Case(q):
                    order = [(q + 1 + i) % queues for i in range(queues)]
                    for i, candidate in enumerate(order):
                        with m.If(valid[candidate]) if i == 0 else m.Elif(valid[candidate]):
                            m.d.comb += served.eq(1 << candidate)
                            m.d.sync += last.eq(candidate)
        slot = Signal(16)
        for q, fetch in enumerate(self.fetch):
            m.d.comb += fetch.ready.eq(served[q])
            with m.If(served[q]):
                m.d.comb += slot.eq(fetch.payload)
        within, which = Signal(), Signal(slot_bits)
        m.d.comb += [read.addr.eq(slot[slot_bits:]), read.en.eq(served.any())]
        m.d.sync += self.fetch_valid.eq(served)
        with m.If(read.en):
            m.d.sync += [within.eq(slot < slots), which.eq(slot[:slot_bits])]

        with m.If(within):
            pieces_of_row = Array(read.data.word_select(i, BITS) for i in range(per_row))
            m.d.comb += self.fetch_data.eq(pieces_of_row[which] if slot_bits else read.data)
        return m
