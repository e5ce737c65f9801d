"""Programs that make two events of a tile meet in one cycle.

Two queues meet at a rendezvous, wait, and each does what makes its event. In every round the first
one waits three cycles more, and in every sweep another third of that, so that the two events pass
each other cycle by cycle, whatever they take on their way: no shift has to be found for a tile, and
none is lost when one is made faster.
"""

from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple

from isa.geometry import STEP, TileXY
from isa.instructions import Format, Opcode, Queue
from isa.machine import Machine
from isa.packets import Port
from isa.routes import hops
from verify.conformance.edge_bench import EdgeBench
from verify.conformance.meeting_events import (
    Code,
    MeetingEvent,
    MeetingPair,
    memory_pairs,
    semaphore_pairs,
)
from verify.conformance.meeting_points import MEETINGS
from verify.conformance.meeting_requests import request_storm
from verify.conformance.parts import part_of, parts_of
from verify.conformance.tile_programs import TileProgram

__all__ = ["ABOUT", "expected_meetings", "meeting_program", "meeting_topics"]

ABOUT = ("counts", "waits", "memory", "joins", "requests")
"""What programs are about: two counts, or two waits; a count and a wait; L1, ejector and the
streams that are merged; the inputs of a join; and what goes on in a channel.
"""
_WHOLE = ("joins", "requests")
"""Those that are one program on any mesh."""
MOST_PAIRS = 6
"""Of a site in a program: what has room in the program memory of the named machines."""
ROUNDS = 16
HELD = 6
"""Rounds of the other queue's wait: what takes longer on its way may come first, too."""
_STOCK, _HERE, _THERE, _ALL, _ON = 1, 2, 3, 5, 8
"""Semaphores of a pair: what a queue gives itself to pass time, the rendezvous, all queues of the
two tiles, and one for each of them to go on.
"""


class _Site(NamedTuple):
    """Where pairs are played: the tile in which events meet, and one that sends to it."""

    tile: TileXY
    helper: TileXY


