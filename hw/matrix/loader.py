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
        tile = self._tile
        rows, width, banks = tile.matrix_rows, tile.line_elements, tile.l1_banks

        # The instruction, and what is left of it in each direction, this block and chunk included.
        op = Signal(self.command.payload.shape(), reset_less=True)
        m_left, n_left, k_left = (
            Signal(12, name=f"{name}_left", reset_less=True) for name in "mnk"
        )
        first = Signal(init=1)  # first chunk of a block
        narrow_a, narrow_b = Signal(), Signal()
        last_rows, last_columns, last_chunk = Signal(), Signal(), Signal()
        block_rows = Signal(range(rows + 1))
        block_columns, chunk_steps, lines_b = (
            Signal(range(width + 1), name=name) for name in ("columns", "steps", "lines")
        )
        m.d.comb += [
            narrow_a.eq(is_narrow(op.fmt_a)),
            narrow_b.eq(is_narrow(op.fmt_b)),
            last_rows.eq(m_left <= rows),
            last_columns.eq(n_left <= width),
            last_chunk.eq(k_left <= width),
            block_rows.eq(Mux(last_rows, m_left, rows)),
            block_columns.eq(Mux(last_columns, n_left, width)),
            chunk_steps.eq(Mux(last_chunk, k_left, width)),
            lines_b.eq(Mux(op.trans_b, block_columns, chunk_steps)),
        ]

        # Announcements.
        used, begin = Signal(range(3)), Signal()
        with m.If(begin & ~self.free):
            m.d.sync += used.eq(used + 1)
        with m.Elif(self.free & ~begin):
            m.d.sync += used.eq(used - 1)
        chunk, block = self.chunk.payload, self.block.payload
        m.d.comb += [
            self.chunk.valid.eq(begin),
            chunk.last_step.eq(chunk_steps - 1),
            chunk.last_group.eq(
                (block_columns - 1) >> (tile.matrix_columns.bit_length() - 1)
            ),  # a power of two
            chunk.first.eq(first),
            chunk.last.eq(last_chunk),
            chunk.accumulate.eq(op.accumulate),
            chunk.transposed.eq(op.trans_b),
            chunk.fmt_a.eq(op.fmt_a),
            chunk.fmt_b.eq(op.fmt_b),
            self.block.valid.eq(begin & first),
            block.pitch.eq(op.ldc),
            block.rows.eq(block_rows),
            block.columns.eq(block_columns),
            block.accumulate.eq(op.accumulate),
            block.final.eq(last_rows & last_columns),
        ]

        # Requests. Pointers count half words: where a line is one word, a chunk of 8-bit elements
        # is half of it.
        index = Signal(range(max(width, rows)))
        pointer, elements = Signal(17), Signal(range(width + 1))
        a_line, b_line = Signal(17, reset_less=True), Signal(17, reset_less=True)
        a_following, b_following = Signal(17), Signal(17)
        a_end, b_end, narrow = Signal(), Signal(), Signal()
        word = tile.link_bits // 16
        m.d.comb += [
            a_following.eq(a_line + Cat(0, op.lda)),
            b_following.eq(b_line + Cat(0, op.ldb)),
            a_end.eq(index == block_rows - 1),
            b_end.eq(index == lines_b - 1),
            pointer.eq(Mux(self.tag.b, b_line, a_line)),
            narrow.eq(Mux(self.tag.b, narrow_b, narrow_a)),
            elements.eq(Mux(self.tag.b & ~op.trans_b, block_columns, chunk_steps)),
            self.read.payload.addr.eq(pointer[1:]),
            self.read.payload.mask.eq(
                Cat(elements > Mux(narrow, 2 * word * i, word * i) for i in range(banks))
            ),
            self.tag.index.eq(index),
            self.tag.last.eq(b_end & self.tag.b),
            self.tag.upper.eq(pointer[0]),
        ]

        # Where the next blocks and chunks start. `a_next` and `b_next` follow the lines that the
        # first chunk read.
        a_block, a_next, b_block, b_next = (
            Signal(17, name=name, reset_less=True) for name in ("a0", "a1", "b0", "b1")
        )
        c_column = Signal(16, reset_less=True)
        a_offset, b_offset, a_further, b_further, column = (
            Signal(17, name=name)
            for name in ("a_offset", "b_offset", "a_further", "b_further", "column")
        )
        a_step, b_step = (Mux(narrow, banks, 2 * banks) for narrow in (narrow_a, narrow_b))
        m.d.comb += [
            a_further.eq(a_offset + a_step),
            b_further.eq(b_offset + b_step),
            column.eq(Mux(op.trans_b, Mux(first, b_following, b_next), b_block + b_step)),
        ]
        addr = Signal(16, reset_less=True)
        m.d.comb += block.addr.eq(addr)

        with m.FSM():
            with m.State("IDLE"):
                command = self.command.payload
                m.d.comb += self.command.ready.eq(1)
                with m.If(self.command.valid):
                    m.d.sync += [
                        op.eq(command),
                        *[
                            left.eq(command[name])
                            for left, name in ((m_left, "m"), (n_left, "n"), (k_left, "k"))
                        ],
                        *[pointer.eq(Cat(0, command.a)) for pointer in (a_block, a_line)],
                        *[pointer.eq(Cat(0, command.b)) for pointer in (b_block, b_line)],
                        *[pointer.eq(command.c) for pointer in (c_column, addr)],
                    ]
                    m.next = "BEGIN"

            with m.State("BEGIN"):
                m.d.comb += begin.eq(used != 2)
                with m.If(begin):
                    m.next = "A"

            with m.State("A"):
                m.d.comb += self.read.valid.eq(1)
                with m.If(self.read.ready):
                    m.d.sync += [a_line.eq(a_following), index.eq(index + 1)]
                    with m.If(a_end):
                        m.d.sync += index.eq(0)
                        with m.If(first):
                            m.d.sync += a_next.eq(a_following)
                        m.next = "B"

            with m.State("B"):
                m.d.comb += [self.read.valid.eq(1), self.tag.b.eq(1)]
                with m.If(self.read.ready):
                    m.d.sync += [b_line.eq(b_following), index.eq(index + 1)]
                    with m.If(b_end):
                        m.d.sync += [index.eq(0), first.eq(last_chunk)]
                        with m.If(first):
                            m.d.sync += b_next.eq(b_following)
                        m.next = "BEGIN"
                        with m.If(~last_chunk):
                            m.d.sync += [
                                *[
                                    k_left.eq(k_left - width),
                                    a_offset.eq(a_further),
                                    b_offset.eq(b_further),
                                ],
                                a_line.eq(a_block + a_further),
                            ]
                            with m.If(op.trans_b):
                                m.d.sync += b_line.eq(b_block + b_further)
                        with m.Elif(~last_rows):
                            m.d.sync += [
                                *[
                                    k_left.eq(op.k),
                                    a_offset.eq(0),
                                    b_offset.eq(0),
                                    m_left.eq(m_left - rows),
                                ],
                                *[pointer.eq(a_next) for pointer in (a_block, a_line)],
                                b_line.eq(b_block),
                                addr.eq(addr + rows * op.ldc),
                            ]
                        with m.Else():
                            m.d.sync += [
                                *[
                                    k_left.eq(op.k),
                                    a_offset.eq(0),
                                    b_offset.eq(0),
                                    m_left.eq(op.m),
                                    n_left.eq(n_left - width),
                                ],
                                *[pointer.eq(Cat(0, op.a)) for pointer in (a_block, a_line)],
                                *[pointer.eq(column) for pointer in (b_block, b_line)],
                                # A line of operands makes two lines of FP32 results.
                                *[pointer.eq(c_column + 2 * banks) for pointer in (c_column, addr)],
                            ]
                            with m.If(last_columns):
                                m.next = "IDLE"
        return m
