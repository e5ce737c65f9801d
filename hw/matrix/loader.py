"""First stage of the matrix engine: cut instructions into blocks and chunks, and read their
operands from L1.
"""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import command_layout
from hw.matrix.layouts import block_layout, chunk_layout, is_narrow, read_layout, tag_layout
from isa.instructions import Kind
from isa.machine import Tile

__all__ = ["Loader"]


class _Left:
    """The instruction, and what is left of it in each direction, this block and chunk included."""

    def __init__(self, command, tile: Tile):
        width = tile.line_elements
        self.op = Signal(command, reset_less=True)
        self.m, self.n, self.k = (
            Signal(12, name=f"{name}_left", reset_less=True) for name in "mnk"
        )
        self.first = Signal(init=1)  # first chunk of a block
        self.narrow_a = Signal()
        self.narrow_b = Signal()
        self.last_rows = Signal()
        self.last_columns = Signal()
        self.last_chunk = Signal()
        self.rows = Signal(range(tile.matrix_rows + 1), name="block_rows")  # of the block
        self.columns, self.steps, self.lines_b = (
            Signal(range(width + 1), name=name) for name in ("columns", "steps", "lines")
        )

    def sizes(self, rows: int, width: int) -> list:
        """Assignments of the sizes of the block and of the chunk."""
        return [
            self.narrow_a.eq(is_narrow(self.op.fmt_a)),
            self.narrow_b.eq(is_narrow(self.op.fmt_b)),
            self.last_rows.eq(self.m <= rows),
            self.last_columns.eq(self.n <= width),
            self.last_chunk.eq(self.k <= width),
            self.rows.eq(Mux(self.last_rows, self.m, rows)),
            self.columns.eq(Mux(self.last_columns, self.n, width)),
            self.steps.eq(Mux(self.last_chunk, self.k, width)),
            self.lines_b.eq(Mux(self.op.trans_b, self.columns, self.steps)),
        ]


class _Places:
    """Where lines, chunks and blocks are in L1.

    Those of A and B count half words: where a line is one word, a chunk of 8-bit elements is half
    of it. ``a_next`` and ``b_next`` follow the lines that the first chunk of a block read.
    """

    def __init__(self, lines: int):
        self.index = Signal(range(lines))  # of the line in its chunk
        self.a_line = Signal(17, reset_less=True)
        self.b_line = Signal(17, reset_less=True)
        self.a_following = Signal(17)
        self.b_following = Signal(17)
        self.a_end = Signal()
        self.b_end = Signal()
        self.a_block, self.a_next, self.b_block, self.b_next = (
            Signal(17, name=name, reset_less=True) for name in ("a0", "a1", "b0", "b1")
        )
        self.c_column = Signal(16, reset_less=True)
        self.a_offset, self.b_offset, self.a_further, self.b_further, self.column = (
            Signal(17, name=name)
            for name in ("a_offset", "b_offset", "a_further", "b_further", "column")
        )
        self.addr = Signal(16, reset_less=True)


