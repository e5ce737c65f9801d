"""What a mapping takes in each tile: buffers in L1, and semaphores."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from isa.elementwise import smaller
from isa.errors import UserError
from isa.instructions import LIMITS, Format, Kind
from isa.machine import Machine, Tile
from programs.attention.mapping import SOFTWARE, AttentionMapping
from programs.attention.tree_positions import widest
from programs.attention.workload import Attention
from programs.common.l1 import L1Buffers, row_words
from programs.common.semaphores import SemaphoreNumbers

__all__ = ["AttentionLayout", "AttentionSemaphores", "StreamBuffers"]

_SEGMENT = 64
"""Words of O that go up a tree at a time, at most."""


class StreamBuffers(NamedTuple):
    """L1 words of a stream's buffers.

    The running row sums lie directly below O (`sums_end` is O's first word), so that one reduction
    takes both.
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


class AttentionLayout(L1Buffers):
    """Where everything is in each L1; the same in all tiles, so that a receiver's address is the
    sender's.

    All pitches are in words. ``words`` is what it takes in all. Collectives in software have
    ``maxima``, one buffer for each child, and ``parts``, two for ``segment`` words of O.

    Raises
    ------
    UserError
        If a matrix is too wide for an instruction's fields.
    """

    def __init__(self, tile: Tile, workload: Attention, mapping: AttentionMapping):
        super().__init__(tile)
        self._tile = tile
        self.qk_pitch = row_words(tile, workload.d, workload.fmt)
        self.v_pitch = (
            self.qk_pitch if workload.latent else row_words(tile, workload.dv, workload.fmt)
        )
        self.o_pitch = row_words(tile, workload.dv, workload.o_fmt)
        self.acc_pitch = row_words(tile, workload.dv, Format.FP32)
        self.score_pitch = row_words(tile, mapping.columns, Format.FP32)
        self._check(workload, mapping)
        rows, columns = mapping.rows, mapping.columns
        self.k = [self.take(columns * self.qk_pitch) for _ in range(mapping.slots)]
        self.v = (
            self.k
            if workload.latent
            else [self.take(columns * self.v_pitch) for _ in range(mapping.slots)]
        )
        self.streams = [self._stream(rows) for _ in range(mapping.streams)]
        if mapping.in_software and mapping.group[0] > 1:
            self._receive(mapping)

    def _receive(self, mapping: AttentionMapping) -> None:
        """Buffers for what collectives in software bring: a maximum of each child, and two segments
        of O in turn.
        """
        vector = row_words(self._tile, mapping.rows, Format.FP32)
        self.word_elements = self._tile.word_bytes // 4
        self.maxima = [
            self.take(vector) for _ in range(widest(SOFTWARE[mapping.dataflow], mapping.group[0]))
        ]
        most = min(_SEGMENT, LIMITS[Kind.VECTOR, "n"] // self.word_elements)
        self.segment = smaller(most, vector + mapping.rows * self.acc_pitch)
        self.parts = [self.take(self.segment) for _ in range(2)]
        segments = -(-(vector + mapping.rows * self.acc_pitch) // self.segment)
        self.refuse(
            segments >= 1 << self._tile.semaphore_bits,
            lambda: (
                f"{mapping.dataflow} with rows={mapping.rows} sends O in {segments} segments, "
                f"which would overflow {self._tile.semaphore_bits}-bit semaphores"
            ),
        )

    def _stream(self, rows: int) -> StreamBuffers:
        vector = row_words(self._tile, rows, Format.FP32)
        scores = self.take(rows * self.score_pitch)
        out = self.take(rows * self.acc_pitch, before=vector)
        q = self.take(rows * self.qk_pitch)
        return StreamBuffers(q, scores, out, *(self.take(vector) for _ in range(5)))

    def running_sums(self, stream: int, rows: int) -> int:
        """Where the row sums of a slice of `rows` rows start."""
        return self.streams[stream].out - row_words(self._tile, rows, Format.FP32)

    def _check(self, workload: Attention, mapping: AttentionMapping) -> None:
        most = LIMITS[Kind.VECTOR, "mask_rows"]
        if workload.masked:
            sharing, rows, grain = workload.sharing, mapping.rows, mapping.grain(workload)
            masked = f"with a causal mask and {sharing} query heads to a KV head"
            self.refuse(
                (grain != rows) & (grain != sharing),
                lambda: f"{masked}, rows must be a multiple or a divisor of {sharing}, not {rows}",
            )
            self.refuse(
                (rows > sharing) & (sharing > most),
                lambda: (
                    f"{masked} (more than {most}), rows must be a divisor of {sharing}, not {rows}"
                ),
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
            self.check_limit(what, value, kind, field)


class AttentionSemaphores(SemaphoreNumbers):
    """Numbers of a tile's semaphores, per stream or per K/V slot. docs/dataflows.md has who signals
    and who waits.

    Raises
    ------
    UserError
        If the tile has too few, or a count could overflow.
    """

    STREAM = (
        "q_full",
        "q_free",
        "s_full",
        "max_local",
        "max_full",
        "p_full",
        "o_local",
        "o_full",
        "o_final",
        "o_free",
        "stored",
    )
    SLOT = ("k_full", "k_free", "v_full", "v_free")
    ROOT = ("max_root",)
    SUMS = ("max_down", "o_sum", "o_credit")

    def __init__(self, machine: Machine, mapping: AttentionMapping):
        tile = machine.tile
        streams, slots = range(mapping.streams), range(mapping.slots)
        names = [
            (name, i)
            for name in self.STREAM
            for i in streams
            if name != "o_full" or not mapping.in_software
        ]
        names += [(name, i) for name in self.SLOT for i in slots]
        names += [(name, i) for name in self.ROOT for i in streams if mapping.through_memory]
        if mapping.in_software:
            names += [
                (f"{name}_in", i)
                for name in sorted(mapping.forwards)
                for i in (streams if name == "q" else slots)
            ]
        if mapping.in_software and mapping.group[0] > 1:
            names += [(name, i) for name in self.SUMS for i in streams] + [
                ("o_in", i) for i in range(2)
            ]
            # Children in a tree share what is left to tell the parent that their maximum is there.
            children = widest(SOFTWARE[mapping.dataflow], mapping.group[0])
            self.most_arrivals = max(1, min(tile.semaphores - len(names), children))
            names += [("max_in", i) for i in range(self.most_arrivals)]
        super().__init__(tile, mapping.dataflow, names)
        if max(mapping.group) >= 1 << tile.semaphore_bits:
            raise UserError(
                f"group {mapping.group[0]}x{mapping.group[1]} would overflow "
                f"{tile.semaphore_bits}-bit semaphores"
            )
        self._spare = range(len(names), tile.semaphores)
        self._users = {number: [name] for number, name in super().names.items()}

    def private(
        self, wanted: Collection[tuple[str, int]], idle: Iterable[tuple[str, int]]
    ) -> dict[tuple[str, int], int]:
        """Give one tile semaphores of its own: those that nobody has, and those that are `idle` in
        this tile.

        Raises
        ------
        UserError
            If they are not enough.
        """
        free = [*self._spare, *(self._numbers[name] for name in idle)]
        given = dict(zip(wanted, free, strict=False))
        if len(given) < len(wanted):
            raise UserError(
                "a loading tile has too few semaphores left to forward what it has read"
            )
        for (name, index), number in given.items():
            users = self._users.setdefault(number, [])
            if f"{name}[{index}]" not in users:
                users.append(f"{name}[{index}]")
        return given

    @property
    def names(self) -> dict[int, str]:
        """Name of each number, for messages; what it is in some tile or other."""
        return {number: " or ".join(users) for number, users in self._users.items()}
