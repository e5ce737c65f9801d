"""One HBM channel: turns request flits into memory accesses and read data into flits, at a set
bandwidth and latency.
"""

from amaranth import ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from hw.layouts import data_flit, read_descriptor, request_flit
from isa.machine import Machine, Tile
from isa.packets import FlitKind

__all__ = ["HbmChannel"]

READ_QUEUE = 16
WRITE_QUEUE = 4
OUTPUT_QUEUE = 4

_SAME = ("x0", "y0", "x1", "y1", "sem", "tag")
"""Fields of a flit that are those of its request."""


class _Served:
    """The read being served walks its rows; its words are fetched one a cycle at most."""

    def __init__(self, tile: Tile):
        self.read = Signal(request_flit(tile))
        self.shape = Signal(read_descriptor(tile))
        self.stamp = Signal(32)  # when it arrived
        self.row, self.word = Signal(12, name="row"), Signal(12, name="word")
        self.row_address, self.row_local = (
            Signal(28, name="row_address"),
            Signal(16, name="row_local"),
        )
        self.started = Signal()
        self.address, self.local = Signal(29, name="address"), Signal(16, name="local")
        self.last_word, self.last = Signal(name="last_word"), Signal(name="last")

    def locate(self, m, queued) -> None:
        """Where the next word is, in the channel and in L1, and whether it is a last one."""
        read, shape, started = self.read, self.shape, self.started
        bits = len(read.as_value())
        m.d.comb += [
            read.eq(queued[:bits]),
            self.stamp.eq(queued[bits:]),
            shape.eq(read.data),
            self.address.eq(Mux(started, self.row_address, read.addr) + self.word),
            self.local.eq(Mux(started, self.row_local, shape.local) + self.word),
            self.last_word.eq(self.word + 1 == shape.words),
            self.last.eq(self.last_word & (self.row + 1 == shape.rows)),
        ]

    def step(self, m) -> None:
        """On to the next word."""
        read, shape, started = self.read, self.shape, self.started
        with m.If(self.last_word):
            m.d.sync += [
                self.word.eq(0),
                self.row.eq(Mux(self.last, 0, self.row + 1)),
                started.eq(~self.last),
                self.row_address.eq(Mux(started, self.row_address, read.addr) + shape.pitch),
                self.row_local.eq(Mux(started, self.row_local, shape.local) + shape.local_pitch),
            ]
        with m.Else():
            m.d.sync += self.word.eq(self.word + 1)


