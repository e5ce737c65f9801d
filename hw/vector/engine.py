"""The vector engine: row-wise arithmetic, exponentials and statistics between L1 and L1."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.float.special import MINUS_INFINITY
from hw.layouts import L1Port, command_layout
from hw.vector.lanes import Lanes
from hw.vector.live import LiveColumns
from hw.vector.operation import operation
from hw.vector.reader import OperandReader
from hw.vector.rowmax import RowMaximum
from hw.vector.rowsum import RowSum
from hw.vector.walk import ChunkWalk
from hw.vector.writer import ResultWriter
from isa.instructions import Kind
from isa.machine import Tile

__all__ = ["VectorEngine"]


class VectorEngine(wiring.Component):
    """Executes the vector instructions, one after the other: all writes of one come before the
    reads of the next.

    Rows are cut into chunks of vector_lanes columns, which flow through the lanes one a cycle and
    in order::

        reader -> decode -> add -> multiply -> exp2 -> round -> writer
                        '-> row maximum -> s                '-> row sum -> s

    The reader fetches lines of A, B or b, ahead; the writer stores lines of D and s.

    An operation skips the stages it does not use. What is read is consumed in the order of the
    columns and D is written behind it, so that D may take A's place row by row (``d == a``, ``ldd
    == lda``) if its elements are not wider, or B's if they are FP32; and s may take b's.

    With an L1 that grants every request at once, ``done`` comes `isa.timing.vector_cycles` after
    the command is taken, and the next command is taken in the same cycle. Rows that take longer to
    read than to compute, at a line of A or B a cycle, take as long as that: two-operand rows of one
    chunk, 2 cycles.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    command : ``In(stream(command_layout(Kind.VECTOR)))``
        Instructions, with registers already added to their addresses, and found legal.
    done : ``Out(1)``
        L1 takes the instruction's last word: 1 for a cycle per instruction. Combinational from
        ``write``'s ``ready``.
    read, write : ``Out(L1Port(tile))``
        Operands; results, whole lines where rows are long enough.
    active : ``Out(1)``
        The lanes accept a chunk.
    busy : ``Out(1)``
        An instruction is in flight.
    awake : ``Out(1)``
        From registers and ``command.valid``. A clock edge without it changes nothing that anyone
        sees.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "command": In(stream.Signature(command_layout(Kind.VECTOR))),
                "done": Out(1),
                "read": Out(L1Port(tile)),
                "write": Out(L1Port(tile)),
                "active": Out(1),
                "busy": Out(1),
                "awake": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count = self._tile.vector_lanes
        m.submodules.reader = reader = OperandReader(tile=self._tile)
        m.submodules.lanes = lanes = Lanes(lanes=count)
        m.submodules.chunks = chunks = ChunkWalk(lanes=count)
        m.submodules.live = live = LiveColumns(lanes=count)
        m.submodules.row_maximum = row_maximum = RowMaximum(lanes=count)
        m.submodules.row_sum = row_sum = RowSum(lanes=count)
        m.submodules.writer = writer = ResultWriter(tile=self._tile)
        wiring.connect(m, reader.l1, wiring.flipped(self.read))
        wiring.connect(m, writer.l1, wiring.flipped(self.write))

        # One instruction at a time, the next one in the cycle of the last write.
        command, start = self.command.payload, Signal()
        op = operation(command.opcode)
        row_maxima, with_b, with_s = Signal(), Signal(), Signal()
        # The flag of the last row's statistic falls after the end of its instruction.
        late = Signal(3)
        m.d.sync += late.eq(Cat(self.busy, late))
        with m.If(start):
            m.d.sync += [
                self.busy.eq(1),
                row_maxima.eq(op.row_maximum),
                with_b.eq(command.with_b),
                with_s.eq(op.may_sum & command.with_s),
            ]
        with m.Elif(self.done):
            m.d.sync += self.busy.eq(0)
        m.d.comb += [
            self.command.ready.eq(~self.busy | self.done),
            start.eq(self.command.valid & self.command.ready),
            self.awake.eq(self.command.valid | self.busy | late.any()),
            self.active.eq(lanes.take),
            self.done.eq(writer.done),
            chunks.start.eq(start),
            chunks.columns.eq(command.n),
            chunks.rows.eq(command.m),
        ]
        for unit in (reader, lanes, live, writer):
            m.d.comb += [unit.start.eq(start), unit.command.eq(command)]

        # Chunks go from the reader to the last stage of the lanes, where their place in the row
        # matters, and to the writer.
        go = ~writer.stall
        first, last, end = Signal(), Signal(), Signal()
        m.d.comb += [
            lanes.stall.eq(writer.stall),
            lanes.valid.eq(reader.valid),
            reader.take.eq(lanes.take),
            lanes.alive.eq(live.alive),
            chunks.next.eq(go & lanes.arriving),
            live.next.eq(chunks.next),
            live.last.eq(chunks.last),
            writer.chunk.eq(go & lanes.full),
            writer.last.eq(last),
            writer.end.eq(end),
        ]
        with m.If(chunks.next):
            m.d.sync += [first.eq(chunks.first), last.eq(chunks.last), end.eq(chunks.end)]
        for i in range(count):
            m.d.comb += [
                lanes.words[i].eq(reader.words[i]),
                lanes.halves[i].eq(reader.halves[i]),
                lanes.bytes[i].eq(reader.bytes[i]),
                lanes.second[i].eq(reader.second[i]),
                writer.elements[i].eq(lanes.elements[i]),
                row_maximum.values[i].eq(lanes.a[i]),
                row_sum.values[i].eq(lanes.rounded[i][:31]),
            ]

        # Row statistics: the maximum of what arrives, the sum of what is stored.
        m.d.comb += [
            row_maximum.advance.eq(go),
            row_maximum.valid.eq(lanes.arriving & row_maxima),
            row_maximum.first.eq(chunks.first),
            row_maximum.last.eq(chunks.last),
            row_maximum.alive.eq(live.alive),
            row_maximum.start.eq(Mux(with_b, lanes.b[0], MINUS_INFINITY)),
            row_sum.advance.eq(go),
            row_sum.valid.eq(lanes.full & with_s),
            row_sum.first.eq(first),
            row_sum.last.eq(last),
            writer.statistic.eq(go & Mux(row_maxima, row_maximum.o_valid, row_sum.o_valid)),
            writer.value.eq(Mux(row_maxima, row_maximum.o, row_sum.o)),
        ]
        return m
