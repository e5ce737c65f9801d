"""Programs in which every field of every instruction is at its ends."""

from collections.abc import Callable, Iterator
from itertools import cycle, product

from isa.geometry import TileXY
from isa.instructions import OPCODES_OF, REGISTERS, Opcode, Queue, SignalKind
from isa.machine import Machine
from verify.conformance.edge_bench import LOADED, STORED, EdgeBench
from verify.conformance.edge_engines import (
    EdgeInstruction,
    engine_experiments,
    giant_experiments,
    wide_experiments,
)
from verify.conformance.edge_floods import flood_program
from verify.conformance.edge_joins import join_program
from verify.conformance.edge_loops import loop_program
from verify.conformance.edge_moves import long_move_program, move_program, wide_move_program
from verify.conformance.edge_signals import signal_program
from verify.conformance.edge_tells import tell_program
from verify.conformance.extremes import LEAST, MOST, common_ends, ends, extents
from verify.conformance.parts import part_of, parts_of
from verify.conformance.tile_programs import TileProgram

__all__ = ["EDGES", "edge_program", "edge_topics"]

SLOTS = {"engines": 1800, "moves": 1500}
"""Instruction slots that programs take in all tiles together, where one may have too many."""
_ROOM = 450
"""What a tile of the named machines has for them."""
_BATON = 12
"""Semaphores that hand on from queue to queue, 12 to 15."""
_FAR = 16
"""One for each queue: counts from all tiles, which nobody takes."""
_ROUNDS = 20
"""Counts the rounds of loops; nobody takes them."""


