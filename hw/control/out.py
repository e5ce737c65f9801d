"""Out engine: moves rows of L1 words to HBM, to other tiles, or into a reduction."""

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.layouts import COORDINATE, FlitKind, L1Port, command_layout, data_flit, reduce_flit, request_flit
from isa.instructions import Kind, Opcode
from isa.machine import Tile

__all__ = ["OutEngine"]

LINES = 4
"""Lines read ahead. A line is in use for 3 cycles, so that with 3 or more even rows of one word keep one flit a cycle."""

_RECTANGLE = ("x0", "y0", "x1", "y1")


class OutEngine(wiring.Component):
    """Executes STORE, PUT and REDUCE one after the other: one flit a word, row by row.

    Words are read a line at a time, ahead of the flits. With L1 and network always ready, the first flit is offered `LATENCY`
    cycles after the command was taken, then one every cycle; the next command is taken the cycle after the last flit.

    Every flit carries its own address (remote + row * pitch + word, modulo the field's width) and the tag; only the last one
    carries the bump. The flits of a REDUCE are numbered from 0.

    Members
    -------
    command : ``In(stream)``
        STORE, PUT and REDUCE commands.
    x, y : ``In(6)``
        The tile's position: where a STORE's acknowledgement goes.
    l1 : ``Out(L1Port)``
        Reads of up to a line.
    request, data, reduce : ``Out(stream)``
        Flits of STORE, PUT and REDUCE.
    done : ``Out(1)``
        In the cycle in which an instruction's last flit is taken.
    flits, stall : ``Out(1)``
        In this cycle a flit is taken; a flit is offered and not taken.
    """

    LATENCY = 4

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__({
            "command": In(stream.Signature(command_layout(Kind.MOVE))),
            "x": In(COORDINATE),
            "y": In(COORDINATE),
            "l1": Out(L1Port(tile)),
            "request": Out(stream.Signature(request_flit(tile))),
            "data": Out(stream.Signature(data_flit(tile))),
            "reduce": Out(stream.Signature(reduce_flit(tile))),
            "done": Out(1),
            "flits": Out(1),
            "stall": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        banks, width = self._tile.l1_banks, self._tile.link_bits
        line_bits = banks.bit_length() - 1

        # The command stays until its last flit was taken.
        command, busy = Signal(command_layout(Kind.MOVE)), Signal()
        start = Signal()
        m.d.comb += [self.command.ready.eq(~busy), start.eq(self.command.valid & ~busy)]
        new = self.command.payload
        with m.If(start):
            m.d.sync += [command.eq(new), busy.eq(1)]
        with m.Elif(self.done):
            m.d.sync += busy.eq(0)

        # Lines that were read: memories with a word of each line, written together.
        words = []
        fill, drain = Signal(range(LINES)), Signal(range(LINES))
        for i in range(banks):
            m.submodules[f"word{i}"] = memory = Memory(shape=width, depth=LINES, init=[])
            write, read = memory.write_port(), memory.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(self.l1.rsp_valid),
                write.addr.eq(fill),
                write.data.eq(self.l1.rsp_data.word_select(i, width)),
                read.addr.eq(drain),
            ]
            words.append(read.data)
        with m.If(self.l1.rsp_valid):
            m.d.sync += fill.eq(fill + 1)

        # Reader: walks the rows a line at a time. `row` is where the current row starts, `left` what is left of it.
        reading = Signal()
        address, row, left, rows = Signal(16), Signal(16), Signal(12), Signal(12)
        requested = Signal(range(LINES + 1))
        read, release = Signal(), Signal()
        m.d.comb += [
            self.l1.req.valid.eq(reading & (requested != LINES)),
            self.l1.req.payload.addr.eq(address),
            self.l1.req.payload.mask.eq(Mux(left >= banks, (1 << banks) - 1, (1 << left[: line_bits + 1]) - 1)),
            read.eq(self.l1.req.valid & self.l1.req.ready),
        ]
        m.d.sync += requested.eq(requested + read - release)
        with m.If(start):
            m.d.sync += [
                reading.eq(1), address.eq(new.local), row.eq(new.local), left.eq(new.words), rows.eq(new.rows),
            ]  # fmt: skip
        with m.Elif(read):
            with m.If(left > banks):
                m.d.sync += [address.eq(address + banks), left.eq(left - banks)]
            with m.Else():
                next_row = row + command.local_pitch
                m.d.sync += [
                    address.eq(next_row), row.eq(next_row), left.eq(command.words), rows.eq(rows - 1), reading.eq(rows != 1),
                ]  # fmt: skip

        # Sender: one word at a time from the oldest line into the flit's registers.
        filled = Signal(range(LINES + 1))
        m.d.sync += filled.eq(filled + self.l1.rsp_valid - release)
        valid, taken, load = Signal(), Signal(), Signal()
        last, payload, target, sequence = Signal(), Signal(width), Signal(28), Signal(16)
        word = Signal(line_bits)
        to_address, to_row, to_left, to_rows, number = Signal(28), Signal(28), Signal(12), Signal(12), Signal(16)
        row_ends = to_left == 1
        m.d.comb += load.eq(filled.any() & (~valid | taken))
        with m.If(start):
            m.d.sync += [
                to_address.eq(new.remote), to_row.eq(new.remote), to_left.eq(new.words), to_rows.eq(new.rows),
                word.eq(0), number.eq(0),
            ]  # fmt: skip
        with m.Elif(load):
            m.d.sync += [target.eq(to_address), sequence.eq(number), last.eq(row_ends & (to_rows == 1))]
            with m.Switch(word):
                for i in range(banks):
                    with m.Case(i):
                        m.d.sync += payload.eq(words[i])
            m.d.sync += number.eq(number + 1)
            with m.If(row_ends):
                next_row = to_row + command.remote_pitch
                m.d.sync += [
                    to_address.eq(next_row), to_row.eq(next_row), to_left.eq(command.words), to_rows.eq(to_rows - 1), word.eq(0),
                ]  # fmt: skip
            with m.Else():
                m.d.sync += [to_address.eq(to_address + 1), to_left.eq(to_left - 1), word.eq(word + 1)]
            with m.If(row_ends | (word == banks - 1)):
                m.d.comb += release.eq(1)
                m.d.sync += drain.eq(drain + 1)
        with m.If(load):
            m.d.sync += valid.eq(1)
        with m.Elif(taken):
            m.d.sync += valid.eq(0)

        # Flits: the same registers, in the layout of each network.
        ready = Signal()
        with m.Switch(command.opcode):
            for opcode, network in ((Opcode.STORE, self.request), (Opcode.PUT, self.data), (Opcode.REDUCE, self.reduce)):
                with m.Case(opcode):
                    m.d.comb += [network.valid.eq(valid), ready.eq(network.ready)]
        for network in (self.request, self.data, self.reduce):
            flit = network.payload
            m.d.comb += [
                flit.addr.eq(target), flit.bump.eq(command.bump & last), flit.sem.eq(command.sem), flit.tag.eq(command.tag),
                flit.data.eq(payload),
            ]  # fmt: skip
        store, put, reduce = self.request.payload, self.data.payload, self.reduce.payload
        m.d.comb += [
            store.write.eq(1),
            store.x.eq(command.target_x),
            store.y.eq(command.target_y),
            store.edge.eq(command.edge),
            *[store[name].eq(self.x if name[0] == "x" else self.y) for name in _RECTANGLE],
            put.kind.eq(FlitKind.WRITE),
            *[flit[name].eq(command[name]) for flit in (put, reduce) for name in _RECTANGLE],
            *[reduce[name].eq(command[name]) for name in ("turn", "op", "fmt")],
            reduce.root_x.eq(command.target_x),
            reduce.root_y.eq(command.target_y),
            reduce.seq.eq(sequence),
        ]
        m.d.comb += [
            taken.eq(valid & ready),
            self.done.eq(taken & last),
            self.flits.eq(taken),
            self.stall.eq(valid & ~ready),
        ]
        return m
