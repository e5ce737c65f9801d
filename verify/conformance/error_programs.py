"""Programs that stop with an error, in every tile another one, while the other queues are amid
something that must not go on.
"""

from collections.abc import Callable
from functools import partial
from itertools import permutations
from math import gcd

from isa.geometry import TileXY
from isa.instructions import Format, Instruction, Opcode, Queue
from isa.machine import Machine
from isa.routes import hops
from verify.conformance.error_program import (
    HALT,
    LOOSE,
    NOP,
    ErrorProgram,
    Queues,
    empty_program,
    halting,
    image_of,
    tiles_of,
    verdict,
)
from verify.conformance.extremes import extents
from verify.conformance.refusals import Refusal, Slot, legal, reaching, refusals
from verify.conformance.tile_stores import at

__all__ = ["in_order", "in_turn_of_tiles", "late_errors", "reached", "refused", "sampled"]

_LATE, _AFTER_LATE, _AFTER, _BUSY, _STORED, _BEFORE = range(11, 17)
_DELAY = 40
"""Rounds of a loop before the error: all other queues are where they are to be by then."""
_TURNS = 6
"""Errors one after the other, each of which takes a run."""
_SAMPLE = 7
_LONG = 600
"""Words and rows of what is under way at the error."""


def refused(machine: Machine, queue: Queue) -> list[ErrorProgram]:
    """What a queue refuses when it decodes it."""
    return _dealt(machine, lambda tile: refusals(machine, queue, tile))


def sampled(machine: Machine) -> list[ErrorProgram]:
    """Every so many of what queues and engines refuse, for one more mesh."""

    def decoded(queue: Queue, tile: TileXY) -> tuple[Refusal, ...]:
        return refusals(machine, queue, tile)[queue::_SAMPLE]

    def of_engines(tile: TileXY) -> tuple[Refusal, ...]:
        engines = (Queue.MATRIX, Queue.VECTOR)
        return tuple(one for one in reaching(machine, tile) if one.queue in engines)[::_SAMPLE]

    programs = [p for queue in Queue for p in _dealt(machine, partial(decoded, queue))]
    return [*programs, *_dealt(machine, of_engines)]


def reached(machine: Machine) -> list[ErrorProgram]:
    """What an engine, a receiver or a channel refuses; queue by queue, since words from HBM come
    late.
    """
    return [program for queue in Queue for program in _reached(machine, queue)]


def _reached(machine: Machine, queue: Queue) -> list[ErrorProgram]:
    def of_queue(tile: TileXY) -> tuple[Refusal, ...]:
        return tuple(one for one in reaching(machine, tile) if one.queue == queue)

    return _dealt(machine, of_queue, apart=lambda one: one.late and " remote " in one.name)


def in_order(machine: Machine) -> list[ErrorProgram]:
    """Two queues of a tile in error, one some cycles after the other: the first one counts."""
    pairs = [(one, two) for one in Queue for two in Queue if one != two]

    def refusal(tile: TileXY) -> tuple[Refusal, ...]:
        return tuple(
            Refusal(f"{one.name.lower()} before {two.name.lower()}", one, (_bad(one, 0),))
            for one, two in pairs
        )

    seconds = {f"{one.name.lower()} before {two.name.lower()}": two for one, two in pairs}
    return _dealt(machine, refusal, second=lambda name: seconds.get(name))