def meeting_topics(columns: int, rows: int) -> list[str]:
    """What the programs of a mesh are about: on a small one a part each, ``waits 1/2``; a mesh of
    one tile has none.
    """
    sites = columns * rows // 2
    found: list[str] = []
    for about in ABOUT if sites else ():
        names = [name for name in MEETINGS if _about(name) == about]
        parts = 1 if about in _WHOLE else -(-len(names) // (MOST_PAIRS * sites))
        found += parts_of(about, parts)
    return found if min(columns, rows) > 2 else [name for name in found if name != "joins"]


def expected_meetings(about: str) -> list[str]:
    """The meetings that a program must bring about."""
    topic, part = part_of(about)
    return [name for name in MEETINGS if _about(name) == topic][part]


def _about(meeting: str) -> str:
    place, _, ports = meeting.partition(": ")
    if place == "semaphores":
        return "waits" if ports.startswith("bump") and "wait" in ports else "counts"
    if place == "channel":
        return "requests"
    return "joins" if place == "join" else "memory"


def meeting_program(machine: Machine, about: str, seed: int) -> TileProgram:
    """Programs of all tiles; same arguments: the same."""
    bench = EdgeBench(machine, seed)
    for tile in bench.tiles:
        bench.adder(tile, Queue.VECTOR)(
            Opcode.FILL, m=64, n=4, ldd=1, imm=0x3F800000, fmt_d=int(Format.FP32), signal=_ALL
        )
        bench.adder(tile, Queue.OUT)(Opcode.SYNC, waits=[(_ALL, 1)])
    if about == "joins":
        _joins(bench)
        return TileProgram(*bench.finish())
    if about == "requests":
        request_storm(bench)
        return TileProgram(*bench.finish())
    sites = list(_sites(machine))
    for site, pair in zip(cycle(sites), _pairs(machine, about, sites), strict=False):
        _play(bench, site, pair)
    return TileProgram(*bench.finish())


def _pairs(machine: Machine, about: str, sites: list[_Site]) -> Iterator[MeetingPair]:
    """Of each site in turn, the next pair."""
    made = [list(_made(machine, about, site)) for site in sites]
    for number in range(len(made[0])):
        yield made[number % len(sites)][number]


def _made(machine: Machine, about: str, site: _Site) -> Iterator[MeetingPair]:
    topic, part = part_of(about)
    if topic == "memory":
        yield from list(memory_pairs(machine, *site))[part]
        return
    names = [name for name in MEETINGS if name.startswith("semaphores")]
    made = zip(names, semaphore_pairs(machine, *site), strict=True)
    yield from [pair for name, pair in made if _about(name) == topic][part]


def _sites(machine: Machine) -> Iterator[_Site]:
    """Pairs of neighbours; a mesh of one tile has none."""
    mesh = machine.mesh
    free = {(x, y) for x in range(mesh.columns) for y in range(mesh.rows)}
    for tile in sorted(free):
        beside = [other for other in sorted(free) if hops(tile, other) == 1]
        if tile in free and beside:
            free -= {tile, beside[0]}
            yield _Site(tile, beside[0])


def _play(bench: EdgeBench, site: _Site, pair: MeetingPair) -> None:
    """Bring both events together again and again, then let all queues of both tiles meet."""
    for tile, semaphore, count in pair.stock:
        for _ in range(count):
            bench.adder(tile, Queue.MATRIX)(Opcode.SYNC, signal=semaphore)
    _meet(bench, site)
    if pair.noise:
        noise = bench.adder(pair.noise.tile, pair.noise.queue)
        noise(Opcode.LOOP, imm=3 * ROUNDS)
        for opcode, fields in pair.noise.code:
            noise(opcode, **fields)
        noise(Opcode.END)
    if pair.second is None:
        _alone(bench, pair.first, waits=not pair.noise)
    else:
        _sweep(bench, pair.first, pair.second)
    _meet(bench, site)
    for tile, semaphore, each in pair.left:
        _take(bench, tile, semaphore, each * 3 * ROUNDS)
    for tile, semaphore, count in pair.stock:
        _take(bench, tile, semaphore, count)


def _take(bench: EdgeBench, tile: TileXY, semaphore: int, count: int) -> None:
    while count:
        part = min(count, 63)
        bench.adder(tile, Queue.MATRIX)(Opcode.SYNC, waits=[(semaphore, part)])
        count -= part


def _sweep(bench: EdgeBench, first: MeetingEvent, second: MeetingEvent) -> None:
    """Three sweeps, the second event always after the same wait."""
    for third in range(3):
        for event, other, names in (
            (first, second, (_HERE, _THERE)), (second, first, (_THERE, _HERE))
        ):  # fmt: skip
            add, moves = bench.adder(event.tile, event.queue), event is first
            add(Opcode.LI, rd=1, imm=1 if moves else HELD)
            add(Opcode.LOOP, imm=ROUNDS)
            # Fetches of a tile never meet: a wait puts the first event one or two cycles later.
            code = _later(event.code) if moves else event.code
            for _ in range(third + (code != event.code) if moves else 0):
                add(Opcode.SYNC, signal=_STOCK)
            add(Opcode.SYNC, tell=(names[1], other.tile))
            add(Opcode.SYNC, waits=[(names[0], 1)])
            _wait(bench, event)
            # Behind the rounds, in which fetches of both fall into step.
            for _ in range(third if moves else 0):
                add(Opcode.SYNC, waits=[(_STOCK, 1)])
            for opcode, fields in (*code, *event.after):
                add(opcode, **fields)
            if moves:
                add(Opcode.ADD, rd=1, rs=1, imm=1)
            add(Opcode.END)


def _later(code: Code) -> Code:
    """A SYNC with one wait more before its own."""
    (opcode, fields), *rest = code
    if opcode != Opcode.SYNC:
        return code
    return ((opcode, fields | {"waits": [(_STOCK, 1), *fields.get("waits", ())]}), *rest)


def _alone(bench: EdgeBench, event: MeetingEvent, *, waits: bool) -> None:
    """Both events are of one queue: its engine makes the first, and it comes to the second
    meanwhile, at once if it `waits` no longer in every round.
    """
    add = bench.adder(event.tile, event.queue)
    for third in range(3):
        add(Opcode.LI, rd=1, imm=1)
        add(Opcode.LOOP, imm=ROUNDS)
        for _ in range(third):
            add(Opcode.SYNC, signal=_STOCK)
        for opcode, fields in event.code:
            add(opcode, **fields)
        for _ in range(third):
            add(Opcode.SYNC, waits=[(_STOCK, 1)])
        if waits:
            _wait(bench, event)
        for opcode, fields in event.after:
            add(opcode, **fields)
        add(Opcode.ADD, rd=1, rs=1, imm=1)
        add(Opcode.END)


def _wait(bench: EdgeBench, event: MeetingEvent) -> None:
    """As many rounds with nothing in them, three cycles each, as register 1 says."""
    add = bench.adder(event.tile, event.queue)
    add(Opcode.LOOP, rs=1)
    add(Opcode.END)


def _meet(bench: EdgeBench, site: _Site) -> None:
    """No queue of the two tiles goes on before all are here."""
    queues = [(tile, queue) for tile in site for queue in Queue]
    hub, queue = queues[0]
    lead = bench.adder(hub, queue)
    for tile, other in queues[1:]:
        bench.adder(tile, other)(Opcode.SYNC, tell=(_ALL, hub))
    lead(Opcode.SYNC, waits=[(_ALL, len(queues) - 1)])
    for tile, other in queues[1:]:
        lead(Opcode.SYNC, tell=(_ON + other, tile))
        bench.adder(tile, other)(Opcode.SYNC, waits=[(_ON + other, 1)])


def _middle(machine: Machine) -> TileXY | None:
    """A tile with a neighbour on each side."""
    mesh = machine.mesh
    if mesh.columns < 3 or mesh.rows < 3:
        return None
    return mesh.columns // 2, mesh.rows // 2


def _joins(bench: EdgeBench) -> None:
    """A reduction of nine tiles to the one in the middle, whose router joins five; any two of the
    five come last.
    """
    middle = _middle(bench.machine)
    if middle is None:
        return
    x, y = middle
    at = {Port.LOCAL: middle} | {port: (x + dx, y + dy) for port, (dx, dy) in STEP.items()}
    members = [(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    fields = {
        "x0": x - 1, "y0": y - 1, "x1": x + 1, "y1": y + 1, "target_x": x, "target_y": y,
        "rows": 1, "words": 1, "local": 8, "remote": 128, "tag": 7,
    }  # fmt: skip
    reduce = ((Opcode.REDUCE, fields),)
    ports = list(Port)
    for a, b in [(a, b) for i, a in enumerate(ports) for b in ports[i + 1 :]]:
        first, second = (MeetingEvent(at[port], Queue.OUT, reduce) for port in (a, b))
        _sweep(bench, first, second)
        for member in members:
            if member not in (at[a], at[b]):
                add = bench.adder(member, Queue.OUT)
                add(Opcode.LOOP, imm=3 * ROUNDS)
                add(Opcode.REDUCE, **fields)
                add(Opcode.END)
