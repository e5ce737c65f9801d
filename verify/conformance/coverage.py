"""Functional coverage: bins declared from the instruction set and the compilers' tables, hit by
what golden runs executed.

A bin is a name like ``matmul format/fp16 x e4m3 transposed``: a group, a slash, and which one of
it. Nothing is declared because it was seen; what is seen and not declared is an error of this file.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product

from isa.errors import UserError
from isa.instructions import (
    LAYOUTS,
    OPCODES_OF,
    EdgePort,
    Format,
    Kind,
    Opcode,
    Queue,
    ReduceOp,
)
from isa.machine import Machine
from programs.attention.mapping import DATAFLOWS
from programs.tensors import DTYPES
from verify.conformance.end_bins import declare_ends
from verify.conformance.error_bins import declare_errors
from verify.conformance.factors import (
    BANDWIDTHS,
    GEMM_DATAFLOWS,
    LATENCIES,
    OPTIONS,
    STALLS,
    VARIANTS,
)
from verify.conformance.numbers import CLASSES, FILLS, MATRIX_FILLS, exists
from verify.conformance.place_bins import declare_places

__all__ = ["bins", "count", "declared"]

SCALARS = tuple(op for op in Opcode if Opcode.HALT <= op <= Opcode.END)
STORED = tuple(fmt for fmt in Format if fmt != Format.FP32)
SPOTS = ("itself", "one other", "part of a row", "part of a column", "rectangle", "whole mesh")
TAILS = ("less than one", "whole", "whole and a part")
JOINS = range(1, 6)
STEPS = (("negative", "0", "inside", "beyond"), ("0", "1", "2 to 15", "16 to 254", "255"))
"""First masked column, and rows after which it moves."""
GROUPS = ("one tile", "one row", "one column", "rectangle", "whole mesh", "several")
COUNTS = ("1", "2", "3 to 15", "16 to 62", "63")


def name_of(member) -> str:
    """An enumeration's member in a bin's name."""
    return member.name.lower().replace("_", " ")


@cache
def bins(formats: tuple[Format, ...]) -> tuple[str, ...]:
    """All declared bins, for a machine whose reductions take these formats."""
    return tuple(
        f"{group}/{which}" for group, members in _declare(formats).items() for which in members
    )


def declared(machine: Machine) -> tuple[str, ...]:
    """All bins for a machine."""
    return bins(machine.mesh.formats)


def _declare(formats: tuple[Format, ...]) -> dict[str, list[str]]:
    flags = ("0", "1")
    matrix_formats = [f"{name_of(a)} x {name_of(b)}" for a, b in product(STORED, STORED)]
    registers = {
        queue: [
            field.name
            for field in LAYOUTS[kind]
            if f"{field.name}_reg" in {f.name for f in LAYOUTS[kind]}
        ]
        for queue, kind in (
            (Queue.MATRIX, Kind.MATRIX),
            (Queue.VECTOR, Kind.VECTOR),
            (Queue.LOAD, Kind.MOVE),
            (Queue.OUT, Kind.MOVE),
        )
    }
    has_d = [op for op in OPCODES_OF[Queue.VECTOR] if op != Opcode.ROWMAX]
    has_a = [op for op in OPCODES_OF[Queue.VECTOR] if op != Opcode.FILL]
    return {
        "opcode": [
            f"{name_of(op)} in {name_of(q)}" for q in Queue for op in (*SCALARS, *OPCODES_OF[q])
        ],
        "address register": [
            f"{name_of(q)} {name}" for q, names in registers.items() for name in names
        ],
        "wait": [f"{name_of(q)} {n}" for q in Queue for n in ("one", "two")],
        "wait count": list(COUNTS),
        "signal": [f"{name_of(q)} {what}" for q in Queue for what in ("one", "two", "remote")],
        "remote signal": ["itself", "east", "west", "north", "south", "diagonal"],
        "matmul format": [
            f"{both} {t}" for both, t in product(matrix_formats, ("as it is", "transposed"))
        ],
        "matmul flags": [f"transposed {t} accumulate {a}" for t, a in product(flags, flags)],
        "matmul m": list(TAILS),
        "matmul n": [*TAILS, "fewer groups than latency"],
        "matmul k": [*TAILS, "four chunks and more"],
        "vector format of a": [
            f"{name_of(op)} {name_of(fmt)}" for op, fmt in product(has_a, Format)
        ],
        "vector format of d": [
            f"{name_of(op)} {name_of(fmt)}" for op, fmt in product(has_d, Format)
        ],
        "vector n": [
            f"{name_of(op)} {tail}" for op, tail in product(OPCODES_OF[Queue.VECTOR], TAILS)
        ]
        + ["rowmax 0", "exp 0"],
        "vector pitch": ["a tight", "a loose", "d tight", "d loose"],
        "rowmax": [f"with_b {b} masked {k}" for b, k in product(flags, flags)],
        "exp": [f"with_s {s} masked {k}" for s, k in product(flags, flags)],
        "mask": [
            f"{name_of(op)} from {start} moving after {rows}"
            for op in (Opcode.ROWMAX, Opcode.EXP)
            for start, rows in product(*STEPS)
        ],
        "load to": [f"{spot}" for spot in SPOTS],
        "put to": list(SPOTS),
        "load edge": [name_of(edge) for edge in EdgePort],
        "store edge": [name_of(edge) for edge in EdgePort],
        "move rows": [
            f"{name_of(op)} {n}"
            for op in (Opcode.LOAD, *OPCODES_OF[Queue.OUT])
            for n in ("1", "more")
        ],
        "move words": [
            f"{name_of(op)} {n}"
            for op in OPCODES_OF[Queue.OUT]
            for n in ("1", "part of a line", "line", "more")
        ],
        "move pitch": [
            f"{name_of(op)} {side} {pitch}"
            for op in OPCODES_OF[Queue.OUT]
            for side, pitch in product(("local", "remote"), ("tight", "loose"))
        ],
        "bump": [
            f"{name_of(op)} {b}" for op in (Opcode.LOAD, *OPCODES_OF[Queue.OUT]) for b in flags
        ],
        "reduce": [
            f"{name_of(op)} {name_of(fmt)} turn {t}"
            for op, fmt, t in product(ReduceOp, formats, flags)
        ],
        "reduce over": ["part of a row", "part of a column", "rectangle", "one tile"],
        "join": [f"{name_of(op)} of {n}" for op, n in product(ReduceOp, JOINS)],
        "dataflow": [*DATAFLOWS, *GEMM_DATAFLOWS],
        "variant": list(VARIANTS),
        "variant by dataflow": [f"{v} {d}" for v, d in product(VARIANTS, DATAFLOWS)],
        "format by dataflow": [
            f"{f} {d}" for f, d in product(DTYPES, (*DATAFLOWS, *GEMM_DATAFLOWS))
        ],
        "formats of p and o": [f"p {p} o {o}" for p, o in product(DTYPES, DTYPES)],
        "network features": list(OPTIONS),
        "group": list(GROUPS),
        "numbers": [f"{numbers} {dtype}" for numbers, dtype in product(FILLS, DTYPES)],
        "matrix numbers": [
            f"{numbers} {dtype}" for numbers, dtype in product(MATRIX_FILLS, DTYPES)
        ],
        "formats of a product": [f"{a} to {o}" for a, o in product(DTYPES, DTYPES)],
        "input": [
            f"{dtype} {c}" for dtype, c in product(DTYPES, CLASSES) if exists(c, DTYPES[dtype])
        ],
        "output": [
            f"{dtype} {c}"
            for dtype, c in product(DTYPES, CLASSES)
            if exists(c, DTYPES[dtype], computed=True)
        ],
        "causal": ["rows that see nothing", "blocks left out", "one position", "several positions"],
        "lengths": ["equal", "different", "one key"],
        "stalls": [str(stall) for stall in STALLS],
        "latency": [str(latency) for latency in LATENCIES],
        "bandwidth": [str(bandwidth) for bandwidth in BANDWIDTHS],
        "mesh": ["one row", "one column", "square", "wide or high"],
        **declare_ends(),
        **declare_errors(),
        **declare_places(),
    }


def count(hits: Iterable[Iterable[str]], all_bins: Iterable[str]) -> Mapping[str, int]:
    """How many cases hit each bin.

    Raises
    ------
    UserError
        If a case hit what is not declared.
    """
    found = dict.fromkeys(all_bins, 0)
    for hit in hits:
        for name in hit:
            if name not in found:
                raise UserError(f"coverage: {name!r} was hit and is not declared")
            found[name] += 1
    return found