def in_turn_of_tiles(machine: Machine) -> list[ErrorProgram]:
    """Tiles in error, one some cycles after the other, those that follow each other far apart: each
    stops the machine before the next one.
    """
    program = empty_program(machine, 2 * _LONG * machine.mesh.tiles)
    tiles = tiles_of(machine)
    step = next(s for s in range(len(tiles) // 2 + 1, 2 * len(tiles)) if gcd(s, len(tiles)) == 1)
    for number in range(min(_TURNS, len(tiles))):
        tile, queue = tiles[number * step % len(tiles)], Queue(number % len(Queue))
        around, before = halting(), halting()
        start = [Instruction.of(Opcode.SYNC, sig0_on=1, sig0_sem=_BEFORE)]
        around[queue] = [*start, *_delay(_DELAY + 8 * number), _bad(queue, 0), HALT]
        before[queue] = [*start, HALT]
        program.put(tile, around, before)
        images = {tile: program.images[tile]}
        program.culprits.append(verdict(machine, f"tile {tile} in turn", images))
    program.ordered = True
    return [program]


def late_errors(machine: Machine) -> list[ErrorProgram]:
    """An engine runs beyond L1 while another one is amid an instruction that will, too: the first
    one is what the tile reports, though the other engine goes on. One tile in each run: what goes
    on after another tile's stop would be reported.
    """
    opcodes = {Queue.MATRIX: Opcode.MATMUL, Queue.VECTOR: Opcode.COPY, Queue.OUT: Opcode.PUT}
    tiles, programs = tiles_of(machine), []
    pairs = [(one, two) for one, two in permutations(opcodes, 2) if two != Queue.MATRIX]
    for number, (soon, late) in enumerate(pairs):
        program, tile = empty_program(machine, _LONG), tiles[number % len(tiles)]
        around, before = halting(), halting()
        around[soon] = [*_delay(2), _ends_beyond(machine, tile, opcodes[soon], 2), HALT]
        around[late] = [_ends_beyond(machine, tile, opcodes[late], _LONG), HALT]
        program.put(tile, around, before)
        alone = halting() | {late: [HALT, HALT], soon: around[soon]}
        title = f"{soon.name.lower()} beyond L1 before {late.name.lower()}"
        program.culprits.append(verdict(machine, title, {tile: image_of(alone)}))
        programs.append(program)
    return programs


def _ends_beyond(machine: Machine, tile: TileXY, opcode: Opcode, rows: int) -> Instruction:
    """One of so many rows, of which the last ends one word beyond L1."""
    f = legal(opcode, tile, machine)
    f |= {size: rows for size in ("m", "rows") if size in f}
    name = "local" if "local" in f else "a"
    f[name] = machine.tile.l1_words - extents(opcode, f, machine.tile)[name].span + 1
    return Instruction.of(opcode, **f)


def _bad(queue: Queue, field: int) -> Slot:
    return Instruction.of(Opcode.LOOP, imm=field) if queue != Queue.OUT else 0


def _dealt(
    machine: Machine,
    refusals_of: Callable[[TileXY], tuple[Refusal, ...]],
    *,
    apart: Callable[[Refusal], bool] = lambda refusal: False,
    second: Callable[[str], Queue | None] = lambda name: None,
) -> list[ErrorProgram]:
    """One refusal to each tile, in as many programs as it takes; those `apart` each in one."""
    tiles = tiles_of(machine)
    count = len(refusals_of(tiles[0]))
    groups: list[list[int]] = [[n] for n in range(count) if apart(refusals_of(tiles[0])[n])]
    together = [n for n in range(count) if not apart(refusals_of(tiles[0])[n])]
    groups += [together[i : i + len(tiles)] for i in range(0, len(together), len(tiles))]
    programs = []
    for numbers in groups:
        program = empty_program(machine, 2 * _LONG * machine.mesh.tiles)
        for tile, number in zip(tiles, numbers, strict=False):
            refusal = refusals_of(tile)[number]
            _put(machine, program, tile, refusal, second(refusal.name))
            program.channel = apart(refusal)
        programs.append(program)
    return programs


def _put(
    machine: Machine, program: ErrorProgram, tile: TileXY, refusal: Refusal, second: Queue | None
) -> None:
    """A refusal, with what surrounds it, into a tile."""
    around, before = _bystanders(machine, tile)
    queue = refusal.queue
    if refusal.late:
        around, before = halting(), halting()
    start: list[Slot] = [Instruction.of(Opcode.SYNC, sig0_on=1, sig0_sem=_BEFORE)]
    start += _delay(_DELAY)
    signal = Instruction.of(Opcode.SYNC, sig0_on=1, sig0_sem=_AFTER)
    after: list[Slot] = [HALT] if refusal.late else [signal, HALT]
    preface: list[Slot] = list(refusal.preface)
    around[queue] = [*start, *preface, *refusal.code, *after]
    before[queue] = [*start, *preface, HALT]
    if second is not None:
        around[second] = [*_delay(_DELAY + 8), _bad(second, 0), *after]
        before[second] = [HALT]
    program.put(tile, around, before)
    alone: Queues = {q: [HALT] * len(code) for q, code in around.items()}
    alone[queue] = around[queue]
    program.culprits.append(verdict(machine, refusal.name, {tile: image_of(alone)}))


def _delay(rounds: int) -> list[Slot]:
    return [Instruction.of(Opcode.LOOP, imm=rounds), NOP, Instruction.of(Opcode.END)]


def _bystanders(machine: Machine, tile: TileXY) -> tuple[Queues, Queues]:
    """What the queues of a tile do when it stops, and the part of it that happens.

    MATRIX waits for words that come later, and would signal then; VECTOR is amid the first of its
    instructions; LOAD has asked for the words, and runs for ever; OUT is amid a STORE that another
    one follows.
    """
    of, (x, y) = Instruction.of, tile
    here = {"x0": x, "y0": y, "x1": x, "y1": y}
    channel = min(machine.channels, key=lambda c: hops(tile, (c.x, c.y)))
    late = of(
        Opcode.LOAD, local=machine.tile.l1_words - 2, rows=1, words=2, bump=1, sem=_LATE,
        **here, **at(channel),
    )  # fmt: skip
    fill = of(
        Opcode.FILL, d=0, ldd=0, m=_LONG, n=1, fmt_d=int(Format.FP32), sig0_on=1, sig0_sem=_BUSY
    )
    region = 2 * _LONG * machine.tile_index(x, y)
    store = {
        "local": 0, "local_pitch": 0, "rows": _LONG // 4, "words": 4, "remote_pitch": 4,
        "bump": 1, "sem": _STORED, **at(channel),
    }  # fmt: skip
    wait = of(Opcode.SYNC, wait0_sem=_LATE, wait0_count=1, sig0_on=1, sig0_sem=_AFTER_LATE)
    first = of(Opcode.STORE, remote=region, **store)
    queues: Queues = {
        Queue.MATRIX: [wait, HALT],
        Queue.VECTOR: [*[fill] * 8, HALT],
        Queue.LOAD: [late, of(Opcode.LOOP, imm=0xFFFFFFFF),
                     of(Opcode.SYNC, sig0_on=1, sig0_sem=LOOSE),
                     of(Opcode.SYNC, wait0_sem=LOOSE, wait0_count=1), of(Opcode.END), HALT],
        Queue.OUT: [first, of(Opcode.STORE, remote=region + _LONG, **store), HALT],
    }  # fmt: skip
    before: Queues = {
        Queue.MATRIX: [HALT],
        Queue.VECTOR: [HALT],
        Queue.LOAD: [late, HALT],
        Queue.OUT: [first, HALT],
    }
    return queues, before
