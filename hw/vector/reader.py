"""Fetches the operands of a vector instruction from L1 ahead of the lanes, and cuts them into
chunks.
"""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.float.stage import scratch
from hw.layouts import L1Port, command_layout
from hw.vector.lines import LineQueue
from hw.vector.operation import operation
from hw.vector.walk import ChunkWalk, LineWalk, is_half, row_words
from isa.instructions import Format, Kind
from isa.machine import Tile

__all__ = ["OperandReader"]


def _select(choices: list[Value], index: Value) -> Value:
    """choices[index], for a power of two of them, as a tree of two-way choices."""
    for bit in index:
        choices = [
            Mux(bit, high, low) for low, high in zip(choices[::2], choices[1::2], strict=True)
        ]
    return choices[0]


class OperandReader(wiring.Component):
    """Delivers the chunks of a vector instruction, row after row: A's elements, with B's elements
    or the row's b[r].

    If L1 is ready, the first chunk is there 3 cycles after ``start``, 4 with a second operand, 1 if
    nothing is read; then one comes each cycle, as far as one line a cycle allows. ``valid`` depends
    on registers only and holds until ``take``.

    A granule is a chunk in an 8-bit format, so that a chunk is 1, 2 or 4 granules of a line,
    aligned.

    Members
    -------
    start : ``In(1)``
        Begin with the instruction in `command`. Not before the last chunk of the instruction before
        was taken.
    command : ``In(command_layout)``
        Used with ``start``.
    l1 : ``Out(L1Port)``
        Reads of up to a line.
    valid : ``Out(1)``
        There is a chunk.
    take : ``In(1)``
        Go on to the next chunk. Only while ``valid``.
    words, halves, bytes : ``Out.array(lanes)``
        With ``take``, each lane's element of A, for each width that an element can have. Undefined
        if no A is read.
    second : ``Out(32).array(lanes)``
        With ``take``, each lane's element of B, or b[r]. Undefined if neither is read.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        lanes = tile.vector_lanes
        super().__init__(
            {
                "start": In(1),
                "command": In(command_layout(Kind.VECTOR)),
                "l1": Out(L1Port(tile)),
                "valid": Out(1),
                "take": In(1),
                "words": Out(32).array(lanes),
                "halves": Out(16).array(lanes),
                "bytes": Out(8).array(lanes),
                "second": Out(32).array(lanes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, command = self._tile, self.command
        lanes, singles = tile.vector_lanes, tile.line_bytes // 4
        granule = 8 * lanes
        granules = 8 * tile.line_bytes // granule
        m.submodules.walk_a = walk_a = LineWalk(tile=tile)
        m.submodules.walk_b = walk_b = LineWalk(tile=tile)
        m.submodules.lines_a = lines_a = LineQueue(pieces=granules, width=granule)
        m.submodules.lines_b = lines_b = LineQueue(pieces=granules, width=granule)
        m.submodules.chunks = chunks = ChunkWalk(lanes=lanes)

        # What the instruction reads.
        op = operation(command.opcode)
        uses_a, uses_b = Signal(), Signal()
        any_column = command.n.any()
        m.d.comb += [
            uses_a.eq(op.reads_a & any_column),
            uses_b.eq(op.reads_b & (command.with_b | ~op.row_maximum) & (any_column | op.per_row)),
            walk_a.start.eq(self.start),
            walk_a.base.eq(command.a),
            walk_a.pitch.eq(command.lda),
            walk_a.words.eq(row_words(tile, command.n, command.fmt_a)),
            walk_a.rows.eq(Mux(uses_a, command.m, 0)),
            # The row statistics are one packed row.
            walk_b.start.eq(self.start),
            walk_b.base.eq(command.b),
            walk_b.pitch.eq(command.lda),
            walk_b.words.eq(row_words(tile, Mux(op.per_row, command.m, command.n), Format.FP32)),
            walk_b.rows.eq(Mux(uses_b, Mux(op.per_row, 1, command.m), 0)),
            chunks.start.eq(self.start),
            chunks.columns.eq(command.n),
            chunks.rows.eq(command.m),
        ]
        needs_a, needs_b, per_row = Signal(), Signal(), Signal()
        wide, half = Signal(), Signal()
        with m.If(self.start):
            m.d.sync += [
                needs_a.eq(uses_a),
                needs_b.eq(uses_b),
                per_row.eq(op.per_row),
                wide.eq(command.fmt_a == Format.FP32),
                half.eq(is_half(command.fmt_a)),
            ]

        self._fetch(m, walk_a, walk_b, lines_a, lines_b)

        # Chunks: where the operands are in the lines at the heads.
        at_a, at_b = Signal(exact_log2(granules)), Signal(exact_log2(singles))
        next_a, next_b = Signal(len(at_a) + 1), Signal(len(at_b) + 1)
        step_b = Signal()
        m.d.comb += [
            self.valid.eq(chunks.valid & (lines_a.valid | ~needs_a) & (lines_b.valid | ~needs_b)),
            chunks.next.eq(self.take),
            next_a.eq(at_a + Mux(wide, 4, Mux(half, 2, 1))),
            # In elements: a chunk's for B, one for the row of b.
            next_b.eq(at_b + Mux(per_row, 1, lanes)),
            step_b.eq(self.take & needs_b & (chunks.last | ~per_row)),
            lines_a.pop.eq(self.take & needs_a & (next_a[-1] | chunks.last)),
            lines_b.pop.eq(step_b & (next_b[-1] | Mux(per_row, chunks.end, chunks.last))),
        ]
        with m.If(self.take & needs_a):
            m.d.sync += at_a.eq(Mux(lines_a.pop, 0, next_a))
        with m.If(step_b):
            m.d.sync += at_b.eq(Mux(lines_b.pop, 0, next_b))

        # Only a chunk that is taken is looked up. A chunk of 4 granules, its first or second half,
        # one half of that.
        chunk = [scratch(granule, f"chunk{q}") for q in range(4)]
        other = [scratch(granule, f"other{q}") for q in range(4)]
        pair, quarter = (
            [scratch(granule, f"pair{q}") for q in range(2)],
            scratch(granule, "quarter"),
        )
        statistic = scratch(32, "statistic")
        with m.If(self.take):
            for q in range(4):
                m.d.comb += [
                    chunk[q].eq(
                        _select([lines_a.head[i] for i in range(q, granules, 4)], at_a[2:])
                    ),
                    other[q].eq(
                        _select(
                            [lines_b.head[i] for i in range(q, granules, 4)],
                            at_b[exact_log2(lanes) :],
                        )
                    ),
                ]
            for q in range(2):
                m.d.comb += pair[q].eq(Mux(at_a[1], chunk[q + 2], chunk[q]))
            m.d.comb += [
                quarter.eq(Mux(at_a[0], pair[1], pair[0])),
                statistic.eq(
                    _select([Cat(*lines_b.head).word_select(i, 32) for i in range(singles)], at_b)
                ),
            ]
        for i in range(lanes):
            m.d.comb += [
                self.words[i].eq(Cat(*chunk).word_select(i, 32)),
                self.halves[i].eq(Cat(*pair).word_select(i, 16)),
                self.bytes[i].eq(quarter.word_select(i, 8)),
            ]
            with m.If(self.take):
                m.d.comb += self.second[i].eq(
                    Mux(per_row, statistic, Cat(*other).word_select(i, 32))
                )
        return m

    def _fetch(self, m, walk_a, walk_b, lines_a, lines_b):
        """Request lines for the operand with fewer lines on hand, but a request once made stays
        until it is granted.
        """
        request = self.l1.req
        can_a, can_b = walk_a.valid & lines_a.room, walk_b.valid & lines_b.room
        choose_b, held, held_b = Signal(), Signal(), Signal()
        granted, arriving_b = Signal(), Signal()
        m.d.comb += [
            choose_b.eq(
                Mux(held, held_b, can_b & ~(can_a & (lines_a.reserved <= lines_b.reserved)))
            ),
            request.valid.eq(can_a | can_b),
            request.payload.addr.eq(Mux(choose_b, walk_b.addr, walk_a.addr)),
            request.payload.mask.eq(Mux(choose_b, walk_b.mask, walk_a.mask)),
            granted.eq(request.valid & request.ready),
            walk_a.next.eq(granted & ~choose_b),
            walk_b.next.eq(granted & choose_b),
            lines_a.reserve.eq(walk_a.next),
            lines_b.reserve.eq(walk_b.next),
            lines_a.write.eq(self.l1.rsp_valid & ~arriving_b),
            lines_b.write.eq(self.l1.rsp_valid & arriving_b),
            lines_a.data.eq(self.l1.rsp_data),
            lines_b.data.eq(self.l1.rsp_data),
        ]
        m.d.sync += held.eq(request.valid & ~request.ready)
        with m.If(request.valid):
            m.d.sync += [held_b.eq(choose_b), arriving_b.eq(choose_b)]
