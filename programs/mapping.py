"""How attention is cut and dealt out: the mapping, the HBM traffic it causes, and the L1 it takes."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from isa.errors import UserError
from isa.formats import FORMATS
from isa.instructions import LAYOUTS, Format, Kind
from isa.machine import Machine, Tile
from programs.workload import Workload

__all__ = [
    "ALL_REDUCES", "DATAFLOWS", "READS", "Block", "L1Layout", "Mapping", "Range", "Semaphores", "StreamBuffers", "blocks",
    "row_words", "share",
]  # fmt: skip

DATAFLOWS = {"flat-async": 2, "flat": 1, "flash3": 2, "flash2": 1}
"""Streams of each dataflow. The flash ones run each tile alone."""
READS = ("multicast", "forward")
"""How slices reach the tiles that share them: HBM reads name a rectangle, or the loading tile passes on what it has read."""
ALL_REDUCES = ("turn", "memory")
"""How the maximum comes back: the root's router turns it round, or the root's OUT queue sends it from its L1."""

_LIMITS = {(kind, field.name): (1 << field.width) - 1 for kind in Kind for field in LAYOUTS[kind]}


class Range(NamedTuple):
    """`size` rows (or columns) from `start`."""

    start: int
    size: int


def blocks(total: int, size: int) -> list[Range]:
    """Cut `total` into ranges of `size`; the last one may be smaller."""
    return [Range(start, min(size, total - start)) for start in range(0, total, size)]


def share(whole: Range, parts: int, grain: int = 1) -> list[Range]:
    """Cut a range, whole grains, into `parts` that differ by one grain at most, the larger ones first; parts may be empty."""
    each, more = divmod(whole.size // grain, parts)
    sizes = [(each + (i < more)) * grain for i in range(parts)]
    return [Range(whole.start + sum(sizes[:i]), size) for i, size in enumerate(sizes)]


def row_words(tile: Tile, elements: int, fmt: Format) -> int:
    """Words of a row of `elements` elements."""
    return -(-elements * FORMATS[fmt].bytes // tile.word_bytes)


def key_words(tile: Tile, workload: Workload) -> int:
    """Words of a key: its rows of K and V, or of K alone if that holds V."""
    values = 0 if workload.latent else row_words(tile, workload.dv, workload.fmt)
    return row_words(tile, workload.d, workload.fmt) + values


class Block(NamedTuple):
    """A row block of a KV head: rows of the query heads that share it, stacked."""

    head: int
    rows: Range


@dataclass(frozen=True)
class Mapping:
    """The decisions.

    Parameters
    ----------
    dataflow
        One of `DATAFLOWS`.
    group
        Columns and rows of a group of tiles that works on one item at a time.
    rows, columns
        Slice of a block that one tile holds: query rows (of each stream) and keys.
    streams
        Row blocks that a group works on at the same time: 1, or 2 that take turns on the matrix engine.
    paired
        The two streams are row blocks of one head and share K and V in L1; otherwise they are two heads.
    slots
        Buffers for K, and for V, in each L1.
    reads, all_reduce
        One of `READS`, one of `ALL_REDUCES`.
    """

    dataflow: str
    group: tuple[int, int]
    rows: int
    columns: int
    streams: int
    paired: bool
    slots: int
    reads: str = READS[0]
    all_reduce: str = ALL_REDUCES[0]

    def row_blocks(self, workload: Workload) -> list[Range]:
        """Query rows that a group takes at a time, in one stream."""
        return blocks(workload.rows, self.group[1] * self.rows)

    def column_blocks(self, workload: Workload, head: int) -> list[Range]:
        """Keys of a KV head that a group takes at a time."""
        return blocks(workload.length(head), self.group[0] * self.columns)

    def seen_blocks(self, workload: Workload, block: Block) -> list[Range]:
        """The column blocks that some row of a row block sees, or the first one if there are none."""
        found = self.column_blocks(workload, block.head)
        seen = workload.sees(block.head, block.rows.start + block.rows.size - 1)
        return found[: max(1, -(-seen // (self.group[0] * self.columns)))]

    def grain(self, workload: Workload) -> int:
        """Rows of a slice come in multiples of this, and start there.

        A mask moves by one key after the rows of all heads that share it, counted from the slice's first row. So a slice has
        whole positions, or lies within one.
        """
        return math.gcd(self.rows, workload.sharing) if workload.masked else 1

    def passes(self, workload: Workload) -> int:
        """How often a head's K and V are read."""
        rows = -(-workload.rows // (self.group[1] * self.rows))
        return -(-rows // self.streams) if self.paired else rows

    def hbm_bytes(self, workload: Workload, tile: Tile) -> tuple[int, int]:
        """Bytes read and written: Q and O once, K and V once per pass, rows padded to whole words."""
        q, o = (row_words(tile, n, workload.fmt) * tile.word_bytes for n in (workload.d, workload.dv))
        rows = workload.kv_heads * workload.rows
        return rows * q + self.keys_read(workload) * key_words(tile, workload) * tile.word_bytes, rows * o

    def keys_read(self, workload: Workload) -> int:
        """Keys of all heads that the passes over them read: in each pass, the blocks that its last row sees."""
        size, step, last = self.group[0] * self.columns, self.group[1] * self.rows, workload.rows - 1
        step *= self.streams if self.paired else 1

        def read(head: int, row: int) -> int:
            return min(workload.length(head), max(1, -(-workload.sees(head, row) // size)) * size)

        heads = range(workload.kv_heads)
        if not workload.masked:
            return self.passes(workload) * sum(read(head, last) for head in heads)
        rows = [min(start + step - 1, last) for start in range(0, workload.rows, step)]
        per_length = {workload.length(head): head for head in heads}
        each = {length: sum(read(head, row) for row in rows) for length, head in per_length.items()}
        return sum(each[workload.length(head)] for head in heads)

    def reads_anywhere(self, workload: Workload, machine: Machine) -> bool:
        """Whether K and V should come from all channels: from the nearest ones alone, reading takes longer than computing.

        With few query rows it does (decode). Otherwise each tile column has the channel in its own column to itself.
        """
        tile, rows = machine.tile, self.rows * (self.streams if self.paired else 1)
        computing = -(-rows // tile.matrix_rows) * (workload.d + workload.dv) / tile.matrix_columns
        key = key_words(tile, workload) * tile.word_bytes
        return machine.mesh.rows // self.group[1] * key / machine.hbm.bytes_per_cycle > computing

    def describe(self) -> str:
        """One phrase for tables."""
        streams = "" if self.streams == 1 else " in 2 row blocks of a head" if self.paired else " of 2 heads"
        other = ", slices forwarded by their loaders" * (self.reads == "forward")
        other += ", maxima by way of the root's L1" * (self.all_reduce == "memory")
        return f"group {self.group[0]}x{self.group[1]}, tile slice {self.rows} rows x {self.columns} keys{streams}{other}"

    @property
    def forwards(self) -> frozenset[str]:
        """Which of k, v and q the loading tile passes on."""
        columns, rows = self.group
        shared = {"k": rows > 1, "v": rows > 1, "q": columns > 1}
        return frozenset(name for name, many in shared.items() if many and self.reads == "forward")

    @property
    def through_memory(self) -> bool:
        """Whether maxima are combined in the root's L1 and sent from there."""
        return self.all_reduce == "memory" and self.group[0] > 1


class StreamBuffers(NamedTuple):
    """L1 words of a stream's buffers.

    The running row sums lie directly below O (`sums_end` is O's first word), so that one reduction takes both.
    """

    q: int
    scores: int
    out: int
    maximum: int
    """Running maximum up to this block."""
    old_maximum: int
    """And up to the one before."""
    local_maximum: int
    """This tile's contribution to it."""
    alpha: int
    block_sums: int


class L1Layout:
    """Where everything is in each L1; the same in all tiles, so that a receiver's address is the sender's.

    All pitches are in words. ``words`` is what it takes in all.

    Raises
    ------
    UserError
        If a matrix is too wide for an instruction's fields.
    """

    def __init__(self, tile: Tile, workload: Workload, mapping: Mapping):
        fmt = workload.fmt
        self._tile = tile
        self.qk_pitch = row_words(tile, workload.d, fmt)
        self.o_pitch = row_words(tile, workload.dv, fmt)
        self.v_pitch = self.qk_pitch if workload.latent else self.o_pitch
        self.acc_pitch = row_words(tile, workload.dv, Format.FP32)
        self.score_pitch = row_words(tile, mapping.columns, Format.FP32)
        self._check(workload, mapping)
        rows, columns = mapping.rows, mapping.columns
        self.words = 0
        self.k = [self._take(columns * self.qk_pitch) for _ in range(mapping.slots)]
        self.v = self.k if workload.latent else [self._take(columns * self.v_pitch) for _ in range(mapping.slots)]
        self.streams = [self._stream(rows) for _ in range(mapping.streams)]

    def _stream(self, rows: int) -> StreamBuffers:
        vector = row_words(self._tile, rows, Format.FP32)
        scores = self._take(rows * self.score_pitch)
        out = self._take(rows * self.acc_pitch, before=vector)
        q = self._take(rows * self.qk_pitch)
        return StreamBuffers(q, scores, out, *(self._take(vector) for _ in range(5)))

    def _take(self, words: int, before: int = 0) -> int:
        """Reserve a buffer that starts with a line, and `before` words below it."""
        banks = self._tile.l1_banks
        at = -(-(self.words + before) // banks) * banks
        self.words = at + words
        return at

    def running_sums(self, stream: int, rows: int) -> int:
        """Where the row sums of a slice of `rows` rows start."""
        return self.streams[stream].out - row_words(self._tile, rows, Format.FP32)

    def _check(self, workload: Workload, mapping: Mapping) -> None:
        most = _LIMITS[Kind.VECTOR, "mask_rows"]
        if mapping.grain(workload) not in (mapping.rows, workload.sharing if workload.masked else 1):
            raise UserError(
                f"with a causal mask and {workload.sharing} query heads to a KV head, rows must be a multiple or a divisor of "
                f"{workload.sharing}, not {mapping.rows}"
            )
        if workload.masked and mapping.rows > workload.sharing > most:
            raise UserError(
                f"with a causal mask and {workload.sharing} query heads to a KV head (more than {most}), rows must be a divisor "
                f"of {workload.sharing}, not {mapping.rows}"
            )
        for what, value, kind, field in (
            ("D", workload.d, Kind.MATRIX, "k"),
            ("Dv", workload.dv, Kind.MATRIX, "n"),
            ("rows", mapping.rows, Kind.MATRIX, "m"),
            ("columns", mapping.columns, Kind.MATRIX, "n"),
            ("words of a row of D columns", self.qk_pitch, Kind.MATRIX, "lda"),
            ("FP32 words of a row of Dv columns", self.acc_pitch, Kind.MATRIX, "ldc"),
            ("FP32 words of a row of scores", self.score_pitch, Kind.MATRIX, "ldc"),
        ):
            if value > _LIMITS[kind, field]:
                raise UserError(f"{what} must be at most {_LIMITS[kind, field]} for an instruction, not {value}")


class Semaphores:
    """Numbers of a tile's semaphores, per stream or per K/V slot. docs/dataflows.md has who signals and who waits.

    Raises
    ------
    UserError
        If the tile has too few, or a count could overflow.
    """

    STREAM = (
        "q_full", "q_free", "s_full", "max_local", "max_full", "p_full", "o_local", "o_full", "o_final", "o_free", "stored",
    )  # fmt: skip
    SLOT = ("k_full", "k_free", "v_full", "v_free")
    ROOT = ("max_root",)

    def __init__(self, machine: Machine, mapping: Mapping):
        tile = machine.tile
        names = [(name, i) for name in self.STREAM for i in range(mapping.streams)]
        names += [(name, i) for name in self.SLOT for i in range(mapping.slots)]
        names += [(name, i) for name in self.ROOT for i in range(mapping.streams if mapping.through_memory else 0)]
        if len(names) > tile.semaphores:
            raise UserError(f"{mapping.dataflow} needs {len(names)} semaphores a tile, the machine has {tile.semaphores}")
        if max(mapping.group) >= 1 << tile.semaphore_bits:
            raise UserError(
                f"group {mapping.group[0]}x{mapping.group[1]} would overflow {tile.semaphore_bits}-bit semaphores"
            )
        self._numbers = {name: number for number, name in enumerate(names)}
        self._spare = range(len(names), tile.semaphores)
        self._names = {number: [f"{name}[{index}]"] for (name, index), number in self._numbers.items()}

    def __call__(self, name: str, index: int) -> int:
        """Give the number of a semaphore."""
        return self._numbers[name, index]

    def private(self, wanted: Collection[tuple[str, int]], idle: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Give one tile semaphores of its own: those that nobody has, and those that are `idle` in this tile.

        Raises
        ------
        UserError
            If they are not enough.
        """
        free = [*self._spare, *(self._numbers[name] for name in idle)]
        given = dict(zip(wanted, free, strict=False))
        if len(given) < len(wanted):
            raise UserError("a loading tile has too few semaphores left to forward what it has read")
        for (name, index), number in given.items():
            users = self._names.setdefault(number, [])
            if f"{name}[{index}]" not in users:
                users.append(f"{name}[{index}]")
        return given

    @property
    def names(self) -> dict[int, str]:
        """Name of each number, for messages; what it is in some tile or other."""
        return {number: " or ".join(users) for number, users in self._names.items()}
