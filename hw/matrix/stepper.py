"""Second stage of the matrix engine: what the array does in each cycle."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.matrix.layouts import chunk_layout, slot_layout
from isa.machine import Tile

__all__ = ["Stepper"]


class Stepper(wiring.Component):
    """Walks a chunk as ``for k: for column group``, one slot a cycle, and chunks back to back.

    A step of k takes mac_latency cycles at least, and one per column group of the block: the cycles
    without a group are bubbles, so that a group's sum is back in the accumulators when the group's
    next turn comes. A slot waits for the lines it reads only: all rows of A, and of B row k, or
    with ``transposed`` the lines of its columns.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    chunk : ``In(stream(chunk_layout(tile)))``
        Chunks; one is taken when its last slot issues, or the bubbles that follow have passed.
    complete : ``In(2)``
        For each operand buffer, whether it holds all lines of its chunk.
    arriving, lines : ``In(1)``, ``In(range(line_elements + 1))``
        The buffer being filled, and how many lines of B it holds; where it holds one, it holds A.
    ready, occupied : ``In(2)``
        For each accumulator bank, whether it is prepared for its next block, and whether it holds
        another's results.
    valid, slot : ``Out(1)``, ``Out(slot_layout(tile))``
        A slot issues in this cycle.
    free : ``Out(1)``
        The chunk is taken: its last slot has issued or issues now.
    operand_stall, drain_stall : ``Out(1)``
        A slot waits for operands (of C, too), or for a bank of accumulators to be emptied.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        self._tile = tile
        super().__init__(
            {
                "chunk": In(stream.Signature(chunk_layout(tile))),
                "complete": In(2),
                "arriving": In(1),
                "lines": In(range(tile.line_elements + 1)),
                "ready": In(2),
                "occupied": In(2),
                "valid": Out(1),
                "slot": Out(slot_layout(tile)),
                "free": Out(1),
                "operand_stall": Out(1),
                "drain_stall": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, chunk, slot = self._tile, self.chunk.payload, self.slot
        columns = tile.matrix_columns

        k, turn = Signal(range(tile.line_elements)), Signal(range(tile.column_groups))
        buffer, bank = Signal(), Signal()
        last_k, last_turn = Signal(), Signal()
        here, need = Signal(), Signal(range(tile.line_elements))
        prepared, bubble, advance = Signal(), Signal(), Signal()
        m.d.comb += [
            last_k.eq(k == chunk.last_step),
            last_turn.eq((turn >= chunk.last_group) & (turn >= tile.mac_latency - 1)),
            # The last line of a group; beyond the last line of B, that is when all are there.
            need.eq(
                Mux(chunk.transposed, Cat(Const(columns - 1, columns.bit_length() - 1), turn), k)
            ),
            here.eq(
                self.complete.bit_select(buffer, 1)
                | ((self.arriving == buffer) & (need < self.lines))
            ),
            prepared.eq(self.ready.bit_select(bank, 1)),
            bubble.eq(turn > chunk.last_group),
            self.valid.eq(self.chunk.valid & ~bubble & here & prepared),
            advance.eq(self.valid | (self.chunk.valid & bubble)),
            self.free.eq(advance & last_k & last_turn),
            self.chunk.ready.eq(self.free),
            self.drain_stall.eq(
                self.chunk.valid & ~bubble & ~prepared & self.occupied.bit_select(bank, 1)
            ),
            self.operand_stall.eq(self.chunk.valid & ~advance & ~self.drain_stall),
            slot.k.eq(k),
            slot.group.eq(turn),
            slot.bank.eq(bank),
            slot.buffer.eq(buffer),
            slot.step.eq(turn == 0),
            slot.load.eq((turn == 0) & (k == 0)),
            slot.clear.eq(chunk.first & (k == 0) & ~chunk.accumulate),
            slot.final.eq(chunk.last & last_k & (turn == chunk.last_group)),
            slot.transposed.eq(chunk.transposed),
            slot.fmt_a.eq(chunk.fmt_a),
            slot.fmt_b.eq(chunk.fmt_b),
        ]
        with m.If(advance):
            m.d.sync += turn.eq(Mux(last_turn, 0, turn + 1))
            with m.If(last_turn):
                m.d.sync += k.eq(Mux(last_k, 0, k + 1))
                with m.If(last_k):
                    m.d.sync += [buffer.eq(~buffer), bank.eq(bank ^ chunk.last)]
        return m
