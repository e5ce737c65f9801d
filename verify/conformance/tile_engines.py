"""Random instructions for the vector and the matrix engine."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from isa.instructions import LAYOUTS, LOOP_DEPTH, OPCODES_OF, Format, Kind, Opcode, Queue
from isa.machine import Tile
from verify.conformance.extremes import TWO_MATRICES, words_of
from verify.conformance.tile_data import Layout, Section

__all__ = ["matrix_queue", "vector_queue"]

_PER_ROW = (Opcode.SCALE, Opcode.ROWMAX, Opcode.EXP)
_FACTORS = (1.0, 0.18033688, -16.0, 2.0**-20, 24.0)
"""Immediates: log2(e)/8 as attention has it, and some that reach the ends of the exponential."""
COUNTS = {"vector": (26, 3), "matrix": (4, 14), "network": (4, 2), "wild": (26, 2)}
"""Instructions of the vector and of the matrix engine, by focus."""


class _Draft(NamedTuple):
    """What an instruction is drawn with, where it works, and what takes it."""

    rng: np.random.Generator
    tile: Tile
    layout: Layout
    add: Callable


def vector_queue(
    rng: np.random.Generator, tile: Tile, layout: Layout, add: Callable, focus: str
) -> None:
    """Every vector opcode in turn, with any formats, sizes, masks and loops, as long as there is
    room for results.
    """
    opcodes = rng.permutation([int(op) for op in OPCODES_OF[Queue.VECTOR]])
    for number in range(COUNTS[focus][0]):
        opcode = Opcode(int(opcodes[number % len(opcodes)]))
        wild = focus == "wild" or rng.random() < 0.15
        draft = _Draft(rng, tile, layout, add)
        _vector(draft, opcode, wild, depth=int(rng.choice([0, 0, 0, 1, 2, 3, 4])))


def _vector(draft: _Draft, opcode: Opcode, wild: bool, *, depth: int) -> None:
    rng, tile, layout, add = draft
    fmt_a, fmt_d = Format(int(rng.integers(5))), Format(int(rng.integers(5)))
    pool = layout.wild if wild else layout.tame
    few = depth > 0 or wild
    empty = opcode in (Opcode.ROWMAX, Opcode.EXP) and rng.random() < 0.1
    n = (
        0
        if empty
        else int(rng.choice([1, tile.vector_lanes, int(rng.integers(1, 20 if few else 41))]))
    )
    width = max(
        words_of(tile, n, fmt_a), words_of(tile, n, Format.FP32) if opcode in TWO_MATRICES else 0
    )
    lda = words_of(tile, n, fmt_a) + int(rng.integers(0, 3))
    m = int(rng.integers(1, 4 if few else 17)) if depth or not wild else int(rng.integers(2, 9))
    rounds = [int(rng.integers(1, 3)) for _ in range(min(depth, LOOP_DEPTH))]
    turns = int(np.prod(rounds)) if rounds else 1
    section = pool[fmt_a]
    spread = turns - 1  # words by which the address registers move on in all
    m = max(
        1, min(m, (min(section.words, pool[Format.FP32].words) - width - spread) // max(lda, 1))
    )
    fields = {"m": m, "n": n, "fmt_a": int(fmt_a), "fmt_d": int(fmt_d), "lda": lda}
    fields["a"] = _inside(rng, section, (m - 1) * lda + width + spread)
    packed = words_of(tile, m, Format.FP32)
    steps = {"a": 1}
    if opcode in TWO_MATRICES:
        fields["b"] = _inside(rng, pool[Format.FP32], (m - 1) * lda + width + spread)
        steps["b"] = 1
    elif opcode in _PER_ROW:
        fields["b"] = _inside(rng, pool[Format.FP32], packed + spread)
        steps["b"] = 1
        if opcode == Opcode.ROWMAX:
            fields["with_b"] = int(rng.integers(2))
    if opcode in (Opcode.FILL, Opcode.EXPD, Opcode.EXP):
        fields["imm"] = int(np.float32(rng.choice(_FACTORS)).view(np.uint32))
    if opcode in (Opcode.ROWMAX, Opcode.EXP) and rng.random() < 0.7:
        fields |= {
            "masked": 1,
            "mask": int(rng.integers(-4, n + 3)),
            "mask_rows": int(rng.choice([0, 1, 2, 3, 5])),
        }
        steps["mask"] = 1
    wd = words_of(tile, n, fmt_d)
    if opcode != Opcode.ROWMAX:
        fields["ldd"] = wd + int(rng.integers(0, 2))
        steps["d"] = m * fields["ldd"]
    if opcode == Opcode.ROWMAX or (opcode == Opcode.EXP and rng.random() < 0.6):
        fields["with_s"] = int(opcode == Opcode.EXP)
        steps["s"] = packed
    for name in ("d", "s"):
        if name in steps:
            address = layout.vector.take(turns * steps[name])
            if address is None:
                return
            fields[name] = address
    _in_loops(rng, add, opcode, fields, steps, rounds)


def matrix_queue(
    rng: np.random.Generator, tile: Tile, layout: Layout, add: Callable, focus: str
) -> None:
    """MATMULs of any formats, shapes and flags, as long as there is room for results."""
    formats = [fmt for fmt in Format if fmt != Format.FP32]
    for number in range(COUNTS[focus][1]):
        fmts = {name: formats[int(rng.integers(4))] for name in _format_fields()}
        wild = rng.random() < 0.2
        draft = _Draft(rng, tile, layout, add)
        _matmul(draft, fmts, wild, looped=number % 4 == 3, trans_b=number % 2)


def _format_fields() -> list[str]:
    return [field.name for field in LAYOUTS[Kind.MATRIX] if field.name.startswith("fmt")]


def _matmul(
    draft: _Draft, fmts: Mapping[str, Format], wild: bool, *, looped: bool, trans_b: int
) -> None:
    rng, tile, layout, add = draft
    a_fmt, b_fmt = (fmts[name] if name in fmts else fmts["fmt"] for name in ("fmt_a", "fmt_b"))
    pool = layout.wild if wild else layout.tame
    line = tile.line_elements
    rounds = [2, 1] if looped else []
    spread = 1 if looped else 0
    k = int(rng.choice([1, 8, line, int(rng.integers(1, 2 * line + 10))]))
    n = int(
        rng.choice([1, 8, line, *(int(rng.integers(1, end)) for end in (line + 9, 2 * line + 9))])
    )
    m = int(rng.choice([1, tile.matrix_rows, int(rng.integers(1, 2 * tile.matrix_rows + 5))]))
    if looped:
        m, n = min(m, 5), min(n, 12)

    def rows_that_fit(section: Section, pitch: int) -> int:
        return (section.words - spread) // pitch

    n, k = (
        (min(n, rows_that_fit(pool[b_fmt], words_of(tile, k, b_fmt) + 1)), k)
        if trans_b
        else (n, min(k, rows_that_fit(pool[b_fmt], words_of(tile, n, b_fmt) + 1)))
    )
    n, k = max(n, 1), max(k, 1)
    lda = words_of(tile, k, a_fmt) + int(rng.integers(0, 2))
    ldb = words_of(tile, k if trans_b else n, b_fmt) + int(rng.integers(0, 2))
    m = max(1, min(m, rows_that_fit(pool[a_fmt], lda)))
    ldc = words_of(tile, n, Format.FP32) + int(rng.integers(0, 2))
    turns = 2 if looped else 1
    c = layout.matrix.take(turns * m * ldc)
    if c is None:
        return
    b_rows = n if trans_b else k
    fields = {
        "a": _inside(rng, pool[a_fmt], m * lda + spread),
        "b": _inside(rng, pool[b_fmt], b_rows * ldb + spread),
        "c": c,
        "lda": lda,
        "ldb": ldb,
        "ldc": ldc,
        "m": m,
        "n": n,
        "k": k,
        "trans_b": trans_b,
        "accumulate": int(rng.random() < 0.5),
        **{name: int(fmt) for name, fmt in fmts.items()},
    }
    _in_loops(rng, add, Opcode.MATMUL, fields, {"a": 1, "b": 1, "c": m * ldc}, rounds)


def _inside(rng: np.random.Generator, section: Section, words: int) -> int:
    """A place for `words` words in a section."""
    return section.address + int(rng.integers(0, max(section.words - words, 0) + 1))


def _in_loops(
    rng: np.random.Generator,
    add: Callable,
    opcode: Opcode,
    fields: dict[str, int],
    steps: dict[str, int],
    rounds: list[int],
) -> None:
    """Add an instruction inside nested loops of so many rounds; each execution moves its operands
    on by `steps`.
    """
    if not rounds:
        add(opcode, **fields)
        return
    registers = {name: 2 * i + 1 for i, name in enumerate(steps)}
    for name, register in registers.items():
        add(Opcode.LI, rd=register, imm=0)
        fields[f"{name}_reg"] = register
    for level, count in enumerate(rounds):
        if level % 2:
            add(Opcode.LI, rd=14, imm=count - 1)
            add(Opcode.LOOP, imm=1, rs=14)
        else:
            add(Opcode.LOOP, imm=count)
    add(opcode, **fields)
    for name, step in steps.items():
        add(Opcode.ADD, rd=registers[name], rs=registers[name], imm=step)
    for _ in rounds:
        add(Opcode.END)
