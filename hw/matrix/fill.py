"""Third stage of the matrix engine, before the array: prepare a bank of accumulators for a
block.
"""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.matrix.layouts import block_layout, read_layout, result_words
from hw.matrix.pick import pick
from isa.machine import Tile

__all__ = ["Fill"]


class Fill(wiring.Component):
    """Takes blocks in order, into the two banks in turn, and reads the block of C from L1 where it
    is accumulated upon.

    A row may enter a bank as soon as the same row of the results before has left. A line holds half
    a row; it is read when the one before it is about to be used up, and goes to the accumulators in
    column_groups / 2 cycles, an entry in each.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    block : ``In(stream(block_layout(tile)))``
        Blocks; one is taken in the cycle before its bank is ready.
    prepared : ``Out(stream(block_layout(tile)))``
        The block that is being taken. Never refused: there are two banks.
    ready, occupied : ``Out(2)``
        For each bank, whether the array may begin a block in it, and whether it is in use, ready or
        not.
    taken, taken_bank : ``In(1)``
        The array's last slot with this bank issues.
    emptying, emptying_bank, emptying_row, emptied : ``In``
        Results of the rows below this one have left this bank; and the last row leaves now.
    read, arrived, line : ``Out(stream(read_layout(tile)))``, ``In(1)``, ``In(8 * line_bytes)``
        Reads of L1, one at a time.
    fill, fill_row, fill_entry, fill_data : ``Out``
        To the accumulators.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        self._tile = tile
        super().__init__(
            {
                "block": In(stream.Signature(block_layout(tile))),
                "prepared": Out(stream.Signature(block_layout(tile))),
                "ready": Out(2),
                "occupied": Out(2),
                "taken": In(1),
                "taken_bank": In(1),
                "emptying": In(1),
                "emptying_bank": In(1),
                "emptying_row": In(range(tile.matrix_rows)),
                "emptied": In(1),
                "read": Out(stream.Signature(read_layout(tile))),
                "arrived": In(1),
                "line": In(8 * tile.line_bytes),
                "fill": Out(1),
                "fill_row": Out(range(tile.matrix_rows)),
                "fill_entry": Out(range(2 * tile.column_groups)),
                "fill_data": Out(32 * tile.matrix_columns),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, block = self._tile, self.block.payload
        pieces = tile.column_groups // 2

        # Requests.
        bank, free, allowed = Signal(), Signal(), Signal()
        row, half, offset, all_read = (
            Signal(range(tile.matrix_rows)),
            Signal(),
            Signal(16),
            Signal(),
        )
        outstanding, left = Signal(), Signal(range(pieces + 1))
        last_half, granted = Signal(), Signal()
        m.d.comb += [
            free.eq(~self.occupied.bit_select(bank, 1)),
            allowed.eq(
                free | (self.emptying & (self.emptying_bank == bank) & (self.emptying_row > row))
            ),
            # A line takes two cycles to arrive in the line register, which must be used up by then.
            self.read.valid.eq(
                self.block.valid
                & block.accumulate
                & ~all_read
                & allowed
                & ~outstanding
                & (left <= 2)
            ),
            self.read.payload.addr.eq(block.addr + offset + Mux(half, tile.l1_banks, 0)),
            self.read.payload.mask.eq(result_words(tile, block.columns, half)),
            last_half.eq(half | (block.columns <= tile.line_elements // 2)),
            granted.eq(self.read.valid & self.read.ready),
        ]
        with m.If(granted):
            m.d.sync += half.eq(~last_half)
            with m.If(last_half):
                m.d.sync += [
                    row.eq(row + 1),
                    offset.eq(offset + block.pitch),
                    all_read.eq(row == block.rows - 1),
                ]

        # Line register.
        line = Signal(8 * tile.line_bytes, reset_less=True)
        coming = [Signal.like(row), Signal.like(half)]
        piece = Signal(range(pieces))
        here = [Signal.like(row), Signal.like(half)]
        m.d.sync += outstanding.eq(granted)
        with m.If(granted):
            m.d.sync += [coming[0].eq(row), coming[1].eq(half)]
        with m.If(self.arrived):
            m.d.sync += [
                line.eq(self.line),
                left.eq(pieces),
                piece.eq(0),
                here[0].eq(coming[0]),
                here[1].eq(coming[1]),
            ]
        with m.Elif(self.fill):
            m.d.sync += [left.eq(left - 1), piece.eq(piece + 1)]
        m.d.comb += [
            self.fill.eq(left != 0),
            self.fill_row.eq(here[0]),
            self.fill_entry.eq(Cat(piece, here[1], bank)),
        ]
        with m.If(self.fill):
            m.d.comb += self.fill_data.eq(pick(m, line, piece, 32 * tile.matrix_columns))

        # Banks.
        filled = Signal()
        m.d.comb += [
            filled.eq(~block.accumulate | (all_read & ~outstanding & (left <= 1))),
            self.prepared.valid.eq(self.block.valid & free & filled),
            self.prepared.payload.eq(block),
            self.block.ready.eq(self.prepared.valid),
        ]
        with m.If(self.prepared.valid):
            m.d.sync += [bank.eq(~bank), row.eq(0), half.eq(0), offset.eq(0), all_read.eq(0)]
        for index in range(2):
            with m.If(self.prepared.valid & (bank == index)):
                m.d.sync += [self.ready[index].eq(1), self.occupied[index].eq(1)]
            with m.Else():
                with m.If(self.taken & (self.taken_bank == index)):
                    m.d.sync += self.ready[index].eq(0)
                with m.If(self.emptied & (self.emptying_bank == index)):
                    m.d.sync += self.occupied[index].eq(0)
        return m