class HbmChannel(wiring.Component):
    """HBM channel controller with its memory array (an instance of the simulation model
    ``hbm_memory``).

    Reads are served in the order of their arrival, each one not before ``latency`` cycles after it
    arrived, word by word, row by row. Writes have a queue of their own, so that a waiting read does
    not hold them up: whoever reads what it wrote waits for the write's acknowledgement. Reads and
    writes share ``bytes_per_cycle``; where both are ready they alternate.

    The channel waits for nothing but the data network's acceptance of its flits, so a request
    always finishes.

    Parameters
    ----------
    machine : :class:`Machine`
        Word width and capacity.
    index : int
        Number of the channel: names its memory file.

    Members
    -------
    request : ``In(stream)``
        Arriving request flits.
    data : ``Out(stream)``
        Read data (WRITE or PROGRAM flits) and acknowledgements (SIGNAL flits).
    latency : ``In(12)``
        Cycles from a read request's arrival to its first data flit; `isa.timing.read_cycles` has
        the least.
    bytes_per_cycle : ``In(8)``
        Bandwidth, at most the bytes of a word.
    count : ``In(1)``
        Count words in ``words_read`` and ``words_written`` (32 bits each).
    idle : ``Out(1)``
        Nothing queued and nothing on its way out.
    dump : ``In(1)``
        Write the memory file.
    error : ``Out(1)``
        A request went beyond the channel's capacity; it was dropped or cut. Sticky.
    """

    def __init__(self, *, machine: Machine, index: int):
        self._machine = machine
        self._index = index
        tile = machine.tile
        super().__init__(
            {
                "request": In(stream.Signature(request_flit(tile))),
                "data": Out(stream.Signature(data_flit(tile))),
                "latency": In(12),
                "bytes_per_cycle": In(bits_for(tile.word_bytes)),
                "count": In(1),
                "words_read": Out(32),
                "words_written": Out(32),
                "idle": Out(1),
                "dump": In(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bits, queue = request_flit(self._machine.tile).size, fifo.SyncFIFOBuffered
        m.submodules.reads = self._reads = queue(width=bits + 32, depth=READ_QUEUE)
        m.submodules.writes = self._writes = queue(width=bits, depth=WRITE_QUEUE)
        m.submodules.output = self._output = queue(
            width=self.data.payload.shape().size, depth=OUTPUT_QUEUE
        )
        # The first queue gives a registered ready.
        m.submodules.arrivals = self._arrivals = queue(width=bits, depth=3)

        self._served = _Served(self._machine.tile)
        self._write = Signal(self.request.payload.shape(), name="write")
        self._do_read, self._do_write = Signal(name="do_read"), Signal(name="do_write")
        self._access = Signal(name="access")
        self._pending = Signal(name="pending")  # a word is on its way through the memory
        now = self._arrive(m)
        affordable = self._allow(m)
        self._served.locate(m, self._reads.r_data)
        self._choose(m, now, affordable)
        with m.If(self._do_read):
            self._served.step(m)
        self._send(m, self._memory(m))
        self._watch(m)
        return m

    def _arrive(self, m) -> Signal:
        """Reads and writes part ways; a read remembers when it came. Returns what the time is."""
        reads, writes, arrivals = self._reads, self._writes, self._arrivals
        now = Signal(32)
        m.d.sync += now.eq(now + 1)
        arriving = Signal(self.request.payload.shape())
        m.d.comb += [
            arrivals.w_data.eq(self.request.payload),
            arrivals.w_en.eq(self.request.valid),
            self.request.ready.eq(arrivals.w_rdy),
            arriving.eq(arrivals.r_data),
        ]
        m.d.comb += [
            reads.w_data.eq(arriving.as_value() | now << len(arriving.as_value())),
            reads.w_en.eq(arrivals.r_rdy & ~arriving.write),
            writes.w_data.eq(arriving),
            writes.w_en.eq(arrivals.r_rdy & arriving.write),
            arrivals.r_en.eq(Mux(arriving.write, writes.w_rdy, reads.w_rdy)),
        ]
        return now

    def _allow(self, m):
        """Bandwidth: an allowance that grows by bytes_per_cycle and pays word_bytes for a word.
        Returns whether it is enough.
        """
        word_bytes = self._machine.tile.word_bytes
        cap = 2 * word_bytes - 1
        allowance = Signal(range(2 * cap + 1))
        grown = allowance + self.bytes_per_cycle - Mux(self._access, word_bytes, 0)
        m.d.sync += allowance.eq(Mux(grown > cap, cap, grown)[: len(allowance)])
        return allowance >= word_bytes

    def _choose(self, m, now, affordable):
        """Read or write, alternately where both could. What it sends has a place in the output
        queue.
        """
        reads, writes, write = self._reads, self._writes, self._write
        room = Signal()
        wrote_last = Signal()
        m.d.comb += room.eq(self._output.w_level + self._pending < OUTPUT_QUEUE)
        # Four cycles pass in the queues and one in the memory.
        due = (now - self._served.stamp)[:32] + 5 >= self.latency
        want_read = reads.r_rdy & due & room
        m.d.comb += write.eq(writes.r_data)
        want_write = writes.r_rdy & (~write.bump | room)
        m.d.comb += [
            self._do_write.eq(affordable & want_write & ~(want_read & wrote_last)),
            self._do_read.eq(affordable & want_read & ~self._do_write),
            self._access.eq(self._do_read | self._do_write),
            writes.r_en.eq(self._do_write),
            reads.r_en.eq(self._do_read & self._served.last),
        ]
        with m.If(self._access):
            m.d.sync += wrote_last.eq(self._do_write)

    def _memory(self, m) -> Signal:
        """The cells. Returns what was read, one cycle later."""
        words, link_bits = self._machine.channel_words, self._machine.tile.link_bits
        do_write, write, address_bits = self._do_write, self._write, bits_for(words - 1)
        memory_data = Signal(link_bits)
        m.submodules.memory = Instance(
            "hbm_memory",
            ("p", "INDEX", self._index),
            ("p", "WORDS", words),
            ("p", "ADDRESS_BITS", address_bits),
            ("p", "WORD_BITS", link_bits),
            ("i", "clk", ClockSignal()),
            ("i", "dump", self.dump),
            ("i", "read_enable", self._do_read),
            ("i", "read_address", self._served.address[:address_bits]),
            ("o", "read_data", memory_data),
            ("i", "write_enable", do_write & (write.addr < words)),
            ("i", "write_address", write.addr[:address_bits]),
            ("i", "write_data", write.data),
        )
        return memory_data

    def _send(self, m, memory_data):
        """A header meets its data in the cycle after the access."""
        write, served, output = self._write, self._served, self._output
        read, flit = served.read, self.data.payload.shape()
        header = Signal(flit)
        outgoing = Signal(flit)
        m.d.sync += self._pending.eq(self._do_read | self._do_write & write.bump)
        with m.If(self._do_write):
            m.d.sync += [
                *[header[name].eq(write[name]) for name in (*_SAME, "bump")],
                header.kind.eq(FlitKind.SIGNAL),
                header.addr.eq(0),
            ]
        with m.Elif(self._do_read):
            m.d.sync += [
                *[header[name].eq(read[name]) for name in _SAME],
                header.bump.eq(read.bump & served.last),
                header.kind.eq(Mux(read.program, FlitKind.PROGRAM, FlitKind.WRITE)),
                header.addr.eq(served.local),
            ]
        no_data = Const(0, self._machine.tile.link_bits)
        m.d.comb += [
            outgoing.eq(header),
            outgoing.data.eq(Mux(header.kind == FlitKind.SIGNAL, no_data, memory_data)),
            output.w_data.eq(outgoing),
            output.w_en.eq(self._pending),
            self.data.payload.eq(output.r_data),
            self.data.valid.eq(output.r_rdy),
            output.r_en.eq(self.data.ready),
        ]

    def _watch(self, m):
        words, write = self._machine.channel_words, self._write
        do_read, do_write = self._do_read, self._do_write
        queued = self._arrivals.level.any() | self._reads.level.any() | self._writes.level.any()
        m.d.comb += self.idle.eq(~(queued | self._pending | self._output.level.any()))
        with m.If(do_read & (self._served.address >= words) | do_write & (write.addr >= words)):
            m.d.sync += self.error.eq(1)
        with m.If(self.count):
            m.d.sync += [
                self.words_read.eq(self.words_read + do_read),
                self.words_written.eq(self.words_written + do_write),
            ]
