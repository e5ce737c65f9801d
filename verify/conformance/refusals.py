"""What a queue must refuse when it decodes it: every value beyond a field's ends, every opcode that
is not its own, broken checksums and loops, and any two of them at once, where one rule comes first.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import NamedTuple

from isa.geometry import TileXY
from isa.instructions import (
    BITS,
    COMMON,
    LAYOUTS,
    LOOP_DEPTH,
    OPCODES_OF,
    EdgePort,
    Format,
    Instruction,
    Kind,
    Opcode,
    Queue,
    SignalKind,
    kind_of,
)
from isa.machine import Machine
from verify.conformance.extremes import addresses_of, beyond, extents, fields_of, memory_words
from verify.conformance.tile_stores import at

__all__ = ["Refusal", "Slot", "legal", "reaching", "refusals"]

Slot = Instruction | int
"""What a slot of a program holds; a number is one that no `Instruction` can be."""
_CHECKED = (0, 15, 64, BITS - 1)
"""Bits whose flip a checksum must notice: the ends of the opcode, the operands and itself."""


class Refusal(NamedTuple):
    """Instructions of a queue, the last of which must be refused."""

    name: str
    queue: Queue
    code: tuple[Slot, ...]
    preface: tuple[Slot, ...] = ()
    """Right ones that are under way when it is found."""
    late: bool = False
    """A channel finds it, or words of one do: what the queues do goes on until then."""


def legal(opcode: Opcode, tile: TileXY, machine: Machine) -> dict[str, int]:
    """Operands that every rule lets pass, of a small instruction in a tile, which only reaches
    this tile.
    """
    layout = {field.name for field in LAYOUTS[kind_of(opcode)]}
    x, y = tile
    some = {
        "a": 8, "b": 24, "c": 40, "d": 40, "s": 56, "m": 2, "n": 3, "k": 3,
        "lda": 4, "ldb": 4, "ldc": 4, "ldd": 4,
        "fmt_a": Format.E4M3, "fmt_b": Format.E5M2, "fmt_d": Format.FP16,
        "local": 8, "remote": 64, "local_pitch": 2, "remote_pitch": 2, "rows": 2, "words": 2,
        "x0": x, "x1": x, "y0": y, "y1": y, "target_x": x, "target_y": y,
    }  # fmt: skip
    found = {name: int(some.get(name, 0)) for name in layout}
    if opcode in (Opcode.LOAD, Opcode.STORE):
        found |= at(machine.channels[0])
    return found


def _raw(opcode: int, fields: dict[str, int]) -> int:
    """The word of an instruction with any opcode and any values that fit their fields."""
    word = Instruction(Opcode.SYNC, ()).encode()
    kind = Kind(opcode >> 4) if opcode >> 4 in tuple(Kind) else Kind.SCALAR
    position = 0
    for layout in (COMMON, LAYOUTS[kind]):
        for field in layout:
            value = {"opcode": opcode, "checksum": 0}.get(field.name, fields.get(field.name, 0))
            mask = ((1 << field.width) - 1) << position
            word = word & ~mask | value << position & mask
            position += field.width
    fold = 0
    for byte in word.to_bytes(BITS // 8, "little"):
        fold ^= byte
    good = Instruction(Opcode.SYNC, ()).encode()
    whole = 0
    for byte in good.to_bytes(BITS // 8, "little"):
        whole ^= byte
    return word | (fold ^ whole) << 8


@cache
def refusals(machine: Machine, queue: Queue, tile: TileXY) -> tuple[Refusal, ...]:
    """All of a queue in a tile, in the same order in every tile."""
    return tuple(
        Refusal(f"{queue.name.lower()}: {name}", queue, code)
        for name, code in (
            *_scalar(machine, queue),
            *_opcodes(queue),
            *_checksums(machine, queue, tile),
            *(
                (f"{opcode.name} {name}", code)
                for opcode in OPCODES_OF[queue]
                for name, code in _operands(machine, opcode, tile)
            ),
        )
    )


def _scalar(machine: Machine, queue: Queue) -> Iterator[tuple[str, tuple[Slot, ...]]]:
    """Fields that all instructions have, and loops."""
    for name, fields in _common(machine):
        yield f"SYNC {name}", (_raw(Opcode.SYNC, fields),)
    of = Instruction.of
    loop = of(Opcode.LOOP, imm=1)
    yield "LOOP of 0", (of(Opcode.LOOP),)
    yield "LOOP of 2^32", (of(Opcode.LI, rd=15, imm=1), of(Opcode.LOOP, rs=15, imm=0xFFFFFFFF))
    yield "LOOP too deep", (*[loop] * LOOP_DEPTH, loop)
    yield "END without LOOP", (of(Opcode.END),)
    yield "END too many", (loop, of(Opcode.END), of(Opcode.END))
    yield "HALT in a loop", (loop, of(Opcode.HALT))
    yield "HALT in a loop with signals", (loop, of(Opcode.HALT, sig0_on=1, sig0_sem=13))


def _common(machine: Machine) -> Iterator[tuple[str, dict[str, int]]]:
    mesh, semaphores = machine.mesh, machine.tile.semaphores
    yield "sig1_kind", {"sig1_kind": len(SignalKind)}
    for axis, size in (("x", mesh.columns), ("y", mesh.rows)):
        most = max(field.width for field in COMMON if field.name == f"sig1_{axis}")
        for value in sorted({size, (1 << most) - 1}):
            yield f"sig1_{axis} {value}", {"sig1_kind": 2, f"sig1_{axis}": value}
    width = next(field.width for field in COMMON if field.name == "sig0_sem")
    uses = {"wait0": "wait0_count", "wait1": "wait1_count", "sig0": "sig0_on", "sig1": "sig1_kind"}
    for name, used in uses.items():
        for value in {semaphores, (1 << width) - 1} if semaphores < 1 << width else ():
            yield f"{name}_sem {value}", {used: 1, f"{name}_sem": value}


def _opcodes(queue: Queue) -> Iterator[tuple[str, tuple[Slot, ...]]]:
    """Opcodes of other queues, those beside the ones there are, and the ends."""
    known = {int(opcode) for opcode in Opcode}
    own = {*OPCODES_OF[queue], *(op for op in Opcode if Opcode.HALT <= op <= Opcode.END)}
    beside = {opcode + step for opcode in known for step in (-1, 1)} | {0, 255}
    for opcode in sorted((known | beside) - {int(op) for op in own}):
        yield f"opcode {opcode:#04x}", (_raw(opcode, {}),)


def _checksums(
    machine: Machine, queue: Queue, tile: TileXY
) -> Iterator[tuple[str, tuple[Slot, ...]]]:
    opcode = OPCODES_OF[queue][0]
    for bit in _CHECKED:
        yield f"bit {bit}", (_raw(opcode, legal(opcode, tile, machine)) ^ 1 << bit,)


def _operands(
    machine: Machine, opcode: Opcode, tile: TileXY
) -> Iterator[tuple[str, tuple[Slot, ...]]]:
    """One operand, or two, that must not be."""
    right = legal(opcode, tile, machine)
    wrong = [
        (f"{name} {value}", {name: value})
        for name in fields_of(opcode)
        for value in beyond(opcode, name, machine)
    ]
    layout = {field.name: field for field in LAYOUTS[kind_of(opcode)]}
    wrong += [
        (f"unused {name}", {name: machine.tile.l1_words})
        for name, field in layout.items()
        if f"{name}_reg" in layout and name not in fields_of(opcode) and field.width == 16
        if machine.tile.l1_words < 1 << field.width
    ]
    wrong += _places(machine, opcode, tile)
    for name, changed in wrong:
        yield name, (_raw(opcode, right | changed),)
    for name in addresses_of(opcode):
        if words := memory_words(opcode, name, machine):
            code = (
                Instruction.of(Opcode.LI, rd=15, imm=words - right[name]),
                _raw(opcode, right | {f"{name}_reg": 15}),
            )
            yield f"{name} by a register", code
    if opcode not in {op for opcodes in OPCODES_OF.values() for op in (opcodes[0], opcodes[-1])}:
        return  # rules and their order are those of its kind
    rules = [wrong[0], *(one for one in wrong if one[0].startswith(("fmt", "local ", "remote ")))]
    rules += [one for one in wrong if one[0].startswith(("a ", "x1 ", "edge", "root", "member"))]
    rules += [(name, fields) for name, fields in _common(machine)][:2]
    distinct = {"".join(sorted(fields)): (name, fields) for name, fields in rules}
    for (name, one), (other, two) in combinations(distinct.values(), 2):
        yield f"{name} and {other}", (_raw(opcode, right | one | two),)


def _places(machine: Machine, opcode: Opcode, tile: TileXY) -> list[tuple[str, dict[str, int]]]:
    """Rectangles, roots and channels that are not there."""
    mesh, used, found = machine.mesh, fields_of(opcode), []
    if "x0" in used:
        for axis, size in (("x", mesh.columns), ("y", mesh.rows)):
            if size > 1:
                empty = {f"{axis}0": size - 1, f"{axis}1": size - 2}
                found.append((f"{axis}0 beyond {axis}1", empty))
    if opcode == Opcode.REDUCE:
        for axis, at_, size in (("x", tile[0], mesh.columns), ("y", tile[1], mesh.rows)):
            if at_ > 0:
                found.append((f"member {axis}1", {f"{axis}0": 0, f"{axis}1": at_ - 1}))
            else:
                beside = {f"{axis}0": min(at_ + 1, size), f"{axis}1": size - 1}
                found.append((f"member {axis}0", beside))
    if "edge" in used:
        there = {(EdgePort[c.edge.upper()], c.x, c.y) for c in machine.channels}
        for edge in EdgePort:
            spots = [
                (x, y)
                for x in range(mesh.columns)
                for y in range(mesh.rows)
                if (edge, x, y) not in there
            ]
            # The tile's own place, and one at the edge itself that has none.
            for x, y in dict.fromkeys((spots[0], spots[-1])) if spots else ():
                where = {"edge": int(edge), "target_x": x, "target_y": y}
                found.append((f"edge {edge.name.lower()} of ({x},{y})", where))
    return found


@cache
def reaching(machine: Machine, tile: TileXY) -> tuple[Refusal, ...]:
    """Instructions that begin inside their memory and end one word beyond it, in their last row:
    found by the engine, the receiver or the channel.
    """
    found = []
    for queue, opcodes in OPCODES_OF.items():
        for opcode in opcodes:
            for name, variant, f in _one_beyond(machine, opcode, tile):
                what = f"{queue.name.lower()}: {opcode.name} {name} reaches beyond, {variant}"
                preface = _right(machine, opcode, tile) if name != "remote" else ()
                for before in dict.fromkeys(((), preface)):
                    title = what + (" behind others" if before else "")
                    late = opcode == Opcode.LOAD or (opcode == Opcode.STORE and name == "remote")
                    code = (Instruction.of(opcode, **f),)
                    found.append(Refusal(title, queue, code, before, late))
    return tuple(found)


def _right(machine: Machine, opcode: Opcode, tile: TileXY) -> tuple[Slot, ...]:
    """Two that take a while, in the same engine."""
    f = legal(opcode, tile, machine)
    if opcode == Opcode.LOAD:
        return ()
    f |= {size: 6 for size in ("m", "rows", "n") if size in f}
    return (Instruction.of(opcode, **f),) * 2


def _one_beyond(
    machine: Machine, opcode: Opcode, tile: TileXY
) -> Iterator[tuple[str, str, dict[str, int]]]:
    right = legal(opcode, tile, machine)
    flags = [name for name in ("trans_b", "accumulate", "with_b", "with_s") if name in right]
    flags = [name for name in flags if name in fields_of(opcode)]
    for chosen in range(1 << len(flags)):
        f = right | {name: chosen >> i & 1 for i, name in enumerate(flags)}
        for rows in (1, 2):
            for size in ("m", "rows"):
                f |= {size: rows} if size in f else {}
            variant = f"{rows} rows " + " ".join(name for name in flags if f[name])
            for name, extent in extents(opcode, f, machine.tile).items():
                words = memory_words(opcode, name, machine)
                if extent.span > 1:
                    yield name, variant.strip(), f | {name: words - extent.span + 1}
    if opcode in (Opcode.PUT, Opcode.REDUCE):
        # A row so far beyond that its address, cut to a flit's bits, is a word of L1 again.
        yield "remote", "by the largest pitch", right | {"remote_pitch": 0xFFFF, "words": 1}
