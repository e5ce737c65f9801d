"""What a tile shows while it runs, and whether anything in it moves."""

from amaranth import Cat, Module, Signal, Value

from hw.tile.parts import Parts
from hw.tile.probes import Probes
from isa.instructions import Queue
from isa.status import Event, Probe, QueueState

__all__ = ["observe"]


def observe(m: Module, ports, parts: Parts, errors: dict) -> None:
    """Probes, the view, and whether anything moves."""
    moved = _moved(ports)
    _count(m, ports, parts, errors, moved)
    _show_events(m, ports, parts)
    stepping = _show_queues(m, ports, parts)
    matrix, vector, load, out = parts.matrix, parts.vector, parts.load, parts.out
    # Registered: nobody needs it in the same cycle.
    m.d.sync += ports.alive.eq(
        Cat(
            stepping,
            matrix.active,
            vector.active,
            parts.ejected,
            *moved.values(),
            out.flits,
            load.done,
            matrix.done,
            vector.done,
        ).any()
    )


def _moved(ports) -> dict[int, Value]:
    """Flits that leave over each link, by their probe."""
    moved = {}
    for base, network in (
        (Probe.FLITS_DATA, "data"),
        (Probe.FLITS_REQUEST, "request"),
        (Probe.FLITS_REDUCE, "reduce"),
    ):
        for edge, link in enumerate(getattr(ports, f"{network}_o")):
            moved[base + edge] = link.valid & link.ready
    return moved


def _count(m, ports, parts, errors, moved):
    matrix, vector, out = parts.matrix, parts.vector, parts.out
    events = {
        Probe.MATRIX_ACTIVE: matrix.active,
        Probe.MATRIX_BUSY: matrix.busy,
        Probe.MATRIX_OPERAND_STALL: matrix.operand_stall,
        Probe.MATRIX_DRAIN_STALL: matrix.drain_stall,
        Probe.VECTOR_ACTIVE: vector.active,
        Probe.VECTOR_BUSY: vector.busy,
        Probe.LOAD_REQUESTS: parts.load.done,
        Probe.OUT_FLITS: out.flits,
        Probe.OUT_STALL: out.stall,
        Probe.EJECT_FLITS: parts.ejected,
        Probe.L1_CONFLICT: parts.l1.conflict,
        **moved,
    }
    values = dict(errors)
    for queue, sequencer in parts.sequencers.items():
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
    semaphores = parts.semaphores
    m.d.comb += semaphores.read_sem.eq(ports.probe_index - Probe.SEMAPHORE)
    for sem in range(parts.machine.tile.semaphores):
        values[Probe.SEMAPHORE + sem] = semaphores.read_count
    m.submodules.probes = probes = Probes(events=events, values=values)
    m.d.comb += [
        probes.index.eq(ports.probe_index),
        probes.count.eq(ports.run),
        ports.probe_data.eq(probes.data),
    ]


def _show_events(m, ports, parts):
    out, ejector = parts.out, parts.ejector
    loads, outs = (parts.sequencers[queue].command for queue in (Queue.LOAD, Queue.OUT))
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
            ports.view.events[event].valid.eq(valid),
            ports.view.events[event].tag.eq(tag),
        ]


def _show_queues(m, ports, parts) -> Signal:
    """Returns which queues fetch or decode."""
    matrix, sequencers = parts.matrix, parts.sequencers
    stepping = Signal(len(Queue))
    for queue, sequencer in parts.sequencers.items():
        m.d.comb += [
            ports.view.queue_state[queue].eq(sequencer.state),
            ports.view.queue_pc[queue].eq(sequencer.pc),
            ports.view.wait_sem[queue].eq(sequencer.wait_sem),
            stepping[queue].eq(sequencer.state == QueueState.FETCH),
        ]
    m.d.comb += [
        ports.view.matrix_active.eq(matrix.active),
        ports.view.matrix_operand_stall.eq(matrix.operand_stall),
        ports.view.matrix_drain_stall.eq(matrix.drain_stall),
        ports.view.vector_active.eq(parts.vector.active),
        ports.view.out_stall.eq(parts.out.stall),
        ports.view.l1_conflict.eq(parts.l1.conflict),
        ports.done.eq(Cat(sequencer.halted for sequencer in sequencers.values()).all()),
    ]
    return stepping
