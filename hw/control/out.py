"""Out engine: moves rows of L1 words to HBM, to other tiles, or into a reduction."""

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.control.line_reader import LineReader
from hw.layouts import COORDINATE, L1Port, command_layout, data_flit, reduce_flit, request_flit
from isa.instructions import Kind, Opcode
from isa.machine import Tile
from isa.packets import FlitKind

__all__ = ["OutEngine"]

_RECTANGLE = ("x0", "y0", "x1", "y1")


class OutEngine(wiring.Component):
    """Executes STORE, PUT and REDUCE one after the other: one flit a word, row by row.

    Words are read a line at a time, ahead of the flits. With L1 and network always ready, the first
    flit is offered `LATENCY` cycles after the command was taken, then one every cycle; the next
    command is taken in the cycle after the last flit.

    Every flit carries its own address (remote + row * pitch + word) and the tag; only the last one
    carries the bump. The flits of a REDUCE are numbered from 0. What is too far for the address of
    a word of L1 gets the largest one, so that its receiver finds it beyond its L1, too.

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

    LATENCY = 2

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
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
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = LineReader(tile=self._tile)
        wiring.connect(m, reader.l1, wiring.flipped(self.l1))

        # The command stays until its last flit was taken.
        command, busy, start = Signal(command_layout(Kind.MOVE)), Signal(), Signal()
        new = self.command.payload
        m.d.comb += [
            self.command.ready.eq(~busy),
            start.eq(self.command.valid & ~busy),
            reader.start.eq(start),
            reader.address.eq(new.local),
            reader.rows.eq(new.rows),
            reader.words.eq(Mux(busy, command.words, new.words)),
            reader.pitch.eq(Mux(busy, command.local_pitch, new.local_pitch)),
        ]
        with m.If(start):
            m.d.sync += [command.eq(new), busy.eq(1)]
        with m.Elif(self.done):
            m.d.sync += busy.eq(0)

        # Where the next flit goes: `row` is where its row starts, `left` what is left of it.
        taken, last = Signal(), Signal()
        address, row, left, rows, number = (
            Signal(28),
            Signal(28),
            Signal(12),
            Signal(12),
            Signal(16),
        )
        next_row = row + command.remote_pitch
        m.d.comb += [last.eq((left == 1) & (rows == 1)), reader.word.ready.eq(taken)]
        with m.If(start):
            m.d.sync += [
                address.eq(new.remote),
                row.eq(new.remote),
                left.eq(new.words),
                rows.eq(new.rows),
                number.eq(0),
            ]
        with m.Elif(taken):
            m.d.sync += number.eq(number + 1)
            with m.If(left == 1):
                m.d.sync += [
                    address.eq(next_row),
                    row.eq(next_row),
                    left.eq(command.words),
                    rows.eq(rows - 1),
                ]
            with m.Else():
                m.d.sync += [address.eq(address + 1), left.eq(left - 1)]

        # Flits: the same fields, in the layout of each network.
        valid, ready = reader.word.valid, Signal()
        clipped = Signal(16)
        m.d.comb += clipped.eq(Mux(address[16:].any(), 0xFFFF, address))
        with m.Switch(command.opcode):
            for opcode, network in (
                (Opcode.STORE, self.request),
                (Opcode.PUT, self.data),
                (Opcode.REDUCE, self.reduce),
            ):
                with m.Case(opcode):
                    m.d.comb += [network.valid.eq(valid), ready.eq(network.ready)]
        for network in (self.request, self.data, self.reduce):
            flit = network.payload
            m.d.comb += [
                flit.addr.eq(address if len(flit.addr) == len(address) else clipped),
                flit.bump.eq(command.bump & last),
                flit.sem.eq(command.sem),
                flit.tag.eq(command.tag),
                flit.data.eq(reader.word.payload),
            ]
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
            reduce.seq.eq(number),
        ]
        m.d.comb += [
            taken.eq(valid & ready),
            self.done.eq(taken & last),
            self.flits.eq(taken),
            self.stall.eq(valid & ~ready),
        ]
        return m
