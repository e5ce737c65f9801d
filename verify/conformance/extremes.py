"""The ends of every field of every instruction: read off the layouts and the machine, so that
cases, bins and refusals come from one place.

A field's *ends* are values that are legal: ``least``, ``most``. An address has those of its base,
to which a register may be added, and ``first word`` and ``last word``: where the memory it points
into begins, and so that what it points to ends there. What is *beyond* fits the field and is
refused.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from isa.formats import FORMATS
from isa.instructions import (
    COMMON,
    LAYOUTS,
    Bits,
    EdgePort,
    Format,
    Kind,
    Opcode,
    SignalKind,
    kind_of,
)
from isa.machine import Machine, Tile

__all__ = [
    "FIRST",
    "LAST",
    "LEAST",
    "MOST",
    "TWO_MATRICES",
    "Extent",
    "addresses_of",
    "beyond",
    "common_ends",
    "ends",
    "extents",
    "fields_of",
    "memory_words",
    "words_of",
]

LEAST, MOST, FIRST, LAST = "least", "most", "first word", "last word"
TWO_MATRICES = (Opcode.ADDV, Opcode.MAXV, Opcode.MULV, Opcode.EXPD)
_SIZES = ("m", "n", "k", "rows", "words")
_RECTANGLE = ("x0", "y0", "x1", "y1")
_MASK = ("mask", "mask_rows", "masked")
_A_TO_D = ("d", "a", "ldd", "lda", "m", "n", "fmt_a", "fmt_d")
_MOVES = ("local", "local_pitch", "remote", "remote_pitch", "rows", "words", "bump", "sem", "tag")
_USED: dict[Opcode, tuple[str, ...]] = {
    Opcode.LI: ("rd", "imm"),
    Opcode.ADD: ("rd", "rs", "imm"),
    Opcode.LOOP: ("rs", "imm"),
    Opcode.FILL: ("d", "ldd", "m", "n", "imm", "fmt_d"),
    **dict.fromkeys((Opcode.COPY, Opcode.RECIP), _A_TO_D),
    **dict.fromkeys((*TWO_MATRICES, Opcode.SCALE), (*_A_TO_D, "b")),
    Opcode.EXPD: (*_A_TO_D, "b", "imm"),
    Opcode.ROWMAX: ("a", "b", "s", "lda", "m", "n", "fmt_a", "with_b", *_MASK),
    Opcode.EXP: (*_A_TO_D, "b", "s", "imm", "with_s", *_MASK),
    Opcode.LOAD: (*_MOVES, *_RECTANGLE, "target_x", "target_y", "edge"),
    Opcode.STORE: (*_MOVES, "target_x", "target_y", "edge"),
    Opcode.PUT: (*_MOVES, *_RECTANGLE),
    Opcode.REDUCE: (*_MOVES, *_RECTANGLE, "target_x", "target_y", "op", "fmt", "turn"),
}
"""What an opcode reads of its layout, without the registers; those not named read none of it, or,
MATMUL, all.
"""


class Extent(NamedTuple):
    """What an address points to: `rows` rows of `words` words, `pitch` apart."""

    pitch: int
    rows: int
    words: int

    @property
    def span(self) -> int:
        """Words from the first one to the end."""
        return (self.rows - 1) * self.pitch + self.words


def words_of(tile: Tile, elements: int, fmt: int) -> int:
    """Words of a row of `elements` elements."""
    return -(-elements * FORMATS[Format(fmt)].bytes // tile.word_bytes)


@cache
def fields_of(opcode: Opcode) -> dict[str, Bits]:
    """The fields of its layout that an opcode uses, registers of addresses included."""
    layout = {field.name: field for field in LAYOUTS[kind_of(opcode)]}
    if opcode == Opcode.MATMUL:
        return layout
    used = _USED.get(opcode, ())
    return {
        name: field
        for name, field in layout.items()
        if name in used or name.removesuffix("_reg") in used
    }


@cache
def addresses_of(opcode: Opcode) -> tuple[str, ...]:
    """Operands of an opcode to which a register is added."""
    names = fields_of(opcode)
    return tuple(name for name in names if f"{name}_reg" in names)


def memory_words(opcode: Opcode, name: str, machine: Machine) -> int:
    """Words of the memory that an address points into; 0 for one that is no address of memory."""
    if name == "mask":
        return 0
    far = name == "remote" and opcode in (Opcode.LOAD, Opcode.STORE)
    return machine.channel_words if far else machine.tile.l1_words


@cache
def _legal(opcode: Opcode, name: str, machine: Machine) -> tuple[int, int]:
    """Least and most value of a field of the layout that may be legal."""
    field = fields_of(opcode)[name]
    low, high = _range(field)
    mesh = machine.mesh
    if name in _SIZES and not (name == "n" and opcode in (Opcode.ROWMAX, Opcode.EXP)):
        low = 1
    if name in ("x0", "x1", "target_x"):
        high = mesh.columns - 1
    if name in ("y0", "y1", "target_y"):
        high = mesh.rows - 1
    if name == "sem":
        high = machine.tile.semaphores - 1
    return low, high


def _range(field: Bits) -> tuple[int, int]:
    return (
        (-(1 << field.width - 1), (1 << field.width - 1) - 1)
        if field.signed
        else (0, (1 << field.width) - 1)
    )


def _choices(opcode: Opcode, name: str, machine: Machine) -> tuple[int, ...] | None:
    """Legal values of a field of which not all between two ends are."""
    if name in ("fmt_a", "fmt_b", "fmt_d"):
        matrix = kind_of(opcode) == Kind.MATRIX
        return tuple(int(fmt) for fmt in Format if not matrix or fmt != Format.FP32)
    if name == "fmt":
        return tuple(sorted(int(fmt) for fmt in machine.mesh.formats))
    if name == "edge":
        return tuple(sorted({int(EdgePort[c.edge.upper()]) for c in machine.channels}))
    if name in ("target_x", "target_y") and opcode in (Opcode.LOAD, Opcode.STORE):
        return tuple(sorted({getattr(c, name[-1]) for c in machine.channels}))
    return None


@cache
def ends(opcode: Opcode, name: str, machine: Machine) -> dict[str, int]:
    """Legal ends of a field: name of the end to the value that the field has there; a `FIRST` or
    `LAST` word is told from the effective address (`extents`), and has the value of the memory's
    first or last one.
    """
    if choices := _choices(opcode, name, machine):
        return {LEAST: choices[0], MOST: choices[-1]}
    low, high = _legal(opcode, name, machine)
    found = {LEAST: low, MOST: high}
    if name in addresses_of(opcode) and (words := memory_words(opcode, name, machine)):
        found |= {FIRST: 0, LAST: words - 1}
    return found


@cache
def beyond(opcode: Opcode, name: str, machine: Machine) -> tuple[int, ...]:
    """Values that a field can hold and that are refused: one beyond each end that the field's bits
    go beyond, and all that is no format.
    """
    low, high = _range(fields_of(opcode)[name])
    if name.startswith("fmt"):
        choices = _choices(opcode, name, machine) or ()
        return tuple(value for value in range(low, high + 1) if value not in choices)
    if name in addresses_of(opcode):
        words = memory_words(opcode, name, machine)
        return tuple({words, high} if 0 < words <= high else ())
    least, most = _legal(opcode, name, machine)
    return tuple(value for value in (least - 1, most + 1) if low <= value <= high)


def common_ends(name: str, machine: Machine) -> dict[str, int]:
    """Legal ends of a field that every instruction has. A wait for 0 is none, so that the least is
    one for 1.
    """
    field = next(field for field in COMMON if field.name == name)
    low, high = _range(field)
    if name.endswith("_sem"):
        high = machine.tile.semaphores - 1
    elif name.endswith("_count"):
        low = 1
    elif name == "sig1_kind":
        high = int(SignalKind.REMOTE)
    elif name in ("sig1_x", "sig1_y"):
        high = (machine.mesh.columns if name[-1] == "x" else machine.mesh.rows) - 1
    return {LEAST: low, MOST: high}


def extents(opcode: Opcode, f: Mapping[str, int], tile: Tile) -> dict[str, Extent]:
    """What each address that an instruction uses points to, with these operands."""
    return dict(_extents(opcode, f, tile))


def _extents(opcode: Opcode, f: Mapping[str, int], tile: Tile) -> Iterator[tuple[str, Extent]]:
    kind = kind_of(opcode)
    if kind == Kind.MOVE:
        yield "local", Extent(f["local_pitch"], f["rows"], f["words"])
        yield "remote", Extent(f["remote_pitch"], f["rows"], f["words"])
        return
    m, n = f["m"], f["n"]
    if kind == Kind.MATRIX:
        k = f["k"]
        rows, columns = (n, k) if f["trans_b"] else (k, n)
        yield "a", Extent(f["lda"], m, words_of(tile, k, f["fmt_a"]))
        yield "b", Extent(f["ldb"], rows, words_of(tile, columns, f["fmt_b"]))
        yield "c", Extent(f["ldc"], m, words_of(tile, n, Format.FP32))
        return
    packed = Extent(0, 1, words_of(tile, m, Format.FP32))
    used = fields_of(opcode)
    if n and "a" in used:
        yield "a", Extent(f["lda"], m, words_of(tile, n, f["fmt_a"]))
    if n and "d" in used:
        yield "d", Extent(f["ldd"], m, words_of(tile, n, f["fmt_d"]))
    if opcode in TWO_MATRICES:
        yield "b", Extent(f["lda"], m, words_of(tile, n, Format.FP32))
    elif opcode in (Opcode.SCALE, Opcode.EXP) or f["with_b"]:
        yield "b", packed
    if opcode == Opcode.ROWMAX or f["with_s"]:
        yield "s", packed
