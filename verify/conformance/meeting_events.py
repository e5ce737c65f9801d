"""What makes each event that is to meet another one."""

from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

from isa.geometry import TileXY
from isa.instructions import Format, Opcode, Queue
from isa.machine import Machine
from isa.routes import hops
from verify.conformance.meeting_points import BUMPS, QUEUES
from verify.conformance.tile_stores import at

__all__ = ["Code", "MeetingEvent", "MeetingPair", "memory_pairs", "semaphore_pairs"]

Code = tuple[tuple[Opcode, dict], ...]
_MET = 0
"""The semaphore whose counts and waits meet."""
_FEW, _MANY = 24, 96
"""Words of a transfer: long enough to meet another one; and one that comes late."""


class MeetingEvent(NamedTuple):
    """A queue, and the instructions by which it makes the event."""

    tile: TileXY
    queue: Queue
    code: Code
    after: Code = ()
    """What it does before the next round."""


class MeetingPair(NamedTuple):
    """Two events; one queue makes both where there is no `second`."""

    first: MeetingEvent
    second: MeetingEvent | None = None
    stock: tuple[tuple[TileXY, int, int], ...] = ()
    """Tile, semaphore, and counts that it must hold."""
    left: tuple[tuple[TileXY, int, int], ...] = ()
    """Tile, semaphore, and counts that each round leaves there."""
    noise: MeetingEvent | None = None
    """What keeps others waiting meanwhile."""


def semaphore_pairs(machine: Machine, tile: TileXY, helper: TileXY) -> Iterator[MeetingPair]:
    """In the order of `verify.conformance.meeting_points.MEETINGS`."""

    def bump(name: str) -> MeetingEvent:
        if name == "data":
            return MeetingEvent(helper, Queue.LOAD, ((Opcode.SYNC, {"tell": (_MET, tile)}),))
        if name == "reduce":
            code = _reduce(tile, helper, 1, turn=0)
            return MeetingEvent(helper, Queue.OUT, ((code[0], code[1] | {"bump": 1, "sem": _MET}),))
        return MeetingEvent(tile, Queue[name.upper()], ((Opcode.SYNC, {"signal": _MET}),))

    def wait(name: str, *, again: bool) -> MeetingEvent:
        code: Code = ((Opcode.SYNC, {"waits": [(_MET, 1)]}),)
        back: Code = ((Opcode.SYNC, {"signal": _MET}),) if again else ()
        return MeetingEvent(tile, Queue[name.upper()], code, back)

    for a, b in combinations(BUMPS, 2):
        # A reduction takes longer, and its way has waits of its own: it is what moves.
        one, other = (b, a) if b == "reduce" else (a, b)
        yield MeetingPair(bump(one), bump(other), left=((tile, _MET, 2),))
    for a, b in product(BUMPS, QUEUES):
        stock = ((tile, _MET, 1),)
        if a == b:
            opcode, fields = _work(machine, tile, helper)[Queue[a.upper()]]
            fields |= {"signal": _MET} | ({"m": 1, "n": 4, "k": 4} if a == "matrix" else {})
            taken = wait(b, again=False).code
            event = MeetingEvent(tile, Queue[a.upper()], ((opcode, fields),), taken)
            # A read request is gone at once, unless writes stand in its way.
            noise = _store(machine, tile) if a == "load" else None
            yield MeetingPair(event, stock=stock, noise=noise)
        else:
            yield MeetingPair(wait(b, again=False), bump(a), stock=stock)
    for a, b in combinations(QUEUES, 2):
        yield MeetingPair(wait(a, again=True), wait(b, again=True), stock=((tile, _MET, 2),))


