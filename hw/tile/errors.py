"""The first error of a tile."""

from typing import NamedTuple

from amaranth import Cat, Module, Signal
from amaranth.hdl import ValueLike

from hw.tile.parts import Parts
from isa.instructions import Queue
from isa.status import L1_CLIENTS, ErrorCode, Probe

__all__ = ["ErrorSource", "error_sources", "keep_first_error"]

_NO_QUEUE = 0xFF


class ErrorSource(NamedTuple):
    """Something that may go wrong.

    Attributes
    ----------
    happened, code
        In this cycle; `ErrorCode`.
    queue, slot
        Whose instruction is at fault, and where it is in the program.
    detail
        An address, tag or semaphore.
    """

    happened: ValueLike
    code: ValueLike
    queue: ValueLike = _NO_QUEUE
    slot: ValueLike = 0
    detail: ValueLike = 0


def error_sources(parts: Parts, expired: Signal) -> list[ErrorSource]:
    """What may go wrong in a tile, most important first; `expired`: reductions wait in vain."""
    l1, semaphores, ejector = parts.l1, parts.semaphores, parts.ejector
    reduce_router, sequencers = parts.routers["reduce"], parts.sequencers
    sources = [
        ErrorSource(sequencer.error, sequencer.error_code, queue, sequencer.error_pc)
        for queue, sequencer in sequencers.items()
    ]
    # A client that reads or writes beyond the L1 is named by its queue, and by the instruction
    # its engine is at.
    for client, queue in (
        ("out", Queue.OUT),
        ("matrix", Queue.MATRIX),
        ("vector_write", Queue.VECTOR),
        ("vector_read", Queue.VECTOR),
    ):
        here = l1.error.valid & (l1.error.port == L1_CLIENTS.index(client))
        slot = sequencers[queue].executing
        sources.append(ErrorSource(here, ErrorCode.ADDRESS, queue, slot, l1.error.addr))
    for happened, code, detail in (
        (reduce_router.mismatch, ErrorCode.REDUCE_MISMATCH, reduce_router.mismatch_tag),
        (
            expired & reduce_router.waiting,
            ErrorCode.REDUCE_INCOMPLETE,
            reduce_router.waiting_tag,
        ),
        (semaphores.overflow, ErrorCode.SEMAPHORE_OVERFLOW, semaphores.overflow_sem),
        (ejector.error.valid, ErrorCode.REMOTE_ADDRESS, ejector.error.addr),
        (parts.boot.bad_header, ErrorCode.BAD_HEADER, 0),
    ):
        sources.append(ErrorSource(happened, code, detail=detail))
    return sources


def keep_first_error(m: Module, tile, sources: list[ErrorSource]) -> dict[Probe, ValueLike]:
    """Raise ``tile.error`` at the first error and keep what is known of it; several in one cycle:
    the first in the list. Returns the probes that show it.
    """
    code, queue, pc, detail, cycle = Signal(8), Signal(8), Signal(16), Signal(32), Signal(32)
    now = Signal(32)
    with m.If(tile.run):
        m.d.sync += now.eq(now + 1)
    with m.If(~tile.error):
        for source in reversed(sources):
            with m.If(source.happened):
                m.d.sync += [
                    tile.error.eq(1),
                    code.eq(source.code),
                    queue.eq(source.queue),
                    pc.eq(source.slot),
                    detail.eq(source.detail),
                    cycle.eq(now),
                ]
    return {
        Probe.ERROR: Cat(code, queue, pc),
        Probe.ERROR_CYCLE: cycle,
        Probe.ERROR_DETAIL: detail,
    }
