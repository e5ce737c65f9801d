"""Last stage of the matrix engine: write finished blocks to L1."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import L1Request
from hw.matrix.layouts import block_layout, result_words
from isa.machine import Tile

__all__ = ["Drain"]


class Drain(wiring.Component):
    """Reads the results of each finished block from its bank of accumulators, row by row, and
    writes them in lines.

    A line holds half a row, which is column_groups / 2 entries of the accumulators. They are read
    one a cycle; the last one goes straight from the accumulators' port into the request, so that a
    line is written every column_groups / 2 cycles.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    block : ``In(stream(block_layout(tile)))``
        Blocks whose bank is in use, in order and in the two banks in turn; one is taken when its
        last entry is read.
    finished : ``In(1)``
        The results of the oldest block not yet finished are complete.
    read, row, entry, data : ``Out``, ``Out``, ``Out``, ``In``
        Accumulators: `data` is there in the cycle after `read`, and held.
    emptying, bank, emptied : ``Out(1)``
        Results up to `row`, exclusive, have left `bank`; the last entry leaves now.
    write : ``Out(stream(L1Request(tile)))``
        Results: words with at least one column of C, other columns in them being 0.
    done : ``Out(1)``
        The last line of an instruction is granted.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        self._tile = tile
        super().__init__(
            {
                "block": In(stream.Signature(block_layout(tile))),
                "finished": In(1),
                "read": Out(1),
                "row": Out(range(tile.matrix_rows)),
                "entry": Out(range(2 * tile.column_groups)),
                "data": In(32 * tile.matrix_columns),
                "emptying": Out(1),
                "bank": Out(1),
                "emptied": Out(1),
                "write": Out(stream.Signature(L1Request(tile))),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, block = self._tile, self.block.payload
        pieces, half_columns = tile.column_groups // 2, tile.line_elements // 2

        # Read entries.
        unread = Signal(range(3))  # finished blocks
        with m.If(self.finished & ~self.emptied):
            m.d.sync += unread.eq(unread + 1)
        with m.Elif(self.emptied & ~self.finished):
            m.d.sync += unread.eq(unread - 1)
        piece, half, offset = Signal(range(pieces)), Signal(), Signal(16)
        last_piece, last_half, last_row, advance = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.emptying.eq(unread != 0),
            self.read.eq(self.emptying & advance),
            self.entry.eq(Cat(piece, half, self.bank)),
            last_piece.eq(piece == pieces - 1),
            last_half.eq(half | (block.columns <= half_columns)),
            last_row.eq(self.row == block.rows - 1),
            self.emptied.eq(self.read & last_piece & last_half & last_row),
            self.block.ready.eq(self.emptied),
        ]
        with m.If(self.read):
            m.d.sync += piece.eq(Mux(last_piece, 0, piece + 1))
            with m.If(last_piece):
                m.d.sync += half.eq(~last_half)
                with m.If(last_half):
                    m.d.sync += [self.row.eq(self.row + 1), offset.eq(offset + block.pitch)]
        with m.If(self.emptied):
            m.d.sync += [self.row.eq(0), offset.eq(0), self.bank.eq(~self.bank)]

        # Gather them into a line, and write it with its last entry.
        held, held_piece, whole = Signal(), Signal.like(piece), Signal()
        addr, mask, final = (
            Signal(16, reset_less=True),
            Signal(tile.l1_banks, reset_less=True),
            Signal(reset_less=True),
        )
        live = Signal(half_columns, reset_less=True)
        entries = [
            Signal(32 * tile.matrix_columns, name=f"entry_{index}", reset_less=True)
            for index in range(pieces - 1)
        ]
        with m.If(advance):
            m.d.sync += [held.eq(self.read), whole.eq(self.read & last_piece)]
        with m.If(self.read):
            m.d.sync += held_piece.eq(piece)
            with m.If(last_piece):
                m.d.sync += [
                    addr.eq(block.addr + offset + Mux(half, tile.l1_banks, 0)),
                    mask.eq(result_words(tile, block.columns, half)),
                    live.eq(
                        Cat(
                            Mux(half, block.columns - half_columns, block.columns) > column
                            for column in range(half_columns)
                        )
                    ),
                    final.eq(block.final & last_half & last_row),
                ]
        for index, entry in enumerate(entries):
            with m.If(held & (held_piece == index)):
                m.d.sync += entry.eq(self.data)
        gathered = Cat(*entries, self.data)
        request = self.write.payload
        m.d.comb += [
            self.write.valid.eq(whole),
            advance.eq(~whole | self.write.ready),
            request.write.eq(1),
            request.addr.eq(addr),
            request.mask.eq(mask),
            request.data.eq(
                Cat(
                    gathered.word_select(c, 32) & live[c].replicate(32) for c in range(half_columns)
                )
            ),
            self.done.eq(whole & self.write.ready & final),
        ]
        return m