def memory_pairs(machine: Machine, tile: TileXY, helper: TileXY) -> Iterator[MeetingPair]:
    """Pairs of the L1's clients, of what arrives, and of the streams that are merged."""
    work = _work(machine, tile, helper)
    read = {"a": 0, "lda": 8, "m": 6, "n": 32, "fmt_a": int(Format.FP32), "s": 480}
    clients = {
        "eject_data": MeetingEvent(helper, Queue.OUT, (_put(tile, _FEW),)),
        "eject_reduce": MeetingEvent(helper, Queue.OUT, (_reduce(tile, helper, _FEW, turn=0),)),
        "out": MeetingEvent(tile, Queue.OUT, (_put(helper, _FEW),)),
        "matrix": MeetingEvent(tile, Queue.MATRIX, (work[Queue.MATRIX],)),
        "vector_write": MeetingEvent(tile, Queue.VECTOR, (work[Queue.VECTOR],)),
        "vector_read": MeetingEvent(tile, Queue.VECTOR, ((Opcode.ROWMAX, read),)),
    }
    for a, b in combinations(clients, 2):
        if clients[a][:2] != clients[b][:2]:
            yield MeetingPair(clients[a], clients[b])
    copy = {"a": 0, "lda": 8, "d": 192, "ldd": 8, "m": 16, "n": 32}
    yield MeetingPair(MeetingEvent(tile, Queue.VECTOR, ((Opcode.COPY, copy),)))
    # What comes from HBM comes late, and lasts as long as what it is to meet.
    late = MeetingEvent(tile, Queue.LOAD, (_load(machine, tile, _MANY),))
    signal = MeetingEvent(helper, Queue.LOAD, ((Opcode.SYNC, {"tell": (_MET, tile)}),))
    for turn in (0, 1):
        yield MeetingPair(
            MeetingEvent(helper, Queue.OUT, (_reduce(tile, helper, _MANY, turn=turn),)), late
        )
        result = MeetingEvent(helper, Queue.OUT, (_reduce(tile, helper, _FEW, turn=turn),))
        yield MeetingPair(result, signal, left=((tile, _MET, 1),))
    turned = MeetingEvent(helper, Queue.OUT, (_reduce(tile, helper, _FEW, turn=1),))
    tell: Code = ((Opcode.SYNC, {"tell": (_MET, helper)}),)
    yield MeetingPair(turned, MeetingEvent(tile, Queue.LOAD, tell), left=((helper, _MET, 1),))
    yield MeetingPair(turned, clients["out"])
    yield MeetingPair(
        MeetingEvent(tile, Queue.LOAD, tell), clients["out"], left=((helper, _MET, 1),)
    )
    for one, other in combinations(Queue, 2):
        left = ((helper, _MET, 2),)
        yield MeetingPair(MeetingEvent(tile, one, tell), MeetingEvent(tile, other, tell), left=left)
    yield MeetingPair(
        MeetingEvent(tile, Queue.LOAD, (_load(machine, tile, 1),)), _store(machine, tile)
    )


def _work(machine: Machine, tile: TileXY, helper: TileXY) -> dict[Queue, tuple[Opcode, dict]]:
    """What keeps each engine busy for a while."""
    product_ = {"a": 0, "b": 16, "c": 416, "lda": 2, "ldb": 2, "ldc": 4, "m": 8, "n": 16, "k": 16}
    formats = {"fmt_a": int(Format.E4M3), "fmt_b": int(Format.E4M3)}
    fill = {"d": 320, "ldd": 4, "m": 16, "n": 16, "fmt_d": int(Format.FP32)}
    return {
        Queue.MATRIX: (Opcode.MATMUL, product_ | formats),
        Queue.VECTOR: (Opcode.FILL, fill),
        Queue.LOAD: _load(machine, tile, 1),
        Queue.OUT: _put(helper, _FEW),
    }


def _put(to: TileXY, words: int) -> tuple[Opcode, dict]:
    x, y = to
    place = {"x0": x, "y0": y, "x1": x, "y1": y}
    return Opcode.PUT, {"local": 0, "remote": 512, "rows": 1, "words": words, "tag": 1, **place}


def _reduce(root: TileXY, member: TileXY, words: int, *, turn: int) -> tuple[Opcode, dict]:
    """A reduction of one member, which is not its root; with `turn` it comes back."""
    x, y = member
    place = {"x0": x, "y0": y, "x1": x, "y1": y, "target_x": root[0], "target_y": root[1]}
    size = {"local": 0, "remote": 640, "rows": 1, "words": words}
    return Opcode.REDUCE, {**size, **place, "turn": turn, "tag": 2 + turn}


def _nearest(machine: Machine, tile: TileXY) -> dict[str, int]:
    return at(min(machine.channels, key=lambda channel: hops(tile, (channel.x, channel.y))))


def _load(machine: Machine, tile: TileXY, words: int) -> tuple[Opcode, dict]:
    x, y = tile
    place = {"x0": x, "y0": y, "x1": x, "y1": y, **_nearest(machine, tile)}
    return Opcode.LOAD, {"local": 768, "remote": 0, "rows": 1, "words": words, **place}


def _store(machine: Machine, tile: TileXY) -> MeetingEvent:
    size = {"local": 0, "remote": machine.tile.l1_words - 64, "rows": 1, "words": 64}
    return MeetingEvent(tile, Queue.OUT, ((Opcode.STORE, {**size, **_nearest(machine, tile)}),))
