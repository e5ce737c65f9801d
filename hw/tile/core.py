"""The inside of a tile: four queues with their engines around one L1, and three routers."""

from amaranth import Cat, Module, ResetSignal
from amaranth.lib import wiring

from hw.layouts import data_flit, request_flit
from hw.tile.errors import error_sources, keep_first_error
from hw.tile.inside import show_inside
from hw.tile.merge import Merge
from hw.tile.observe import observe
from hw.tile.parts import Parts
from hw.tile.ports import tile_signature
from isa.instructions import Queue
from isa.machine import Machine
from isa.packets import FlitKind, Port

__all__ = ["TileCore"]


class TileCore(wiring.Component):
    """Everything of a tile but its boundary registers: see `hw.tile.tile.Tile`.

    Parameters
    ----------
    machine : :class:`Machine`
        Machine description.
    waves : bool
        Show what waveforms need, see `hw.tile.inside`.
    gated : bool
        Parts that can sleep are in clock domains of their names, see `GATED`.

    Members
    -------
    See `tile_signature`.
    """

    def __init__(self, *, machine: Machine, waves: bool = False, gated: bool = False):
        self._machine, self._waves, self._gated = machine, waves, gated
        super().__init__(tile_signature(machine, waves=waves, gated=gated))

    def elaborate(self, platform):
        m = Module()
        self._parts = Parts(m, self._machine, gated=self._gated)
        self._connect_l1(m)
        self._connect_links(m)
        self._connect_local(m)
        self._synchronise(m)
        self._connect_program(m)
        self._connect_boot(m)
        errors = keep_first_error(m, self, error_sources(self._parts, self.expired))
        observe(m, self, self._parts, errors)
        if self._gated:
            awake = Cat(part.awake for part in self._parts.gated.values())
            m.d.comb += self.awake.eq(awake | ResetSignal().replicate(len(awake)))
        if self._waves:
            show_inside(m, self, self._parts)
        return m

    def _connect_l1(self, m):
        ejector, vector = self._parts.ejector, self._parts.vector
        clients = (
            ejector.l1_data,
            ejector.l1_reduce,
            self._parts.out.l1,
            self._parts.matrix.l1,
            vector.write,
            vector.read,
        )
        for port, client in zip(self._parts.l1.ports, clients, strict=True):
            wiring.connect(m, client, port)

    def _connect_links(self, m):
        for network, router in self._parts.routers.items():
            m.d.comb += [router.x.eq(self.x), router.y.eq(self.y)]
            if network != "reduce":
                m.d.comb += router.last_y.eq(self.mesh.last_y)
            for edge in range(4):
                wiring.connect(
                    m, wiring.flipped(getattr(self, f"{network}_i")[edge]), router.i[1 + edge]
                )
                wiring.connect(
                    m, router.o[1 + edge], wiring.flipped(getattr(self, f"{network}_o")[edge])
                )

    def _connect_local(self, m):
        """What enters and leaves the networks here."""
        tile, out, ejector = self._machine.tile, self._parts.out, self._parts.ejector
        data_router, request_router, reduce_router = self._parts.routers.values()
        wiring.connect(m, data_router.o[Port.LOCAL], ejector.data)
        wiring.connect(m, reduce_router.o[Port.LOCAL], ejector.reduce)
        wiring.connect(m, out.reduce, reduce_router.i[Port.LOCAL])
        m.submodules.signals = signals = self._signals = Merge(
            shape=data_flit(tile), inputs=len(Queue)
        )
        m.submodules.data_merge = data_merge = Merge(shape=data_flit(tile), inputs=3)
        wiring.connect(m, ejector.turned, data_merge.i[0])
        wiring.connect(m, signals.o, data_merge.i[1])
        wiring.connect(m, out.data, data_merge.i[2])
        wiring.connect(m, data_merge.o, data_router.i[Port.LOCAL])
        m.submodules.request_merge = request_merge = Merge(shape=request_flit(tile), inputs=3)
        wiring.connect(m, self._parts.boot.request, request_merge.i[0])
        wiring.connect(m, self._parts.load.request, request_merge.i[1])
        wiring.connect(m, out.request, request_merge.i[2])
        wiring.connect(m, request_merge.o, request_router.i[Port.LOCAL])
        # No request ends in a tile.
        m.d.comb += request_router.o[Port.LOCAL].ready.eq(1)

    def _synchronise(self, m):
        """Queues with their engines, semaphores and the signals to other tiles."""
        semaphores, signals, out = self._parts.semaphores, self._signals, self._parts.out
        engines = dict(
            zip(Queue, (self._parts.matrix, self._parts.vector, self._parts.load, out), strict=True)
        )
        for index, bump in enumerate(self._parts.ejector.bump):
            wiring.connect(m, bump, semaphores.bump[index])
        for queue, sequencer in self._parts.sequencers.items():
            engine = engines[queue]
            wiring.connect(m, sequencer.command, engine.command)
            wiring.connect(m, sequencer.wait, semaphores.wait[queue])
            signal, local, remote = sequencer.signal, semaphores.bump[2 + queue], signals.i[queue]
            flit = remote.payload
            m.d.comb += [
                sequencer.done.eq(engine.done),
                sequencer.run.eq(self.run),
                sequencer.stop.eq(self.stop | self.error),
                sequencer.entry.eq(self._parts.boot.entries[queue]),
                sequencer.x.eq(self.x),
                sequencer.y.eq(self.y),
                sequencer.mesh.eq(self.mesh),
                local.payload.eq(signal.payload.sem),
                local.valid.eq(signal.valid & ~signal.payload.remote),
                *[flit[name].eq(signal.payload.x) for name in ("x0", "x1")],
                *[flit[name].eq(signal.payload.y) for name in ("y0", "y1")],
                flit.kind.eq(FlitKind.SIGNAL),
                flit.bump.eq(1),
                flit.sem.eq(signal.payload.sem),
                remote.valid.eq(signal.valid & signal.payload.remote),
                signal.ready.eq((local.valid & local.ready) | (remote.valid & remote.ready)),
            ]
        m.d.comb += [
            self._parts.sequencers[Queue.MATRIX].behind.eq(self._parts.matrix.behind),
            out.x.eq(self.x),
            out.y.eq(self.y),
        ]

    def _connect_program(self, m):
        """Boot shares the matrix queue's fetch port: no queue runs before every tile has booted."""
        program, boot = self._parts.program, self._parts.boot
        for queue, sequencer in self._parts.sequencers.items():
            fetch = program.fetch[queue]
            m.d.comb += [
                fetch.payload.eq(sequencer.fetch.payload),
                fetch.valid.eq(sequencer.fetch.valid),
                sequencer.fetch.ready.eq(fetch.ready),
                sequencer.fetch_valid.eq(program.fetch_valid[queue]),
                sequencer.fetch_data.eq(program.fetch_data),
            ]
        with m.If(~boot.booted):
            m.d.comb += [
                program.fetch[Queue.MATRIX].payload.eq(boot.fetch.payload),
                program.fetch[Queue.MATRIX].valid.eq(boot.fetch.valid),
            ]
        m.d.comb += [
            boot.fetch.ready.eq(program.fetch[Queue.MATRIX].ready & ~boot.booted),
            boot.fetch_valid.eq(program.fetch_valid[Queue.MATRIX]),
            boot.fetch_data.eq(program.fetch_data),
        ]

    def _connect_boot(self, m):
        boot, program, ejector = self._parts.boot, self._parts.program, self._parts.ejector
        m.d.comb += [
            boot.arrived.eq(ejector.program.valid),
            boot.x.eq(self.x),
            boot.y.eq(self.y),
            boot.channel_x.eq(self.boot_x),
            boot.channel_y.eq(self.boot_y),
            boot.channel_edge.eq(self.boot_edge),
            boot.address.eq(self.boot_address),
            boot.words.eq(self.boot_words),
            program.write_valid.eq(ejector.program.valid),
            program.write_addr.eq(ejector.program.addr),
            program.write_data.eq(ejector.program.data),
            self.booted.eq(boot.booted),
        ]
