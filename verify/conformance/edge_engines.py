"""Instructions of the matrix and the vector engine at the ends of their fields.

Every field is a factor whose levels are its ends and something in between; any two levels of
different fields meet in some instruction (`verify.conformance.covering`), formats and tails among
them. The largest sizes would leave no room for the rest, and come alone.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from golden.touched import overtaken, touched
from isa.instructions import LAYOUTS, OPCODES_OF, REGISTERS, Format, Kind, Opcode, Queue, kind_of
from isa.machine import Machine
from verify.conformance.covering import covering
from verify.conformance.extremes import (
    FIRST,
    LAST,
    LEAST,
    MOST,
    addresses_of,
    ends,
    extents,
    fields_of,
    words_of,
)

__all__ = [
    "ANY",
    "PITCHES",
    "PLACES",
    "EdgeInstruction",
    "engine_experiments",
    "giant_experiments",
    "with_registers",
]

ANY, TIGHT, LOOSE = "any", "tight", "loose"
PLACES = (ANY, FIRST, LAST, MOST, f"register {MOST}")
"""Where an operand is: MOST, its base is the largest one, and a register brings it back."""
PITCHES = (TIGHT, LOOSE, LEAST, MOST)
_FACTORS = (0.18033688, -16.0, 2.0**-20)
_TRIES = 40


class EdgeInstruction(NamedTuple):
    """One instruction, and the registers that it names."""

    opcode: Opcode
    fields: dict[str, int]
    registers: dict[int, int]
    """Values that are to be there before."""
    operands: dict[str, int]
    """Fields with the registers added."""


def with_registers(
    opcode: Opcode,
    f: Mapping[str, int],
    where: Mapping[str, str],
    rng: np.random.Generator,
    machine: Machine,
) -> EdgeInstruction:
    """Effective operands as base and register: as `where` asks for, or now and then."""
    fields, registers = dict(f), {}
    free = [int(r) for r in rng.permutation(np.arange(1, 15))]
    for name in addresses_of(opcode):
        place, value = where.get(name, ANY), f.get(name, 0)
        last = REGISTERS - 1
        number = last if place == f"register {MOST}" and last not in registers else free.pop()
        if place in (LEAST, MOST) and name in fields:
            base = ends(opcode, name, machine)[place]
        elif place == f"register {MOST}" or rng.random() < 0.2:
            least, most = (ends(opcode, name, machine)[end] for end in (LEAST, MOST))
            base = int(rng.integers(least, most + 1))
        else:
            continue
        fields |= {name: base, f"{name}_reg": number}
        registers[number] = value - base & 0xFFFFFFFF
    return EdgeInstruction(opcode, fields, registers, dict(f))


def engine_experiments(machine: Machine, seed: int) -> list[EdgeInstruction]:
    """All of them, for both engines; same machine and seed: the same."""
    rng = np.random.default_rng((seed, *b"edges"))
    found = []
    for opcodes in _alike():
        factors = _factors(opcodes, machine)
        for row in covering(factors, 2, seed, allowed=_possible):
            opcode = Opcode[row["opcode"]]
            found.append(_draw(opcode, row, rng, machine))
    return found


def giant_experiments(machine: Machine, seed: int) -> list[EdgeInstruction]:
    """Those with the largest sizes, likewise."""
    rng = np.random.default_rng((seed, *b"sizes"))
    return [_giant(opcode, name, rng, machine) for opcode, name in _giants()]


def wide_experiments(machine: Machine, seed: int) -> list[EdgeInstruction]:
    """Those with the longest rows, and more than one of them."""
    rng = np.random.default_rng((seed, *b"wide"))
    sizes = [(Opcode.MATMUL, "k"), *((opcode, "n") for opcode in OPCODES_OF[Queue.VECTOR])]
    return [_giant(opcode, name, rng, machine, rows=3) for opcode, name in sizes]


def _alike() -> list[tuple[Opcode, ...]]:
    """Opcodes that use the same fields."""
    groups: dict[tuple[str, ...], list[Opcode]] = {}
    for opcode in (*OPCODES_OF[Queue.MATRIX], *OPCODES_OF[Queue.VECTOR]):
        groups.setdefault(tuple(fields_of(opcode)), []).append(opcode)
    return [tuple(group) for group in groups.values()]


def _factors(opcodes: tuple[Opcode, ...], machine: Machine) -> dict[str, tuple]:
    """Levels of each field that these opcodes use."""
    tile, opcode = machine.tile, opcodes[0]
    units = (
        {"m": tile.matrix_rows, "n": tile.line_elements, "k": tile.line_elements}
        if kind_of(opcode) == Kind.MATRIX
        else {"n": tile.vector_lanes}
    )
    factors: dict[str, tuple] = {"opcode": tuple(op.name for op in opcodes)}
    for name in fields_of(opcode):
        if name.endswith("_reg") or name == "masked":
            continue
        if name == "mask":
            levels: tuple = ("none", LEAST, MOST, "0", "inside", f"register {MOST}")
        elif name in addresses_of(opcode):
            levels = PLACES
        elif name in ("lda", "ldb", "ldc", "ldd"):
            levels = PITCHES
        elif name in ("m", "n", "k"):
            levels = _sizes(opcode, name, units.get(name, 2))
        elif name.startswith("fmt"):
            levels = tuple(fmt for fmt in Format if fmt or kind_of(opcode) != Kind.MATRIX)
        elif name == "imm":
            levels = (LEAST, MOST, *_FACTORS)
        elif name == "mask_rows":
            levels = (0, 1, 2, 16, ends(opcode, name, machine)[MOST])
        else:
            levels = (0, 1)
        factors[name] = levels
    return factors


def _sizes(opcode: Opcode, name: str, unit: int) -> tuple[int, ...]:
    """Around one unit of the engine, some, and what is the least."""
    if kind_of(opcode) == Kind.MATRIX:
        some = (1, unit - 1, unit, unit + 1, 2 * unit + 3)
        return (*some, 4 * unit, 5 * unit + 3) if name == "k" else some
    if name == "m":
        return (1, 2, 3, 4)
    empty = (0,) if opcode in (Opcode.ROWMAX, Opcode.EXP) else ()
    return tuple(dict.fromkeys((*empty, 1, unit - 1 or 1, unit, unit + 1, 4 * unit + 3)))


def _possible(row: Mapping[str, object]) -> bool:
    """No two operands at the same end of L1, and large pitches only where they fit."""
    places = [row[name] for name in ("a", "b", "c", "d", "s") if row.get(name) in (FIRST, LAST)]
    return len(set(places)) == len(places)


def _draw(
    opcode: Opcode, row: Mapping, rng: np.random.Generator, machine: Machine
) -> EdgeInstruction:
    """The instruction of a row; what cannot be is made smaller until it fits."""
    where = {name: row[name] for name in addresses_of(opcode)}
    for attempt in range(_TRIES):
        f = _operands(opcode, row, rng, machine)
        if attempt:
            f["m"] = max(1, f["m"] - attempt)
        for pitch in ("lda", "ldb", "ldc", "ldd") if attempt > 4 else ():
            f[pitch] = min(f.get(pitch, 0), 64)
        if placed := _place(opcode, f, where if attempt < 20 else {}, rng, machine):
            return with_registers(opcode, placed, where, rng, machine)
    raise AssertionError(f"no room in L1 for {opcode.name} {dict(row)}")


def _operands(
    opcode: Opcode, row: Mapping, rng: np.random.Generator, machine: Machine
) -> dict[str, int]:
    """Sizes, formats, flags and pitches; no L1 addresses yet."""
    tile = machine.tile
    f = {field.name: 0 for field in LAYOUTS[kind_of(opcode)]}
    for name, level in row.items():
        if name in ("m", "n", "k") or name.startswith("fmt") or isinstance(level, int):
            f[name] = int(level)
    if "imm" in row:
        f["imm"] = (
            ends(opcode, "imm", machine)[row["imm"]]
            if isinstance(row["imm"], str)
            else int(np.float32(row["imm"]).view(np.uint32))
        )
    if "mask" in row:
        legal = ends(opcode, "mask", machine)
        inside = int(rng.integers(0, f["n"] + 1))
        f["masked"] = int(row["mask"] != "none")
        f["mask"] = {"0": 0, **legal}.get(row["mask"], inside)
    for pitch in ("lda", "ldb", "ldc", "ldd"):
        if pitch not in row:
            continue
        words = _row_words(opcode, f, pitch, tile)
        f[pitch] = {TIGHT: words, LOOSE: words + 1}.get(
            row[pitch], ends(opcode, pitch, machine)[MOST if row[pitch] == MOST else LEAST]
        )
        if row[pitch] == MOST:
            rows = "k" if pitch == "ldb" and not f["trans_b"] else "n" if pitch == "ldb" else "m"
            f[rows] = min(f[rows], max(1, tile.l1_words // f[pitch] - 1))
        elif row[pitch] == LEAST and pitch == "ldc":
            f["accumulate"] = 0  # rows upon each other: which is read first is up to the engine
    return f


def _row_words(opcode: Opcode, f: Mapping[str, int], pitch: str, tile) -> int:
    if pitch == "ldc":
        return words_of(tile, f["n"], Format.FP32)
    if pitch == "ldb":
        return words_of(tile, f["k"] if f["trans_b"] else f["n"], f["fmt_b"])
    columns = f["k"] if kind_of(opcode) == Kind.MATRIX else f["n"]
    return words_of(tile, columns, f["fmt_d" if pitch == "ldd" else "fmt_a"])


def _place(
    opcode: Opcode,
    f: dict[str, int],
    where: Mapping[str, str],
    rng: np.random.Generator,
    machine: Machine,
) -> dict[str, int] | None:
    """Operands with places in L1 that they do not share with results, if there are such."""
    tile = machine.tile
    found = extents(opcode, f, tile)
    if any(extent.span > tile.l1_words for extent in found.values()):
        return None
    for _ in range(_TRIES):
        at = {}
        for name, extent in found.items():
            room = tile.l1_words - extent.span
            place = where.get(name)
            at[name] = (
                0 if place == FIRST else room if place == LAST else int(rng.integers(room + 1))
            )
        full = f | at
        writes = touched(opcode, full, tile).writes
        apart = all(not one.covers() & other.covers() for one, other in combinations(writes, 2))
        if apart and not overtaken(opcode, full, tile):
            return full
    return None


def _giants() -> Iterator[tuple[Opcode, str]]:
    """Sizes that are to be the largest, one at a time."""
    for opcode in (*OPCODES_OF[Queue.MATRIX], *OPCODES_OF[Queue.VECTOR]):
        for name in ("m", "n", "k", "mask_rows"):
            if name in fields_of(opcode):
                yield opcode, name


def _giant(
    opcode: Opcode, name: str, rng: np.random.Generator, machine: Machine, rows: int = 1
) -> EdgeInstruction:
    """One with the largest `name`, and so many rows otherwise: many lie upon each other where L1
    has no room. Of several rows of a masked opcode each has a column more than the one before.
    """
    tile = machine.tile
    f = {field.name: 0 for field in LAYOUTS[kind_of(opcode)]}
    f |= {"m": rows, "n": 3, "fmt_a": Format.E4M3, "fmt_d": Format.E5M2, "fmt_b": Format.E5M2}
    f |= {"imm": int(np.float32(_FACTORS[0]).view(np.uint32)), "with_s": int(opcode == Opcode.EXP)}
    f |= {"k": 2} if kind_of(opcode) == Kind.MATRIX else {}
    if name == "mask_rows":
        f |= {"m": min(600, tile.l1_words // 2), "n": 9, "masked": 1, "mask": 2}
    f[name] = ends(opcode, name, machine)[MOST]
    if rows > 1 and "masked" in fields_of(opcode):
        f |= {"masked": 1, "mask": f["n"] - 5, "mask_rows": 1}
    f["trans_b"] = int(name == "k")
    for pitch in ("lda", "ldb", "ldc", "ldd"):
        words = _row_words(opcode, f, pitch, tile) if pitch in fields_of(opcode) else 0
        lines = {"ldb": f.get("k", 0) if not f.get("trans_b") else f["n"]}.get(pitch, f["m"])
        alone = pitch == ("ldd" if opcode == Opcode.FILL else "lda")
        most = tile.l1_words - 8 if alone and name == "m" else tile.l1_words // 8
        f[pitch] = words if lines * words <= most or rows > 1 else 0
    f = {
        key: value for key, value in f.items() if key in {x.name for x in LAYOUTS[kind_of(opcode)]}
    }
    placed = _place(opcode, f, {}, rng, machine)
    if placed is None:
        placed = _place(opcode, f | {"lda": 0, "ldb": 0} if "lda" in f else f, {}, rng, machine)
    assert placed is not None, f"no room in L1 for {opcode.name} of the largest {name}: {f}"
    return with_registers(opcode, placed, {}, rng, machine)
