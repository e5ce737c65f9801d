"""One HBM channel: turns request flits into memory accesses and read data into flits, at a set
bandwidth and latency.
"""

from amaranth import ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from hw.layouts import data_flit, read_descriptor, request_flit
from isa.machine import Machine
from isa.packets import FlitKind

__all__ = ["HbmChannel"]

READ_QUEUE = 16
WRITE_QUEUE = 4
OUTPUT_QUEUE = 4


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
        Cycles from a read request's arrival to its first data flit (at least 5 are always taken).
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
        machine, tile = self._machine, self._machine.tile
        words = machine.channel_words
        flit = data_flit(tile)

        m.submodules.reads = reads = fifo.SyncFIFOBuffered(
            width=request_flit(tile).size + 32, depth=READ_QUEUE
        )
        m.submodules.writes = writes = fifo.SyncFIFOBuffered(
            width=request_flit(tile).size, depth=WRITE_QUEUE
        )
        m.submodules.output = output = fifo.SyncFIFOBuffered(width=flit.size, depth=OUTPUT_QUEUE)

        # Arrival: reads and writes part ways; a read remembers when it came. The first queue gives
        # a registered ready.
        m.submodules.arrivals = arrivals = fifo.SyncFIFOBuffered(
            width=request_flit(tile).size, depth=3
        )
        now = Signal(32)
        m.d.sync += now.eq(now + 1)
        arriving = Signal(request_flit(tile))
        m.d.comb += [
            arrivals.w_data.eq(self.request.payload),
            arrivals.w_en.eq(self.request.valid),
            self.request.ready.eq(arrivals.w_rdy),
            arriving.eq(arrivals.r_data),
        ]
        m.d.comb += [
            reads.w_data.eq(arriving.as_value() | now << request_flit(tile).size),
            reads.w_en.eq(arrivals.r_rdy & ~arriving.write),
            writes.w_data.eq(arriving),
            writes.w_en.eq(arrivals.r_rdy & arriving.write),
            arrivals.r_en.eq(Mux(arriving.write, writes.w_rdy, reads.w_rdy)),
        ]

        # Bandwidth: an allowance that grows by bytes_per_cycle and pays word_bytes for a word.
        cap = 2 * tile.word_bytes - 1
        allowance = Signal(range(2 * cap + 1))
        access = Signal()
        grown = allowance + self.bytes_per_cycle - Mux(access, tile.word_bytes, 0)
        m.d.sync += allowance.eq(Mux(grown > cap, cap, grown)[: len(allowance)])
        affordable = allowance >= tile.word_bytes

        # The read being served walks its rows; its words are fetched one a cycle at most.
        read = Signal(request_flit(tile))
        shape = Signal(read_descriptor(tile))
        stamp = Signal(32)
        m.d.comb += [
            read.eq(reads.r_data[: request_flit(tile).size]),
            stamp.eq(reads.r_data[request_flit(tile).size :]),
            shape.eq(read.data),
        ]
        row, word = Signal(12), Signal(12)
        row_address, row_local = Signal(28), Signal(16)
        started = Signal()
        address = Signal(29)
        local = Signal(16)
        last_word, last = Signal(), Signal()
        m.d.comb += [
            address.eq(Mux(started, row_address, read.addr) + word),
            local.eq(Mux(started, row_local, shape.local) + word),
            last_word.eq(word + 1 == shape.words),
            last.eq(last_word & (row + 1 == shape.rows)),
        ]
        # A word on its way through the memory has a place in the output queue.
        pending = Signal()
        room = Signal()
        m.d.comb += room.eq(output.w_level + pending < OUTPUT_QUEUE)
        # Four cycles pass in the queues and one in the memory.
        due = (now - stamp)[:32] + 5 >= self.latency
        want_read = reads.r_rdy & due & room
        write = Signal(request_flit(tile))
        m.d.comb += write.eq(writes.r_data)
        want_write = writes.r_rdy & (~write.bump | room)
        wrote_last = Signal()
        do_read, do_write = Signal(), Signal()
        m.d.comb += [
            do_write.eq(affordable & want_write & ~(want_read & wrote_last)),
            do_read.eq(affordable & want_read & ~do_write),
            access.eq(do_read | do_write),
            writes.r_en.eq(do_write),
            reads.r_en.eq(do_read & last),
        ]
        with m.If(access):
            m.d.sync += wrote_last.eq(do_write)
        with m.If(do_read):
            with m.If(last_word):
                m.d.sync += [
                    word.eq(0),
                    row.eq(Mux(last, 0, row + 1)),
                    started.eq(~last),
                    row_address.eq(Mux(started, row_address, read.addr) + shape.pitch),
                    row_local.eq(Mux(started, row_local, shape.local) + shape.local_pitch),
                ]
            with m.Else():
                m.d.sync += word.eq(word + 1)

        # Memory, and the header that meets its data one cycle later.
        memory_data = Signal(tile.link_bits)
        m.submodules.memory = Instance(
            "hbm_memory",
            ("p", "INDEX", self._index),
            ("p", "WORDS", words),
            ("p", "ADDRESS_BITS", bits_for(words - 1)),
            ("p", "WORD_BITS", tile.link_bits),
            ("i", "clk", ClockSignal()),
            ("i", "dump", self.dump),
            ("i", "read_enable", do_read),
            ("i", "read_address", address[: bits_for(words - 1)]),
            ("o", "read_data", memory_data),
            ("i", "write_enable", do_write & (write.addr < words)),
            ("i", "write_address", write.addr[: bits_for(words - 1)]),
            ("i", "write_data", write.data),
        )
        header = Signal(flit)
        m.d.sync += pending.eq(do_read | do_write & write.bump)
        with m.If(do_write):
            m.d.sync += [
                *[
                    header[name].eq(write[name])
                    for name in ("x0", "y0", "x1", "y1", "bump", "sem", "tag")
                ],
                header.kind.eq(FlitKind.SIGNAL),
                header.addr.eq(0),
            ]
        with m.Elif(do_read):
            m.d.sync += [
                *[header[name].eq(read[name]) for name in ("x0", "y0", "x1", "y1", "sem", "tag")],
                header.bump.eq(read.bump & last),
                header.kind.eq(Mux(read.program, FlitKind.PROGRAM, FlitKind.WRITE)),
                header.addr.eq(local),
            ]
        outgoing = Signal(flit)
        m.d.comb += [
            outgoing.eq(header),
            outgoing.data.eq(
                Mux(header.kind == FlitKind.SIGNAL, Const(0, tile.link_bits), memory_data)
            ),
            output.w_data.eq(outgoing),
            output.w_en.eq(pending),
            self.data.payload.eq(output.r_data),
            self.data.valid.eq(output.r_rdy),
            output.r_en.eq(self.data.ready),
            self.idle.eq(
                ~(
                    arrivals.level.any()
                    | reads.level.any()
                    | writes.level.any()
                    | pending
                    | output.level.any()
                )
            ),
        ]

        with m.If(do_read & (address >= words) | do_write & (write.addr >= words)):
            m.d.sync += self.error.eq(1)
        with m.If(self.count):
            m.d.sync += [
                self.words_read.eq(self.words_read + do_read),
                self.words_written.eq(self.words_written + do_write),
            ]
        return m