def edge_topics(about: str, tiles: int) -> Iterator[str]:
    """What the programs of a mesh of so many tiles are about: on a small one, a part each."""
    return parts_of(about, -(-SLOTS.get(about, 0) // (tiles * _ROOM)))


def edge_program(machine: Machine, about: str, seed: int) -> TileProgram:
    """Programs of all tiles about one of `EDGES`, or a part of it; same arguments: the same.

    Raises
    ------
    UserError
        If they do not fit the machine.
    """
    topic, part = part_of(about)
    return EDGES[topic](machine, seed, part)


def _control(machine: Machine, seed: int, _: slice) -> TileProgram:
    """Waits, signals, registers and loops, in one queue after the other, so that each may have the
    first and the last semaphore for itself.
    """
    bench = EdgeBench(machine, seed)
    for tile in bench.tiles:
        for queue in Queue:
            add = bench.adder(tile, queue)
            if queue:
                add(Opcode.SYNC, waits=[(_BATON + queue - 1, 1)])
            _waits(add, machine, full=queue == Queue.LOAD)
            _signals(add, machine, _FAR + queue)
            _registers(add, machine)
            add(Opcode.SYNC, signal=_BATON + queue)
        add(Opcode.SYNC, waits=[(_BATON + Queue.OUT, 1)])
    bench.meet(Queue.OUT)
    for tile in bench.tiles:
        _last_signals(bench.adder(tile, Queue.OUT), machine)
    return TileProgram(*bench.finish())


def _waits(add: Callable, machine: Machine, *, full: bool) -> None:
    """Both waits at their ends, for one semaphore and for two; `full`: count up to the last one."""
    most = common_ends("wait0_count", machine)[MOST]
    low, high = (common_ends("wait0_sem", machine)[end] for end in (LEAST, MOST))
    for semaphore, other in ((low, high), (high, low)):
        _count(add, semaphore, 2 * most)
        add(Opcode.SYNC, waits=[(semaphore, most), (semaphore, most)])
        _count(add, semaphore, 3)
        add(Opcode.SYNC, waits=[(semaphore, 1), (semaphore, 2)])
        _count(add, semaphore, most)
        _count(add, other, 1)
        add(Opcode.SYNC, waits=[(semaphore, most), (other, 1)])
    if full:
        count = (1 << machine.tile.semaphore_bits) - 1
        _count(add, high, count)
        while count:
            part = min(count, most)
            add(Opcode.SYNC, waits=[(high, part)])
            count -= part


def _count(add: Callable, semaphore: int, count: int) -> None:
    add(Opcode.LOOP, imm=count)
    add(Opcode.SYNC, signal=semaphore)
    add(Opcode.END)


def _signals(add: Callable, machine: Machine, far: int) -> None:
    """Both signals to the first and the last semaphore, and to the tiles in the corners."""
    low, high = (common_ends("sig1_sem", machine)[end] for end in (LEAST, MOST))
    for first, second in ((low, high), (high, low), (high, high)):
        local = {"sig1_kind": int(SignalKind.LOCAL), "sig1_sem": second}
        add(Opcode.SYNC, signal=first, **local)
        add(Opcode.SYNC, waits=[(first, 1), (second, 1)])
    for end in (LEAST, MOST):
        corner = common_ends("sig1_x", machine)[end], common_ends("sig1_y", machine)[end]
        add(Opcode.SYNC, tell=(far, corner))


def _registers(add: Callable, machine: Machine) -> None:
    """Every register is written from the one before; a loop of so many rounds as the last one says
    tells whether it came through; the largest immediates, and what is written to register 0.
    """
    most = ends(Opcode.ADD, "imm", machine)[MOST]
    add(Opcode.LI, rd=0, imm=most)
    add(Opcode.LI, rd=1, imm=most)
    for register in range(2, REGISTERS):
        add(Opcode.ADD, rd=register, rs=register - 1, imm=1 if register % 2 else most)
    add(Opcode.LI, rd=REGISTERS - 1, imm=7)
    add(Opcode.ADD, rd=0, rs=REGISTERS - 1, imm=0)
    # The sum of what was added to register 1, less what the last but one holds, is 0.
    held = (most + sum(1 if r % 2 else most for r in range(2, REGISTERS - 1))) & 0xFFFFFFFF
    for register, imm in (
        (REGISTERS - 2, 2 - held & 0xFFFFFFFF),
        (REGISTERS - 1, 3 - 7 & 0xFFFFFFFF),
        (0, 2),
    ):
        add(Opcode.LOOP, rs=register, imm=imm)
        add(Opcode.SYNC, signal=_ROUNDS)
        add(Opcode.END)
    add(Opcode.LI, rd=1, imm=0)
    add(Opcode.ADD, rd=2, rs=0, imm=2)
    add(Opcode.ADD, rd=REGISTERS - 1, rs=1, imm=3)
    for register, imm in ((REGISTERS - 1, most), (2, 0)):
        add(Opcode.LOOP, rs=register, imm=imm)
        add(Opcode.SYNC, signal=_ROUNDS)
        add(Opcode.END)


def _last_signals(add: Callable, machine: Machine) -> None:
    """To the first and last semaphore of the tiles in the corners, when nobody waits for them."""
    for semaphore_end, corner_end in product((LEAST, MOST), (LEAST, MOST)):
        x, y = (common_ends(f"sig1_{axis}", machine)[corner_end] for axis in "xy")
        add(Opcode.SYNC, tell=(common_ends("sig1_sem", machine)[semaphore_end], (x, y)))


def _engines(machine: Machine, seed: int, part: slice) -> TileProgram:
    """Instructions of both engines at the ends of their fields."""
    return _one_by_one(machine, seed, engine_experiments(machine, seed)[part])


def _sizes(machine: Machine, seed: int, part: slice) -> TileProgram:
    """Instructions of both engines with the largest sizes."""
    return _one_by_one(machine, seed, giant_experiments(machine, seed)[part])


def _wide(machine: Machine, seed: int, part: slice) -> TileProgram:
    """Instructions of both engines with several rows of the largest size."""
    return _one_by_one(machine, seed, wide_experiments(machine, seed)[part])


def _one_by_one(machine: Machine, seed: int, experiments: list[EdgeInstruction]) -> TileProgram:
    """Instructions dealt to the tiles, one after the other: OUT lets each begin and stores what it
    gave.
    """
    bench = EdgeBench(machine, seed)
    bench.fill()
    order = bench.rng.permutation(len(experiments))
    for turn, tile in enumerate(bench.tiles):
        begin = {Queue.MATRIX: cycle(range(8)), Queue.VECTOR: cycle(range(8, 16))}
        end = cycle([*range(16, LOADED), common_ends("sig0_sem", machine)[MOST]])
        for number in order[turn :: len(bench.tiles)].tolist():
            experiment = experiments[number]
            queue = next(q for q, codes in OPCODES_OF.items() if experiment.opcode in codes)
            names = next(begin[queue]), next(end)
            _experiment(bench, (tile, queue), experiment, names, twice=number % 2)
        bench.store_all(tile)
    return TileProgram(*bench.finish())


def _experiment(
    bench: EdgeBench,
    place: tuple[TileXY, Queue],
    experiment: EdgeInstruction,
    names: tuple[int, int],
    *,
    twice: int,
) -> None:
    """`names`: the semaphores that let it begin, and that tell its end; `twice`: both of its waits
    and both of its signals are for them.
    """
    (tile, queue), (go, done) = place, names
    engine, out = bench.adder(tile, queue), bench.adder(tile, Queue.OUT)
    for register, value in experiment.registers.items():
        engine(Opcode.LI, rd=register, imm=value)
    second = {"sig1_kind": int(SignalKind.LOCAL), "sig1_sem": done} if twice else {}
    engine(
        experiment.opcode,
        **experiment.fields,
        waits=[(go, 1)] * (1 + twice),
        signal=done,
        **second,
    )
    again = {"sig1_kind": int(SignalKind.LOCAL), "sig1_sem": go} if twice else {}
    out(Opcode.SYNC, signal=go, **again)
    results = {
        name: extent
        for name, extent in extents(
            experiment.opcode, experiment.operands, bench.machine.tile
        ).items()
        if name in ("c", "d", "s")
    }
    counted, waits = 0, [(done, 1 + twice)]
    for name, extent in results.items():
        counted += bench.store(out, experiment.operands[name], extent, waits=waits)
        waits = []
    out(Opcode.SYNC, waits=[*waits, (STORED, counted)] if counted else waits)


EDGES: dict[str, Callable[[Machine, int, slice], TileProgram]] = {
    "control": _control,
    "engines": _engines,
    "sizes": _sizes,
    "moves": move_program,
    "long-moves": long_move_program,
    "loops": loop_program,
    "joins": join_program,
    "floods": flood_program,
    "wide": _wide,
    "wide-moves": wide_move_program,
    "tells": tell_program,
    "signals": signal_program,
}
"""What programs about edges there are."""
