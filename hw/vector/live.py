"""Which lanes of a chunk hold columns that exist and are not masked."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.float.stage import scratch
from hw.layouts import command_layout
from hw.vector.operation import operation
from isa.instructions import Kind

__all__ = ["LiveColumns"]


class LiveColumns(wiring.Component):
    """Counts the live columns of a row down, chunk after chunk, and moves the mask from row to row.

    Members
    -------
    start : ``In(1)``
        Begin with the instruction in `command`.
    command : ``In(command_layout)``
        Used with ``start``.
    next, last : ``In(1)``
        Go on to the next chunk; this one is the last of its row.
    alive : ``Out(lanes)``
        The lanes of the chunk that count, by a comparison from registers.
    """

    def __init__(self, *, lanes: int):
        self._lanes = lanes
        super().__init__(
            {
                "start": In(1),
                "command": In(command_layout(Kind.VECTOR)),
                "next": In(1),
                "last": In(1),
                "alive": Out(lanes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes, command = self._lanes, self.command
        bits = exact_log2(lanes)

        columns, masked, step = Signal(12, reset_less=True), Signal(), Signal()
        # The mask moves right by at most one a row.
        limit, limit_now = Signal(signed(15), reset_less=True), scratch(signed(15), "limit_now")
        rows, rows_left = Signal(8, reset_less=True), Signal(8, reset_less=True)
        left, masked_now = Signal(12, reset_less=True), Signal()
        whole_row, columns_now = scratch(12, "whole_row"), scratch(12, "columns_now")
        m.d.comb += self.alive.eq(Mux(left[bits:].any(), (1 << lanes) - 1, (1 << left[:bits]) - 1))
        with m.If(self.start | self.next):
            m.d.comb += [
                step.eq(rows_left == 1),
                # Live columns of the row that begins: the first at `start`, else the next.
                limit_now.eq(Mux(self.start, command.mask, limit + step)),
                columns_now.eq(Mux(self.start, command.n, columns)),
                masked_now.eq(
                    Mux(self.start, command.masked & operation(command.opcode).may_mask, masked)
                ),
                whole_row.eq(
                    Mux(
                        masked_now & (limit_now < columns_now),
                        Mux(limit_now < 0, 0, limit_now),
                        columns_now,
                    )
                ),
            ]
        with m.If(self.start):
            m.d.sync += [
                columns.eq(columns_now),
                masked.eq(masked_now),
                limit.eq(limit_now),
                rows.eq(command.mask_rows),
                rows_left.eq(command.mask_rows),
                left.eq(whole_row),
            ]
        with m.Elif(self.next):
            with m.If(self.last):
                m.d.sync += [
                    limit.eq(limit_now),
                    rows_left.eq(Mux(step, rows, rows_left - rows.any())),
                    left.eq(whole_row),
                ]
            with m.Else():
                m.d.sync += left.eq(Mux(left[bits:].any(), left - lanes, 0))
        return m
