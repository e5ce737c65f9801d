"""Writes the results of a vector instruction to L1, whole lines where rows are long enough."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.layouts import L1Port, command_layout
from hw.vector.gather import ChunkGather, StatisticGather
from hw.vector.operation import operation
from hw.vector.walk import LineWalk, is_half, row_words
from isa.instructions import Format, Kind
from isa.machine import Tile

__all__ = ["ResultWriter"]

DEPTH = 2
"""Lines waiting for L1; 2 let one enter in each cycle in which one leaves."""


class ResultWriter(wiring.Component):
    """Gathers chunks and row statistics, and writes them in order. A complete line is offered to L1
    one cycle later.

    Members
    -------
    start : ``In(1)``
        Begin with the instruction in `command`. Only while idle.
    command : ``In(command_layout)``
        Used with ``start``.
    stall : ``Out(1)``
        No chunk and no statistic can be taken; from registers.
    chunk, last, end : ``In(1)``
        Take a chunk; it is the last of its row, of the instruction. Not while ``stall``.
    elements : ``In(32).array(lanes)``
        Each lane's element in D's format, in the low bits.
    statistic, value : ``In(1)``, ``In(32)``
        Take a row's result. Not while ``stall``.
    l1 : ``Out(L1Port)``
        Writes.
    done : ``Out(1)``
        L1 takes the instruction's last line in this cycle. Combinational from L1's ``ready``.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "start": In(1),
                "command": In(command_layout(Kind.VECTOR)),
                "stall": Out(1),
                "chunk": In(1),
                "last": In(1),
                "end": In(1),
                "elements": In(32).array(tile.vector_lanes),
                "statistic": In(1),
                "value": In(32),
                "l1": Out(L1Port(tile)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, command = self._tile, self.command
        m.submodules.walk_d = walk_d = LineWalk(tile=tile)
        m.submodules.walk_s = walk_s = LineWalk(tile=tile)
        m.submodules.chunks = chunks = ChunkGather(tile=tile)
        m.submodules.statistics = statistics = StatisticGather(tile=tile)

        op = operation(command.opcode)
        has_s, has_s_now = Signal(), Signal()
        m.d.comb += [
            has_s_now.eq(op.row_maximum | (op.may_sum & command.with_s)),
            walk_d.start.eq(self.start),
            walk_d.base.eq(command.d),
            walk_d.pitch.eq(command.ldd),
            walk_d.words.eq(row_words(tile, command.n, command.fmt_d)),
            walk_d.rows.eq(Mux(op.row_maximum, 0, command.m)),
            walk_s.start.eq(self.start),
            walk_s.base.eq(command.s),
            walk_s.words.eq(row_words(tile, command.m, Format.FP32)),
            walk_s.rows.eq(has_s_now),
            statistics.start.eq(self.start),
            statistics.rows.eq(command.m),
        ]
        with m.If(self.start):
            m.d.sync += [
                has_s.eq(has_s_now),
                chunks.wide.eq(command.fmt_d == Format.FP32),
                chunks.half.eq(is_half(command.fmt_d)),
            ]

        # Lines in the order of their completion; the pipeline stands still for a cycle to let a
        # line of statistics in.
        level = Signal(range(DEPTH + 1))
        push_d, push_s, pop = Signal(), Signal(), Signal()
        m.d.comb += [
            chunks.chunk.eq(self.chunk),
            chunks.last.eq(self.last),
            statistics.valid.eq(self.statistic),
            statistics.value.eq(self.value),
            statistics.taken.eq(push_s),
            self.stall.eq((level == DEPTH) | statistics.full),
            push_d.eq(self.chunk & chunks.full & walk_d.valid),
            push_s.eq(statistics.full & (level != DEPTH)),
            walk_d.next.eq(push_d),
            walk_s.next.eq(push_s),
        ]
        for element, chunk_element in zip(self.elements, chunks.elements, strict=True):
            m.d.comb += chunk_element.eq(element)

        request = self.l1.req
        width = len(chunks.line[0])
        fields = [Mux(push_s, walk_s.addr, walk_d.addr), Mux(push_s, walk_s.mask, walk_d.mask)]
        packed = Cat(*statistics.line)
        for i, piece in enumerate(chunks.line):
            fields.append(Mux(push_s, packed.word_select(i, width), piece))
        newest, oldest = Signal(exact_log2(DEPTH)), Signal(exact_log2(DEPTH))
        heads = []
        for i, field in enumerate(fields):
            m.submodules[f"field{i}"] = queue = Memory(shape=len(field), depth=DEPTH, init=[])
            write, read = queue.write_port(), queue.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(push_d | push_s),
                write.addr.eq(newest),
                write.data.eq(field),
                read.addr.eq(oldest),
            ]
            heads.append(read.data)
        m.d.comb += [
            request.valid.eq(level != 0),
            request.payload.write.eq(1),
            request.payload.addr.eq(heads[0]),
            request.payload.mask.eq(heads[1]),
            request.payload.data.eq(Cat(*heads[2:])),
            pop.eq(request.valid & request.ready),
        ]
        m.d.sync += level.eq(level + (push_d | push_s) - pop)
        with m.If(push_d | push_s):
            m.d.sync += newest.eq(newest + 1)
        with m.If(pop):
            m.d.sync += oldest.eq(oldest + 1)

        # The last line is in the queue; statistics come after the D that they belong to.
        ending = Signal()
        m.d.comb += self.done.eq(ending & ((level == 0) | ((level == 1) & pop)))
        with m.If(Mux(has_s, push_s & statistics.end, self.chunk & self.end)):
            m.d.sync += ending.eq(1)
        with m.Elif(self.done):
            m.d.sync += ending.eq(0)
        return m
