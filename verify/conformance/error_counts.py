"""Errors that no instruction is named for: counts beyond a semaphore, members of a reduction that
do not agree, images without a header.
"""

from collections.abc import Iterator

from isa.geometry import TileXY
from isa.instructions import Format, Instruction, Opcode, Queue, SignalKind
from isa.machine import Machine
from isa.status import ErrorCode
from verify.conformance.error_program import (
    HALT,
    NOP,
    Culprit,
    ErrorProgram,
    empty_program,
    halting,
    neighbours,
    tiles_of,
    verdict,
)
from verify.conformance.extremes import LEAST, MOST, common_ends
from verify.conformance.refusals import legal

__all__ = ["bad_headers", "disagreements", "overflows"]

_WORDS = 64
"""Of each channel."""
_EARLIER = 12
"""Semaphore of what happens before."""


def overflows(machine: Machine) -> list[ErrorProgram]:
    """The first and the last semaphore are counted up to the end, and once more: by each queue and
    by all that arrives.
    """
    programs, tiles = [], tiles_of(machine)
    ways = list(_ways(machine, tiles[0]))
    for start in range(0, len(ways), len(tiles)):
        program = empty_program(machine, _WORDS)
        for number, tile in zip(range(start, len(ways)), tiles, strict=False):
            name, queue, semaphore, last = list(_ways(machine, tile))[number]
            filled = _counted(semaphore, (1 << machine.tile.semaphore_bits) - 1)
            around, before = halting(), halting()
            before[queue] = [*filled, HALT]
            around[queue] = [*filled, last, NOP, HALT]
            program.put(tile, around, before)
            program.culprits.append(verdict(machine, name, {tile: program.images[tile]}))
        programs.append(program)
    return programs


def _counted(semaphore: int, count: int) -> list[Instruction]:
    of = Instruction.of
    signal = of(Opcode.SYNC, sig0_on=1, sig0_sem=semaphore)
    return [of(Opcode.LOOP, imm=count), signal, of(Opcode.END)]


def _ways(machine: Machine, tile: TileXY) -> Iterator[tuple[str, Queue, int, Instruction]]:
    """Name, queue, semaphore, and the instruction that counts once more."""
    of, (x, y) = Instruction.of, tile
    for end in (LEAST, MOST):
        semaphore = common_ends("sig0_sem", machine)[end]
        for queue in Queue:
            name = f"{queue.name.lower()} signals semaphore {semaphore}"
            yield name, queue, semaphore, of(Opcode.SYNC, sig0_on=1, sig0_sem=semaphore)
            remote = {"sig1_kind": int(SignalKind.REMOTE), "sig1_x": x, "sig1_y": y}
            yield (
                f"{name} over the network",
                queue,
                semaphore,
                of(Opcode.SYNC, **remote, sig1_sem=semaphore),
            )
        for opcode, queue in (
            (Opcode.PUT, Queue.OUT),
            (Opcode.REDUCE, Queue.OUT),
            (Opcode.STORE, Queue.OUT),
            (Opcode.LOAD, Queue.LOAD),
        ):
            f = legal(opcode, tile, machine) | {"bump": 1, "sem": semaphore}
            yield f"{opcode.name} bumps semaphore {semaphore}", queue, semaphore, of(opcode, **f)


def disagreements(machine: Machine) -> list[ErrorProgram]:
    """Two members of a reduction that differ in one field, or of which one does not come."""
    pairs, ways, programs = neighbours(machine), list(_differences(machine)), []
    for start in range(0, len(ways), len(pairs)):
        program = empty_program(machine, _WORDS)
        for (name, change), pair in zip(ways[start:], pairs, strict=False):
            one, other = pair
            f = legal(Opcode.REDUCE, one, machine) | {"bump": 1, "sem": 3, "tag": 5}
            f |= {"x1": other[0], "y1": other[1], "fmt": int(Format.FP32)}
            theirs = f | {key: f[key] + more for key, more in change.items()}
            for tile, fields in ((one, f), (other, theirs)):
                missing = tile == other and not change
                reduce = [] if missing else [Instruction.of(Opcode.REDUCE, **fields)]
                first = [Instruction.of(Opcode.SYNC, sig0_on=1, sig0_sem=_EARLIER)]
                around, before = halting(), halting()
                around[Queue.OUT], before[Queue.OUT] = [*first, *reduce, HALT], [*first, HALT]
                program.put(tile, around, before)
            images = {tile: program.images[tile] for tile in pair}
            program.culprits.append(verdict(machine, name, images))
        programs.append(program)
    return programs


def _differences(machine: Machine) -> Iterator[tuple[str, dict[str, int]]]:
    for field in ("tag", "op", "turn", "remote", "sem"):
        yield f"REDUCE: members differ in {field}", {field: 1}
    yield "REDUCE: members differ in bump", {"bump": -1}
    if len(machine.mesh.formats) > 1:
        other = next(fmt for fmt in sorted(machine.mesh.formats) if fmt != Format.FP32)
        yield "REDUCE: members differ in fmt", {"fmt": int(other)}
    yield "REDUCE: one member has a row more", {"rows": 1}
    yield "REDUCE: a member does not come", {}


def bad_headers(machine: Machine) -> list[ErrorProgram]:
    """One tile in whose image the first or the last bit of the opcode, the checksum or the magic
    number is another one.
    """
    programs, tiles = [], tiles_of(machine)
    for number, bit in enumerate((0, 7, 8, 15, 64, 95)):
        program, tile = empty_program(machine, _WORDS), tiles[number % len(tiles)]
        flips = [1 << bit] if bit in (8, 15) else [1 << bit | 1 << 8 + bit % 8]
        program.images[tile] = [program.images[tile][0] ^ flips[0], *program.images[tile][1:]]
        name = f"header with another bit {bit}"
        program.culprits.append(Culprit(name, (tile,), (ErrorCode.BAD_HEADER,)))
        programs.append(program)
    return programs
