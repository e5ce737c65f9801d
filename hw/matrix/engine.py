"""Matrix engine: MATMUL instructions, from L1 to L1."""

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.layouts import L1Port, command_layout
from hw.matrix.array import Array
from hw.matrix.drain import Drain
from hw.matrix.fill import Fill
from hw.matrix.layouts import block_layout, chunk_layout, tag_layout
from hw.matrix.loader import Loader
from hw.matrix.operands import Operands
from hw.matrix.port import MatrixPort
from hw.matrix.stepper import Stepper
from hw.network.fifo import Fifo
from isa.instructions import Kind
from isa.machine import Tile

__all__ = ["MatrixEngine"]


class MatrixEngine(wiring.Component):
    """Executes MATMUL: C (+)= A * B or A * B^T, with FP32 accumulation in ascending k, one rounding
    per multiply-accumulate.

    C is cut into blocks of matrix_rows x line_elements, and k into chunks of line_elements::

        for each column block, row block, chunk of k:
                Loader: A and B lines of the chunk from L1, two chunks ahead
            for each k, column group:
                Stepper: one slot of the Array, matrix_rows x matrix_columns MACs
        Fill prepares the accumulators of the next block (from C where it accumulates),
        Drain writes those of the one before.

    All stages work at the same time on different chunks and blocks, of different instructions, too:
    with full blocks and an L1 that grants every request, back-to-back instructions keep the array
    busy in every cycle. Instructions are issued and completed in order, but the operands of one are
    read while earlier ones still compute and write: an instruction that reads what an earlier one
    writes must wait for it by a semaphore.

    A block takes k * max(column groups in use, mac_latency) cycles of the array, and matrix_rows *
    column_groups cycles of Drain (and as many of Fill, which follows Drain row by row), which are
    hidden where k is a little more than matrix_rows. Per chunk, L1 sees one read per row of A and
    per line of B; per block, two writes per row, and as many reads if it accumulates.

    Parameters
    ----------
    tile : :class:`Tile`
        Tile description.

    Members
    -------
    command : ``In(stream(command_layout(Kind.MATRIX)))``
        Instructions, with registers already added to their addresses.
    done : ``Out(1)``
        The last word of the oldest instruction is being written: 1 for a cycle per instruction.
    l1 : ``Out(L1Port(tile))``
        Operands and results.
    active : ``Out(1)``
        The array accepts a slot.
    busy : ``Out(1)``
        An instruction is in flight.
    behind : ``Out(3)``
        Whose access L1 took in the cycle before: that of the instruction that was then so many
        behind the oldest one.
    operand_stall, drain_stall : ``Out(1)``
        The array waits for A, B or C from L1; for accumulators whose results are still being
        written.
    """

    def __init__(self, *, tile: Tile):
        if not isinstance(tile, Tile):
            raise TypeError(f"Tile must be an isa.machine.Tile, not {tile!r}")
        self._tile = tile
        super().__init__(
            {
                "command": In(stream.Signature(command_layout(Kind.MATRIX))),
                "done": Out(1),
                "l1": Out(L1Port(tile)),
                "active": Out(1),
                "busy": Out(1),
                "behind": Out(3),
                "operand_stall": Out(1),
                "drain_stall": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile = self._tile
        m.submodules.loader = loader = Loader(tile=tile)
        m.submodules.chunks = chunks = Fifo(shape=chunk_layout(tile), depth=2)
        m.submodules.stepper = stepper = Stepper(tile=tile)
        m.submodules.operands = operands = Operands(tile=tile)
        array = Array(tile=tile)
        m.submodules.array = once(platform, "array", array)
        m.submodules.blocks = blocks = Fifo(shape=block_layout(tile), depth=2)
        m.submodules.fill = fill = Fill(tile=tile)
        m.submodules.prepared = prepared = Fifo(shape=block_layout(tile), depth=2)
        m.submodules.drain = drain = Drain(tile=tile)
        m.submodules.port = port = MatrixPort(tile=tile)

        # Descriptors.
        wiring.connect(m, wiring.flipped(self.command), loader.command)
        wiring.connect(m, loader.chunk, chunks.i)
        wiring.connect(m, chunks.o, stepper.chunk)
        wiring.connect(m, loader.block, blocks.i)
        wiring.connect(m, blocks.o, fill.block)
        wiring.connect(m, fill.prepared, prepared.i)
        wiring.connect(m, prepared.o, drain.block)

        # Memory. An answer comes one cycle after its request was granted.
        wiring.connect(m, loader.read, port.load)
        wiring.connect(m, fill.read, port.fill)
        wiring.connect(m, drain.write, port.drain)
        wiring.connect(m, port.l1, wiring.flipped(self.l1))
        tag = Signal(tag_layout(tile))
        with m.If(loader.read.valid & loader.read.ready):
            m.d.sync += tag.eq(loader.tag)

        m.d.comb += [
            # Operands.
            operands.arrived.eq(port.load_arrived),
            operands.line.eq(port.line),
            operands.tag.eq(tag),
            stepper.complete.eq(operands.complete),
            stepper.arriving.eq(operands.arriving),
            stepper.lines.eq(operands.lines),
            loader.free.eq(stepper.free),
            operands.free.eq(stepper.free),
            # Slots.
            operands.valid.eq(stepper.valid),
            operands.slot.eq(stepper.slot),
            array.valid.eq(operands.late_valid),
            array.slot.eq(operands.late_slot),
            *[into.eq(out) for into, out in zip(array.a, operands.a, strict=True)],
            *[into.eq(out) for into, out in zip(array.b, operands.b, strict=True)],
            # Accumulators.
            stepper.ready.eq(fill.ready),
            stepper.occupied.eq(fill.occupied),
            fill.taken.eq(stepper.valid & stepper.slot.final),
            fill.taken_bank.eq(stepper.slot.bank),
            fill.arrived.eq(port.fill_arrived),
            fill.line.eq(port.line),
            array.fill.eq(fill.fill),
            array.fill_row.eq(fill.fill_row),
            array.fill_entry.eq(fill.fill_entry),
            array.fill_data.eq(fill.fill_data),
            drain.finished.eq(array.finished),
            array.read.eq(drain.read),
            array.read_row.eq(drain.row),
            array.read_entry.eq(drain.entry),
            drain.data.eq(array.read_data),
            fill.emptying.eq(drain.emptying),
            fill.emptying_bank.eq(drain.bank),
            fill.emptying_row.eq(drain.row),
            fill.emptied.eq(drain.emptied),
            # Status.
            self.done.eq(drain.done),
            self.active.eq(stepper.valid),
            self.operand_stall.eq(stepper.operand_stall),
            self.drain_stall.eq(stepper.drain_stall),
        ]
        # Two operand buffers and two banks hold no more blocks, and the loader one instruction
        # more.
        flying = Signal(range(8))
        accepted = Signal()
        m.d.comb += [
            accepted.eq(self.command.valid & self.command.ready),
            self.busy.eq(flying != 0),
        ]
        with m.If(accepted & ~self.done):
            m.d.sync += flying.eq(flying + 1)
        with m.Elif(self.done & ~accepted):
            m.d.sync += flying.eq(flying - 1)
        self._attribute(m, loader, fill, flying)
        return m

    def _attribute(self, m, loader, fill, flying):
        """Operands are those of the youngest instruction, results those of the oldest, and what is
        accumulated upon is that of the first whose last block has not been filled.
        """
        filled, fills = Signal(range(8)), fill.prepared.valid & fill.prepared.payload.final
        m.d.sync += filled.eq(filled + fills - self.done)
        with m.If(loader.read.valid & loader.read.ready):
            m.d.sync += self.behind.eq(flying - 1)
        with m.Elif(fill.read.valid & fill.read.ready):
            m.d.sync += self.behind.eq(filled)
        with m.Else():
            m.d.sync += self.behind.eq(0)
