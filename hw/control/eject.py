"""What arrives at a tile: words for the L1 and the program memory, and counts for the
semaphores.
"""

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.control.line_writer import LineWriter
from hw.layouts import SEM, L1Port, data_flit, reduce_flit
from hw.network.fifo import Fifo
from isa.instructions import BITS
from isa.machine import Tile
from isa.packets import FlitKind

__all__ = ["Ejector"]


class Ejector(wiring.Component):
    """Writes arriving flits to memory, from the cycle after their arrival on, one a cycle from each
    network.

    A data flit is a word for the L1 (WRITE) or for the program memory (PROGRAM), or only a count
    for a semaphore (SIGNAL). A reduction's flit is a word for the L1, or with ``turn`` goes back
    into the data network as a multicast to its rectangle. Consecutive words are written together
    (`LineWriter`), at the latest with the first one that carries a count. The count that a flit
    carries with ``bump`` is offered from the cycle after its word, and every one before it, was
    written; it goes on with a flit that turns. A word beyond the memory is dropped with its count
    and reported.

    Nothing waits for anything but the L1, the semaphores and, for flits that turn, the data
    network: whatever is sent to a tile leaves the network, which is what the networks' freedom of
    deadlock rests on. The two networks do not wait for each other.

    Parameters
    ----------
    tile : Tile
        Words of the memories.

    Members
    -------
    data : ``In(stream(data_flit))``, reduce : ``In(stream(reduce_flit))``
        What the routers' LOCAL outputs send.
    l1_data, l1_reduce : ``Out(L1Port)``
        Writes of up to a line.
    program : ``Out(struct)``
        A write to the program memory in each cycle with ``valid``: ``data`` to word ``addr``.
        Always accepted.
    bump : ``Out(stream(SEM)).array(2)``
        Counts from data flits and from reduction flits.
    turned : ``Out(stream(data_flit))``
        Reduction results to multicast.
    error : ``Out(struct)``
        ``valid`` in the cycle in which a word for beyond the L1 or the program memory is dropped,
        with its ``addr``.
    tags : ``Out(8).array(2)``
        Tags of the last words of what is offered to ``l1_data`` and ``l1_reduce``.
    words : ``Out(1).array(2)``
        In this cycle, a word for the L1 leaves the data network, the reduction network.
    """

    latency = 1

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "data": In(stream.Signature(data_flit(tile))),
                "reduce": In(stream.Signature(reduce_flit(tile))),
                "l1_data": Out(L1Port(tile)),
                "l1_reduce": Out(L1Port(tile)),
                "program": Out(data.StructLayout({"valid": 1, "addr": 16, "data": tile.link_bits})),
                "bump": Out(stream.Signature(SEM)).array(2),
                "turned": Out(stream.Signature(data_flit(tile))),
                "error": Out(data.StructLayout({"valid": 1, "addr": 16})),
                "tags": Out(8).array(2),
                "words": Out(1).array(2),
            }
        )

    @property
    def program_words(self) -> int:
        """Words of the program memory."""
        return -(-self._tile.program_instructions * BITS // self._tile.link_bits)

    def elaborate(self, platform):
        m = Module()
        tile = self._tile
        # The FIFOs cut the path from the router's crossbar to the banks. A FIFO for counts lets a
        # flit leave for the L1 only when there is room for its count, without looking whether the
        # semaphores take one now.
        m.submodules.data_fifo = data_fifo = Fifo(shape=data_flit(tile), depth=2)
        m.submodules.reduce_fifo = reduce_fifo = Fifo(shape=reduce_flit(tile), depth=2)
        m.submodules.data_bump = data_bump = Fifo(shape=SEM, depth=2)
        m.submodules.reduce_bump = reduce_bump = Fifo(shape=SEM, depth=2)
        wiring.connect(m, wiring.flipped(self.data), data_fifo.i)
        wiring.connect(m, wiring.flipped(self.reduce), reduce_fifo.i)
        wiring.connect(m, data_bump.o, wiring.flipped(self.bump[0]))
        wiring.connect(m, reduce_bump.o, wiring.flipped(self.bump[1]))

        writers = []
        for name, fifo, bump, port in (
            ("data", data_fifo, data_bump, self.l1_data),
            ("reduce", reduce_fifo, reduce_bump, self.l1_reduce),
        ):
            m.submodules[f"{name}_writer"] = writer = LineWriter(tile=tile)
            wiring.connect(m, writer.l1, wiring.flipped(port))
            m.d.comb += [
                writer.word.payload.addr.eq(fifo.o.payload.addr),
                writer.word.payload.data.eq(fifo.o.payload.data),
                writer.word.payload.tag.eq(fifo.o.payload.tag),
                writer.word.payload.flush.eq(fifo.o.payload.bump),
                bump.i.payload.eq(fifo.o.payload.sem),
            ]
            writers.append(writer)
        data_writer, reduce_writer = writers
        m.d.comb += [tag.eq(writer.tag) for tag, writer in zip(self.tags, writers, strict=True)]

        # Data flits. `lost` is a word for beyond its memory; `room` is there for the count, behind
        # whatever came before.
        flit, valid, ready = data_fifo.o.payload, data_fifo.o.valid, data_fifo.o.ready
        room, lost = Signal(), Signal()
        m.d.comb += room.eq(~flit.bump | data_bump.i.ready)
        with m.Switch(flit.kind):
            with m.Case(FlitKind.WRITE):
                m.d.comb += [
                    lost.eq(flit.addr >= tile.l1_words),
                    data_writer.word.valid.eq(valid & room & ~lost),
                    ready.eq(lost | room & data_writer.word.ready),
                ]
            with m.Case(FlitKind.PROGRAM):
                m.d.comb += [
                    lost.eq(flit.addr >= self.program_words),
                    self.program.valid.eq(valid & ready & ~lost),
                    ready.eq(lost | ~flit.bump | room & data_writer.empty),
                ]
            with m.Default():
                m.d.comb += ready.eq(~flit.bump | room & data_writer.empty)
        m.d.comb += [
            data_writer.drain.eq(valid & flit.bump),
            self.program.addr.eq(flit.addr),
            self.program.data.eq(flit.data),
            data_bump.i.valid.eq(valid & ready & flit.bump & ~lost),
        ]

        # Reduction results.
        result, result_valid, result_ready = (
            reduce_fifo.o.payload,
            reduce_fifo.o.valid,
            reduce_fifo.o.ready,
        )
        result_room, result_lost = Signal(), Signal()
        m.d.comb += result_room.eq(~result.bump | reduce_bump.i.ready)
        with m.If(result.turn):
            m.d.comb += [self.turned.valid.eq(result_valid), result_ready.eq(self.turned.ready)]
        with m.Else():
            m.d.comb += [
                result_lost.eq(result.addr >= tile.l1_words),
                reduce_writer.word.valid.eq(result_valid & result_room & ~result_lost),
                result_ready.eq(result_lost | result_room & reduce_writer.word.ready),
                reduce_bump.i.valid.eq(result_valid & result_ready & result.bump & ~result_lost),
            ]
        turned = self.turned.payload
        m.d.comb += [
            self.words[0].eq(data_writer.word.valid & data_writer.word.ready),
            self.words[1].eq(reduce_writer.word.valid & reduce_writer.word.ready),
            turned.kind.eq(FlitKind.WRITE),
            *[
                turned[name].eq(result[name])
                for name in ("x0", "y0", "x1", "y1", "addr", "bump", "sem", "tag", "data")
            ],
        ]

        with m.If(valid & lost):
            m.d.comb += [self.error.valid.eq(1), self.error.addr.eq(flit.addr)]
        with m.Elif(result_valid & result_lost):
            m.d.comb += [self.error.valid.eq(1), self.error.addr.eq(result.addr)]
        return m
