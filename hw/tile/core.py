"""The inside of a tile: four queues with their engines around one L1, and three routers."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring

from hw.control.eject import Ejector
from hw.control.l1 import L1
from hw.control.load import LoadEngine
from hw.control.out import OutEngine
from hw.control.program import ProgramMemory
from hw.control.semaphores import Semaphores
from hw.control.sequencer import Sequencer
from hw.layouts import data_flit, request_flit
from hw.matrix.engine import MatrixEngine
from hw.network.reduce_router import ReduceRouter
from hw.network.router import Router
from hw.tile.boot import BootLoader
from hw.tile.inside import show_inside
from hw.tile.merge import Merge
from hw.tile.ports import tile_signature
from hw.tile.probes import Probes
from hw.vector.engine import VectorEngine
from isa.instructions import Queue
from isa.machine import Machine
from isa.packets import FlitKind, Port
from isa.status import L1_CLIENTS, ErrorCode, Event, Probe, QueueState

__all__ = ["TileCore"]


class TileCore(wiring.Component):
    """Everything of a tile but its boundary registers: see `hw.tile.tile.Tile`.

    Parameters
    ----------
    machine : :class:`Machine`
        Machine description.
    waves : bool
        Show what waveforms need, see `hw.tile.inside`.

    Members
    -------
    See `tile_signature`.
    """

    def __init__(self, *, machine: Machine, waves: bool = False):
        self._machine = machine
        self._waves = waves
        super().__init__(tile_signature(machine, waves=waves))

    def elaborate(self, platform):
        m = Module()
        machine, tile = self._machine, self._machine.tile

        m.submodules.l1 = l1 = L1(tile=tile, ports=len(L1_CLIENTS))
        m.submodules.semaphores = semaphores = Semaphores(
            tile=tile, bumps=2 + len(Queue), waiters=len(Queue)
        )
        m.submodules.program = program = ProgramMemory(tile=tile)
        m.submodules.matrix = matrix = MatrixEngine(tile=tile)
        m.submodules.vector = vector = VectorEngine(tile=tile)
        m.submodules.load = load = LoadEngine(tile=tile)
        m.submodules.out = out = OutEngine(tile=tile)
        m.submodules.ejector = ejector = Ejector(tile=tile)
        m.submodules.boot = boot = BootLoader(tile=tile)
        m.submodules.data_router = data_router = Router(
            machine=machine, payload=data_flit(tile), multicast=True
        )
        m.submodules.request_router = request_router = Router(
            machine=machine, payload=request_flit(tile), multicast=False
        )
        m.submodules.reduce_router = reduce_router = ReduceRouter(machine=machine, tile=tile)
        engines = {Queue.MATRIX: matrix, Queue.VECTOR: vector, Queue.LOAD: load, Queue.OUT: out}
        sequencers = {}
        for queue in Queue:
            sequencers[queue] = m.submodules[f"sequencer_{queue.name.lower()}"] = Sequencer(
                machine=machine, queue=queue
            )

        # Memory.
        clients = (ejector.l1_data, ejector.l1_reduce, out.l1, matrix.l1, vector.write, vector.read)
        for port, client in zip(l1.ports, clients, strict=True):
            wiring.connect(m, client, port)

        # Links, and what enters and leaves the networks here.
        for network, router in (
            ("data", data_router),
            ("request", request_router),
            ("reduce", reduce_router),
        ):
            m.d.comb += [router.x.eq(self.x), router.y.eq(self.y)]
            for edge in range(4):
                wiring.connect(
                    m, wiring.flipped(getattr(self, f"{network}_i")[edge]), router.i[1 + edge]
                )
                wiring.connect(
                    m, router.o[1 + edge], wiring.flipped(getattr(self, f"{network}_o")[edge])
                )
        wiring.connect(m, data_router.o[Port.LOCAL], ejector.data)
        wiring.connect(m, reduce_router.o[Port.LOCAL], ejector.reduce)
        wiring.connect(m, out.reduce, reduce_router.i[Port.LOCAL])
        m.submodules.signals = signals = Merge(shape=data_flit(tile), inputs=len(Queue))
        m.submodules.data_merge = data_merge = Merge(shape=data_flit(tile), inputs=3)
        wiring.connect(m, ejector.turned, data_merge.i[0])
        wiring.connect(m, signals.o, data_merge.i[1])
        wiring.connect(m, out.data, data_merge.i[2])
        wiring.connect(m, data_merge.o, data_router.i[Port.LOCAL])
        m.submodules.request_merge = request_merge = Merge(shape=request_flit(tile), inputs=3)
        wiring.connect(m, boot.request, request_merge.i[0])
        wiring.connect(m, load.request, request_merge.i[1])
        wiring.connect(m, out.request, request_merge.i[2])
        wiring.connect(m, request_merge.o, request_router.i[Port.LOCAL])
        # No request ends in a tile.
        m.d.comb += request_router.o[Port.LOCAL].ready.eq(1)

        # Synchronisation.
        for index, bump in enumerate(ejector.bump):
            wiring.connect(m, bump, semaphores.bump[index])
        for queue, sequencer in sequencers.items():
            engine = engines[queue]
            wiring.connect(m, sequencer.command, engine.command)
            wiring.connect(m, sequencer.wait, semaphores.wait[queue])
            signal, local, remote = sequencer.signal, semaphores.bump[2 + queue], signals.i[queue]
            flit = remote.payload
            m.d.comb += [
                sequencer.done.eq(engine.done),
                sequencer.run.eq(self.run),
                sequencer.stop.eq(self.stop | self.error),
                sequencer.entry.eq(boot.entries[queue]),
                sequencer.x.eq(self.x),
                sequencer.y.eq(self.y),
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
        m.d.comb += [out.x.eq(self.x), out.y.eq(self.y)]

        # Boot shares the matrix queue's fetch port: no queue runs before every tile has booted.
        for queue, sequencer in sequencers.items():
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

        status = self._errors(m, sequencers, l1, semaphores, ejector, reduce_router, boot)
        self._observe(m, sequencers, matrix, vector, load, out, ejector, l1, semaphores, status)
        if self._waves:
            routers = {"data": data_router, "request": request_router, "reduce": reduce_router}
            ends = {
                network: (router.i[Port.LOCAL], router.o[Port.LOCAL])
                for network, router in routers.items()
            }
            show_inside(m, tile, self, ends, sequencers, l1, semaphores)
        return m

    def _errors(self, m, sequencers, l1, semaphores, ejector, reduce_router, boot):
        """Keep the first error; several in one cycle: the first in the list."""
        code, queue, pc, detail, cycle = Signal(8), Signal(8), Signal(16), Signal(32), Signal(32)
        nowhere = 0xFF
        # A client that reads or writes beyond the L1 is named by its queue, and by the instruction
        # its engine is at.
        client_queue = {2: Queue.OUT, 3: Queue.MATRIX, 4: Queue.VECTOR, 5: Queue.VECTOR}
        sources = [
            (sequencer.error, sequencer.error_code, queue_, sequencer.error_pc, 0)
            for queue_, sequencer in sequencers.items()
        ]
        for port, queue_ in client_queue.items():
            here = l1.error.valid & (l1.error.port == port)
            sources.append(
                (here, ErrorCode.ADDRESS, queue_, sequencers[queue_].executing, l1.error.addr)
            )
        sources += [
            (
                reduce_router.mismatch,
                ErrorCode.REDUCE_MISMATCH,
                nowhere,
                0,
                reduce_router.mismatch_tag,
            ),
            (
                self.expired & reduce_router.waiting,
                ErrorCode.REDUCE_INCOMPLETE,
                nowhere,
                0,
                reduce_router.waiting_tag,
            ),
            (
                semaphores.overflow,
                ErrorCode.SEMAPHORE_OVERFLOW,
                nowhere,
                0,
                semaphores.overflow_sem,
            ),
            (ejector.error.valid, ErrorCode.REMOTE_ADDRESS, nowhere, 0, ejector.error.addr),
            (boot.bad_header, ErrorCode.BAD_HEADER, nowhere, 0, 0),
        ]
        now = Signal(32)
        with m.If(self.run):
            m.d.sync += now.eq(now + 1)
        with m.If(~self.error):
            for happened, code_, queue_, pc_, detail_ in reversed(sources):
                with m.If(happened):
                    m.d.sync += [
                        self.error.eq(1),
                        code.eq(code_),
                        queue.eq(queue_),
                        pc.eq(pc_),
                        detail.eq(detail_),
                        cycle.eq(now),
                    ]
        return {
            Probe.ERROR: Cat(code, queue, pc),
            Probe.ERROR_CYCLE: cycle,
            Probe.ERROR_DETAIL: detail,
        }

    def _observe(self, m, sequencers, matrix, vector, load, out, ejector, l1, semaphores, status):
        moved = {}
        for base, network in (
            (Probe.FLITS_DATA, "data"),
            (Probe.FLITS_REQUEST, "request"),
            (Probe.FLITS_REDUCE, "reduce"),
        ):
            for edge, link in enumerate(getattr(self, f"{network}_o")):
                moved[base + edge] = link.valid & link.ready
        ejected = ejector.words[0] | ejector.words[1]
        events = {
            Probe.MATRIX_ACTIVE: matrix.active,
            Probe.MATRIX_BUSY: matrix.busy,
            Probe.MATRIX_OPERAND_STALL: matrix.operand_stall,
            Probe.MATRIX_DRAIN_STALL: matrix.drain_stall,
            Probe.VECTOR_ACTIVE: vector.active,
            Probe.VECTOR_BUSY: vector.busy,
            Probe.LOAD_REQUESTS: load.done,
            Probe.OUT_FLITS: out.flits,
            Probe.OUT_STALL: out.stall,
            Probe.EJECT_FLITS: ejected,
            Probe.L1_CONFLICT: l1.conflict,
            **moved,
        }
        values = dict(status)
        for queue, sequencer in sequencers.items():
            base = Probe.QUEUE + 16 * queue
            for offset, value in enumerate(
                (
                    sequencer.pc,
                    sequencer.state,
                    sequencer.wait_sem,
                    sequencer.wait_count,
                    sequencer.cycles_fetch,
                    sequencer.cycles_wait,
                    sequencer.cycles_engine,
                    sequencer.instructions,
                )
            ):
                values[base + offset] = value
        m.d.comb += semaphores.read_sem.eq(self.probe_index - Probe.SEMAPHORE)
        for sem in range(self._machine.tile.semaphores):
            values[Probe.SEMAPHORE + sem] = semaphores.read_count
        m.submodules.probes = probes = Probes(events=events, values=values)
        m.d.comb += [
            probes.index.eq(self.probe_index),
            probes.count.eq(self.run),
            self.probe_data.eq(probes.data),
        ]

        loads, outs = sequencers[Queue.LOAD].command, sequencers[Queue.OUT].command
        happening = {
            Event.ISSUE_LOAD: (loads.valid & loads.ready, loads.payload.tag),
            Event.ISSUE_OUT: (outs.valid & outs.ready, outs.payload.tag),
            Event.INJECT: (out.flits, out.data.payload.tag),
            Event.WRITE_DATA: (
                ejector.l1_data.req.valid & ejector.l1_data.req.ready,
                ejector.tags[0],
            ),
            Event.WRITE_REDUCE: (
                ejector.l1_reduce.req.valid & ejector.l1_reduce.req.ready,
                ejector.tags[1],
            ),
        }
        for event, (valid, tag) in happening.items():
            m.d.comb += [
                self.view.events[event].valid.eq(valid),
                self.view.events[event].tag.eq(tag),
            ]

        stepping = Signal(len(Queue))
        for queue, sequencer in sequencers.items():
            m.d.comb += [
                self.view.queue_state[queue].eq(sequencer.state),
                self.view.queue_pc[queue].eq(sequencer.pc),
                self.view.wait_sem[queue].eq(sequencer.wait_sem),
                stepping[queue].eq(sequencer.state == QueueState.FETCH),
            ]
        m.d.comb += [
            self.view.matrix_active.eq(matrix.active),
            self.view.matrix_operand_stall.eq(matrix.operand_stall),
            self.view.matrix_drain_stall.eq(matrix.drain_stall),
            self.view.vector_active.eq(vector.active),
            self.view.out_stall.eq(out.stall),
            self.view.l1_conflict.eq(l1.conflict),
            self.done.eq(Cat(sequencer.halted for sequencer in sequencers.values()).all()),
        ]
        # Registered: nobody needs it in the same cycle.
        m.d.sync += self.alive.eq(
            Cat(
                stepping,
                matrix.active,
                vector.active,
                ejected,
                *moved.values(),
                out.flits,
                load.done,
                matrix.done,
                vector.done,
            ).any()
        )