class Loader(wiring.Component):
    """Walks an instruction as ``for column block, for row block, for chunk: lines of A, then lines
    of B``.

    A chunk is announced in the cycle before its first line is requested, a block with its first
    chunk. A chunk begins only when one of the two operand buffers is free, and the loader runs
    ahead of everything else as far as that allows: the next command is taken in the cycle after the
    last line of this one was granted. One line a cycle where L1 grants it, and one cycle between
    chunks. The first request comes two cycles after the command.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    command : ``In(stream(command_layout(Kind.MATRIX)))``
        Instructions.
    chunk, block : ``Out(stream)``
        Announcements. Never refused: two buffers bound the chunks that are under way, and with them
        the blocks.
    free : ``In(1)``
        The operands of the oldest chunk have been used.
    read : ``Out(stream(read_layout(tile)))``
        Reads of L1. Only words that hold needed elements are masked in.
    tag : ``Out(tag_layout(tile))``
        What the line being requested is for.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        self._tile = tile
        super().__init__(
            {
                "command": In(stream.Signature(command_layout(Kind.MATRIX))),
                "chunk": Out(stream.Signature(chunk_layout(tile))),
                "block": Out(stream.Signature(block_layout(tile))),
                "free": In(1),
                "read": Out(stream.Signature(read_layout(tile))),
                "tag": Out(tag_layout(tile)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows, width = self._tile.matrix_rows, self._tile.line_elements
        self._left = left = _Left(self.command.payload.shape(), self._tile)
        self._at = _Places(max(width, rows))
        m.d.comb += left.sizes(rows, width)
        used, begin = Signal(range(3)), Signal()
        with m.If(begin & ~self.free):
            m.d.sync += used.eq(used + 1)
        with m.Elif(self.free & ~begin):
            m.d.sync += used.eq(used - 1)
        self._announce(m, begin)
        self._request(m)
        self._look_ahead(m)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.command.ready.eq(1)
                with m.If(self.command.valid):
                    self._take(m)
                    m.next = "BEGIN"

            with m.State("BEGIN"):
                m.d.comb += begin.eq(used != 2)
                with m.If(begin):
                    m.next = "A"

            with m.State("A"):
                self._read_a(m)

            with m.State("B"):
                self._read_b(m)
        return m

    def _announce(self, m, begin):
        left, op = self._left, self._left.op
        chunk, block = self.chunk.payload, self.block.payload
        group_bits = self._tile.matrix_columns.bit_length() - 1  # a power of two
        m.d.comb += [
            self.chunk.valid.eq(begin),
            chunk.last_step.eq(left.steps - 1),
            chunk.last_group.eq((left.columns - 1) >> group_bits),
            chunk.first.eq(left.first),
            chunk.last.eq(left.last_chunk),
            chunk.accumulate.eq(op.accumulate),
            chunk.transposed.eq(op.trans_b),
            chunk.fmt_a.eq(op.fmt_a),
            chunk.fmt_b.eq(op.fmt_b),
            self.block.valid.eq(begin & left.first),
            block.pitch.eq(op.ldc),
            block.rows.eq(left.rows),
            block.columns.eq(left.columns),
            block.accumulate.eq(op.accumulate),
            block.final.eq(left.last_rows & left.last_columns),
            block.addr.eq(self._at.addr),
        ]

    def _request(self, m):
        left, at, op, tag = self._left, self._at, self._left.op, self.tag
        pointer, elements, narrow = (
            Signal(17),
            Signal(range(self._tile.line_elements + 1)),
            Signal(),
        )
        word = self._tile.link_bits // 16
        m.d.comb += [
            at.a_following.eq(at.a_line + Cat(0, op.lda)),
            at.b_following.eq(at.b_line + Cat(0, op.ldb)),
            at.a_end.eq(at.index == left.rows - 1),
            at.b_end.eq(at.index == left.lines_b - 1),
            pointer.eq(Mux(tag.b, at.b_line, at.a_line)),
            narrow.eq(Mux(tag.b, left.narrow_b, left.narrow_a)),
            elements.eq(Mux(tag.b & ~op.trans_b, left.columns, left.steps)),
            self.read.payload.addr.eq(pointer[1:]),
            self.read.payload.mask.eq(
                Cat(
                    elements > Mux(narrow, 2 * word * i, word * i)
                    for i in range(self._tile.l1_banks)
                )
            ),
            tag.index.eq(at.index),
            tag.last.eq(at.b_end & tag.b),
            tag.upper.eq(pointer[0]),
        ]

    def _look_ahead(self, m):
        """Where the next chunk and the next column of blocks start."""
        left, at, banks = self._left, self._at, self._tile.l1_banks
        a_step, b_step = (
            Mux(narrow, banks, 2 * banks) for narrow in (left.narrow_a, left.narrow_b)
        )
        m.d.comb += [
            at.a_further.eq(at.a_offset + a_step),
            at.b_further.eq(at.b_offset + b_step),
            at.column.eq(
                Mux(
                    left.op.trans_b,
                    Mux(left.first, at.b_following, at.b_next),
                    at.b_block + b_step,
                )
            ),
        ]

    def _take(self, m):
        left, at, command = self._left, self._at, self.command.payload
        m.d.sync += [
            left.op.eq(command),
            *[getattr(left, name).eq(command[name]) for name in "mnk"],
            *[pointer.eq(Cat(0, command.a)) for pointer in (at.a_block, at.a_line)],
            *[pointer.eq(Cat(0, command.b)) for pointer in (at.b_block, at.b_line)],
            *[pointer.eq(command.c) for pointer in (at.c_column, at.addr)],
        ]

    def _read_a(self, m):
        left, at = self._left, self._at
        m.d.comb += self.read.valid.eq(1)
        with m.If(self.read.ready):
            m.d.sync += [at.a_line.eq(at.a_following), at.index.eq(at.index + 1)]
            with m.If(at.a_end):
                m.d.sync += at.index.eq(0)
                with m.If(left.first):
                    m.d.sync += at.a_next.eq(at.a_following)
                m.next = "B"

    def _read_b(self, m):
        left, at = self._left, self._at
        m.d.comb += [self.read.valid.eq(1), self.tag.b.eq(1)]
        with m.If(self.read.ready):
            m.d.sync += [at.b_line.eq(at.b_following), at.index.eq(at.index + 1)]
            with m.If(at.b_end):
                m.d.sync += [at.index.eq(0), left.first.eq(left.last_chunk)]
                with m.If(left.first):
                    m.d.sync += at.b_next.eq(at.b_following)
                m.next = "BEGIN"
                self._go_on(m)

    def _go_on(self, m):
        """To the next chunk, or the next rows of blocks, or the next columns, or the end."""
        left, at, tile = self._left, self._at, self._tile
        op, width = left.op, tile.line_elements
        with m.If(~left.last_chunk):
            m.d.sync += [
                left.k.eq(left.k - width),
                at.a_offset.eq(at.a_further),
                at.b_offset.eq(at.b_further),
                at.a_line.eq(at.a_block + at.a_further),
            ]
            with m.If(op.trans_b):
                m.d.sync += at.b_line.eq(at.b_block + at.b_further)
        with m.Elif(~left.last_rows):
            m.d.sync += [
                *self._first_chunk(),
                left.m.eq(left.m - tile.matrix_rows),
                *[pointer.eq(at.a_next) for pointer in (at.a_block, at.a_line)],
                at.b_line.eq(at.b_block),
                at.addr.eq(at.addr + tile.matrix_rows * op.ldc),
            ]
        with m.Else():
            m.d.sync += [
                *self._first_chunk(),
                left.m.eq(op.m),
                left.n.eq(left.n - width),
                *[pointer.eq(Cat(0, op.a)) for pointer in (at.a_block, at.a_line)],
                *[pointer.eq(at.column) for pointer in (at.b_block, at.b_line)],
                # A line of operands makes two lines of FP32 results.
                *[
                    pointer.eq(at.c_column + 2 * tile.l1_banks)
                    for pointer in (at.c_column, at.addr)
                ],
            ]
            with m.If(left.last_columns):
                m.next = "IDLE"

    def _first_chunk(self):
        left, at = self._left, self._at
        return [left.k.eq(left.op.k), at.a_offset.eq(0), at.b_offset.eq(0)]
