"""The vector engine: row-wise arithmetic, exponentials and statistics between L1 and L1."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.float.convert import decode_control, encode_control
from hw.float.exp2 import exp2_table
from hw.float.reciprocal import Fp32Reciprocal
from hw.float.special import MINUS_INFINITY
from hw.float.stage import registered
from hw.layouts import L1Port, command_layout
from hw.vector.lane import STAGES, Lane
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
    """Executes the vector instructions, one after the other: all writes of one come before the reads of the next.

    Rows are cut into chunks of vector_lanes columns, which flow through the lanes one a cycle and in order::

        reader (lines of A, B or b, ahead) -> decode -> add -> multiply -> exp2 -> round -> writer (lines of D and s)
                                                 '-> row maximum -> s                  '-> row sum -> s

    An operation skips the stages it does not use. What is read is consumed in the order of the columns and D is written
    behind it, so that D may take A's place row by row (``d == a``, ``ldd == lda``) if its elements are not wider, or B's if
    they are FP32; and s may take b's.

    With an L1 that grants every request at once, ``done`` comes this many cycles after the command is taken, and the next
    command is taken in the same cycle. chunks = m * max(1, ceil(n / vector_lanes)):

    =============================== ==============================================================================
    FILL; COPY; MAXV                chunks + 3; chunks + 5; chunks + 6
    ADDV, MULV, SCALE               chunks + 8
    EXPD, EXP                       chunks + 12
    EXP with s                      chunks + 14 + log2(vector_lanes)
    ROWMAX; with b                  chunks + 6 + tree; 1 more. tree = ceil(log2(vector_lanes) / 3), at least 1
    RECIP                           29 * chunks + 4
    =============================== ==============================================================================

    Each line of s but the last adds a cycle. Rows that take longer to read than to compute, at a line of A or B a cycle,
    take as long as that: two-operand rows of one chunk, 2 cycles.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    command : ``In(stream(command_layout(Kind.VECTOR)))``
        Instructions, with registers already added to their addresses, and found legal.
    done : ``Out(1)``
        L1 takes the instruction's last word: 1 for a cycle per instruction. Combinational from ``write``'s ``ready``.
    read, write : ``Out(L1Port(tile))``
        Operands; results, whole lines where rows are long enough.
    active : ``Out(1)``
        The lanes accept a chunk.
    busy : ``Out(1)``
        An instruction is in flight.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__({
            "command": In(stream.Signature(command_layout(Kind.VECTOR))), "done": Out(1),
            "read": Out(L1Port(tile)), "write": Out(L1Port(tile)),
            "active": Out(1), "busy": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        lanes = self._tile.vector_lanes
        m.submodules.reader = reader = OperandReader(tile=self._tile)
        m.submodules.results = results = ChunkWalk(lanes=lanes)
        m.submodules.live = live = LiveColumns(lanes=lanes)
        m.submodules.table = table = exp2_table()
        m.submodules.reciprocal = reciprocal = Fp32Reciprocal(lanes=lanes)
        m.submodules.row_maximum = row_maximum = RowMaximum(lanes=lanes)
        m.submodules.row_sum = row_sum = RowSum(lanes=lanes)
        m.submodules.writer = writer = ResultWriter(tile=self._tile)
        wiring.connect(m, reader.l1, wiring.flipped(self.read))
        wiring.connect(m, writer.l1, wiring.flipped(self.write))

        # The instruction: what stays of it after its start.
        command, start = self.command.payload, Signal()
        op_now = operation(command.opcode)
        immediate, with_b, with_s = Signal(32, reset_less=True), Signal(), Signal()
        with m.If(start):
            op = registered(m, op_now, "op")
            decode = registered(m, decode_control(m, command.fmt_a), "decode")
            encode = registered(m, encode_control(m, command.fmt_d), "encode")
            m.d.sync += [immediate.eq(command.imm), with_b.eq(command.with_b), with_s.eq(op_now.may_sum & command.with_s)]
        for unit in (reader, live, writer):
            m.d.comb += [unit.start.eq(start), unit.command.eq(command)]
        m.d.comb += [results.start.eq(start), results.columns.eq(command.n), results.rows.eq(command.m)]

        units = [Lane(operation=op, decode=decode, encode=encode, immediate=immediate) for _ in range(lanes)]

        # Control: a bit for each stage that is full; all move together, unless the writer has no room.
        go, take, arrive, divide, dividing = Signal(), Signal(), Signal(), Signal(), Signal()
        advance = {stage: Signal(name=f"advance_{stage}") for stage in STAGES}
        full = {stage: Signal(name=f"full_{stage}") for stage in STAGES}
        entering = {
            "load": take,
            "add1": full["load"] & op.adds,
            "add2": full["add1"],
            "multiply1": Mux(op.exponential, full["add2"], full["load"] & op.multiplies),
            "multiply2": full["multiply1"],
            "exp1": full["multiply2"] & op.exponential,
            "exp2": full["exp1"],
            "round": arrive & ~op.row_maximum,
        }
        for stage in STAGES:
            m.d.comb += advance[stage].eq(go & entering[stage])
            with m.If(go):
                m.d.sync += full[stage].eq(entering[stage])
        m.d.comb += [
            go.eq(~writer.stall),
            # The divider works on one chunk at a time.
            take.eq(reader.valid & go & ~(op.reciprocal & (full["load"] | dividing))),
            reader.take.eq(take),
            divide.eq(full["load"] & op.reciprocal),
            reciprocal.start.eq(divide & go),
            # The chunk is in front of the last stage, or of the row maximum.
            arrive.eq(
                Mux(op.exponential, full["exp2"],
                Mux(op.multiplies, full["multiply2"],
                Mux(op.adds, full["add2"],
                Mux(op.reciprocal, dividing & reciprocal.done, full["load"]))))
            ),
            results.next.eq(go & arrive),
            live.next.eq(results.next),
            live.last.eq(results.last),
        ]  # fmt: skip
        with m.If(go & (divide | arrive)):
            m.d.sync += dividing.eq(divide)
        first, last, end = Signal(), Signal(), Signal()
        with m.If(advance["round"]):
            m.d.sync += [first.eq(results.first), last.eq(results.last), end.eq(results.end)]

        # Lanes. The result is 0 where an exponential's A is -infinity, whatever is subtracted from it.
        nothing = Signal(lanes)
        for stage in ("add1", "add2", "multiply1", "multiply2", "exp1", "exp2"):
            late = Signal(lanes, name=f"nothing_{stage}", reset_less=True)
            with m.If(advance[stage]):
                if stage == "add1":
                    m.d.comb += nothing.eq(Cat(lane.a == MINUS_INFINITY for lane in units))
                m.d.sync += late.eq(nothing)
            nothing = late
        alive = Signal(lanes)
        m.d.comb += alive.eq(live.alive & ~(nothing & op.exponential.replicate(lanes)))
        for i, lane in enumerate(units):
            m.submodules[f"lane{i}"] = lane
            port = table.read_port()
            m.d.comb += [
                lane.word.eq(reader.words[i]),
                lane.half.eq(reader.halves[i]),
                lane.byte.eq(reader.bytes[i]),
                lane.second.eq(reader.second[i]),
                lane.advance.eq(Cat(advance.values())),
                reciprocal.a[i].eq(lane.a),
                lane.reciprocal.eq(reciprocal.o[i]),
                lane.alive.eq(alive[i]),
                lane.store.eq(writer.chunk),
                port.en.eq(advance["exp1"]),
                port.addr.eq(lane.index),
                lane.row.eq(port.data),
                row_maximum.values[i].eq(lane.a),
                row_sum.values[i].eq(lane.rounded[:31]),
                writer.elements[i].eq(lane.element),
            ]
            if i == 0:
                m.d.comb += row_maximum.start.eq(Mux(with_b, lane.b, MINUS_INFINITY))

        # Row statistics and results.
        m.d.comb += [
            row_maximum.advance.eq(go),
            row_maximum.valid.eq(arrive & op.row_maximum),
            row_maximum.first.eq(results.first),
            row_maximum.last.eq(results.last),
            row_maximum.alive.eq(live.alive),
            row_sum.advance.eq(go),
            row_sum.valid.eq(full["round"] & with_s),
            row_sum.first.eq(first),
            row_sum.last.eq(last),
            writer.chunk.eq(go & full["round"]),
            writer.last.eq(last),
            writer.end.eq(end),
            writer.statistic.eq(go & Mux(op.row_maximum, row_maximum.o_valid, row_sum.o_valid)),
            writer.value.eq(Mux(op.row_maximum, row_maximum.o, row_sum.o)),
        ]

        # One instruction at a time, the next one in the cycle after the last write.
        with m.If(start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(self.done):
            m.d.sync += self.busy.eq(0)
        m.d.comb += [
            self.done.eq(writer.done),
            self.command.ready.eq(~self.busy | self.done),
            start.eq(self.command.valid & self.command.ready),
            self.active.eq(take),
        ]
        return m
