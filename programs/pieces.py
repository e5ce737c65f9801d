"""What one visit of a block of keys adds to the queues of one tile: `Pieces` remembers nothing from one to the next."""

from dataclasses import dataclass, field

import numpy as np

from isa.instructions import Format, Opcode, Queue, ReduceOp
from programs.job import Job, Keys
from programs.layout import L1Layout, Semaphores
from programs.mapping import Mapping
from programs.schedule import Visit
from programs.trace import Op, Ref, Signal, Trace
from programs.workload import Workload

__all__ = ["TAGS", "Pieces", "Shared"]

TAGS = {"K": 1, "V": 2, "Q": 4, "O": 6, "MAX": 8, "SUM": 10, "SUM_L": 12}
"""Tags of the transfers: K and V as they are, the others plus the number of the stream."""

_MOST_WORDS = (1 << 12) - 1


@dataclass
class Shared:
    """What the tiles of a compilation need not do again: pieces of traces made before, and their operations."""

    pieces: dict[tuple, list[list[Op]]] = field(default_factory=dict)
    ops: dict[Op, Op] = field(default_factory=dict)


@dataclass
class Pieces:
    """Traces of one tile, and the pieces that can be added to them.

    What a piece adds depends on its arguments and the fields only, so that equal visits need it made once.
    """

    workload: Workload
    mapping: Mapping
    layout: L1Layout
    semaphores: Semaphores
    job: Job
    shared: Shared

    def __post_init__(self) -> None:
        self.traces = {queue: Trace(self.shared.ops) for queue in Queue}
        self._matrix, self._vector, self._load, self._out = (self.traces[queue].add for queue in Queue)
        self._reduces = self.mapping.group[0] > 1
        scale = np.float32(np.log2(np.e) / np.sqrt(self.workload.d))
        self._scale = int(scale.view(np.uint32))

    # Scores: S = Q K^T, softmax statistics, P.

    def _softmax(self, s: int, visit: Visit, rows: int, keys: Keys, divide: int) -> None:
        self._multiply_scores(s, visit, rows, keys)
        if not rows:
            return
        if self.mapping.streams == 1:
            # The vector engine has nothing else to do while the matrix engine makes the scores.
            self._divide(s, divide)
        self._row_maximum(s, visit, rows, keys)
        if self.mapping.streams > 1:
            # The time to divide the last item's O by its sums is while the maximum is under way.
            self._divide(s, divide)
        self._exponentials(s, visit, rows, keys)

    def _multiply_scores(self, s: int, visit: Visit, rows: int, keys: Keys) -> None:
        slot, sem, stream = visit.use % self.mapping.slots, self.semaphores, self.layout.streams[s]
        waits, signals = [], []
        if keys.columns and visit.first_user:
            waits.append((sem("k_full", slot), 1))
        if rows and visit.first:
            waits.append((sem("q_full", s), 1))
        if rows:
            signals.append(Signal(sem("s_full", s)))
        if keys.columns and visit.last_user and not self.workload.latent:
            signals.append(self._to_loader("k", sem("k_free", slot)))
        if rows and keys.seen:
            self._matrix(
                Opcode.MATMUL, waits=waits, signals=signals, m=rows, n=keys.seen, k=self.workload.d,
                fmt_a=self.workload.fmt, fmt_b=self.workload.fmt, a=stream.q, lda=self.layout.qk_pitch, b=self.layout.k[slot], ldb=self.layout.qk_pitch, trans_b=1,
                c=stream.scores, ldc=self.layout.score_pitch,
            )  # fmt: skip
        elif waits or signals:
            self._matrix(Opcode.SYNC, waits=waits, signals=signals)

    def _row_maximum(self, s: int, visit: Visit, rows: int, keys: Keys) -> None:
        sem, stream = self.semaphores, self.layout.streams[s]
        signals = [Signal(sem("max_local", s))] if self._reduces else []
        if visit.last:
            signals.append(self._to_loader("q", sem("q_free", s)))
        self._vector(
            Opcode.ROWMAX, waits=[(sem("s_full", s), 1)], signals=signals, m=rows, n=keys.seen, **_masked(keys),
            a=stream.scores, lda=self.layout.score_pitch, s=stream.local_maximum if self._reduces else stream.maximum,
            **({} if visit.first else {"with_b": 1, "b": stream.old_maximum}),
        )  # fmt: skip
        if self._reduces:
            words, turn = self._vector_words(rows), not self.mapping.through_memory
            self._out(
                Opcode.REDUCE, waits=[(sem("max_local", s), 1)], local=stream.local_maximum, remote=stream.maximum,
                rows=1, words=words, **self._row(), target_x=Ref("max_x"), target_y=Ref("max_y"), op=ReduceOp.MAX,
                fmt=Format.FP32, turn=turn, bump=1, sem=sem("max_full" if turn else "max_root", s), tag=TAGS["MAX"] + s,
            )  # fmt: skip
            if self.job.sends_maximum:
                # Over the receivers' maxima, this tile's included, and with the same order as a turn has.
                self._out(
                    Opcode.PUT, waits=[(sem("max_root", s), 1)], local=stream.maximum, remote=stream.maximum, rows=1,
                    words=words, **self._row(), bump=1, sem=sem("max_full", s), tag=TAGS["MAX"] + s,
                )  # fmt: skip

    def _exponentials(self, s: int, visit: Visit, rows: int, keys: Keys) -> None:
        sem, stream, layout = self.semaphores, self.layout.streams[s], self.layout
        sums = layout.running_sums(s, rows)
        waits = [(sem("max_full", s), 1)] if self._reduces else []
        ready = [Signal(sem("p_full", s))]
        if not visit.first:
            old = {"a": stream.old_maximum, "b": stream.maximum}
            self._vector(Opcode.EXPD, waits=waits, d=stream.alpha, **old, m=1, n=rows, imm=self._scale)
            waits = []
        self._vector(
            Opcode.EXP, waits=waits, signals=ready if visit.first and keys.seen else [], m=rows, n=keys.seen, imm=self._scale,
            **_masked(keys), d=stream.scores, ldd=layout.score_pitch, a=stream.scores, lda=layout.score_pitch, b=stream.maximum,
            s=sums if visit.first else stream.block_sums, with_s=1, fmt_d=self.workload.p_fmt,
        )  # fmt: skip
        out = {"d": stream.out, "ldd": layout.acc_pitch, "m": rows, "n": self.workload.dv}
        if not visit.first:
            self._vector(Opcode.SCALE, signals=ready, **out, a=stream.out, lda=layout.acc_pitch, b=stream.alpha)
            self._vector(Opcode.MULV, d=sums, a=sums, b=stream.alpha, m=1, n=rows)
            # With a reduction to come, it waits for the sums and for O; without, the vector queue orders the sums itself.
            done = [Signal(sem("o_local", s))] if visit.last and self._reduces else []
            self._vector(Opcode.ADDV, signals=done, d=sums, a=sums, b=stream.block_sums, m=1, n=rows)
        elif not keys.seen:
            self._vector(Opcode.FILL, waits=[(sem("o_free", s), 1)], signals=ready, **out)
        if not visit.last:
            self._vector(Opcode.COPY, d=stream.old_maximum, a=stream.maximum, m=1, n=rows)

    # Values: O += P V, its sum over the row, and the division.

    def _multiply_values(self, s: int, visit: Visit, rows: int, keys: Keys) -> None:
        slot, sem, stream = visit.use % self.mapping.slots, self.semaphores, self.layout.streams[s]
        waits, signals = [], []
        if rows and keys.seen and visit.first:
            waits.append((sem("o_free", s), 1))
        latent = self.workload.latent
        if keys.columns and visit.first_user and not latent:
            waits.append((sem("v_full", slot), 1))
        if rows:
            waits.append((sem("p_full", s), 1))
        if rows and visit.last:
            signals.append(Signal(sem("o_local", s)))
        if keys.columns and visit.last_user:
            # K that holds V is free only now.
            name = "k" if latent else "v"
            signals.append(self._to_loader(name, sem(f"{name}_free", slot)))
        if rows and keys.seen:
            self._matrix(
                Opcode.MATMUL, waits=waits, signals=signals, m=rows, n=self.workload.dv, k=keys.seen,
                fmt_a=self.workload.p_fmt, fmt_b=self.workload.fmt, a=stream.scores, lda=self.layout.score_pitch, b=self.layout.v[slot], ldb=self.layout.v_pitch,
                c=stream.out, ldc=self.layout.acc_pitch, accumulate=not visit.first,
            )  # fmt: skip
        elif waits or signals:
            self._matrix(Opcode.SYNC, waits=waits, signals=signals)
        if rows and visit.last and self._reduces:
            self._reduce_out(s, visit, rows)

    def _reduce_out(self, s: int, visit: Visit, rows: int) -> None:
        """Sum O and the row sums, which lie directly below it, over the row: in one REDUCE if its fields can say so."""
        sem, root = self.semaphores, s in self.job.roots
        start, end = self.layout.running_sums(s, rows), self.layout.streams[s].out
        words, pitch = rows * self.layout.acc_pitch, self.layout.acc_pitch
        pieces = [(start, 1, end - start + words, 0, TAGS["SUM"])]
        if end - start + words > _MOST_WORDS:
            pieces = [(start, 1, end - start, 0, TAGS["SUM_L"]), (end, rows, pitch, pitch, TAGS["SUM"])]
        for i, (at, high, wide, step, tag) in enumerate(pieces):
            last = i == len(pieces) - 1
            self._out(
                Opcode.REDUCE, waits=[(sem("o_local", s), 1 if visit.first else 2)] if i == 0 else [],
                signals=[Signal(sem("o_free", s))] if last and not root else [],
                local=at, local_pitch=step, remote=at, remote_pitch=step, rows=high, words=wide,
                **self._row(), target_x=Ref(f"sum_x{s}"), target_y=Ref(f"sum_y{s}"), op=ReduceOp.SUM, fmt=Format.FP32,
                tag=tag + s, **({"bump": 1, "sem": sem("o_full", s)} if last else {}),
            )  # fmt: skip

    def _divide(self, s: int, rows: int) -> None:
        """At the root: O / l, in the storage format, over the FP32 O."""
        if not rows:
            return
        stream, sem, sums = self.layout.streams[s], self.semaphores, self.layout.running_sums(s, rows)
        waits = [(sem("o_full" if self._reduces else "o_local", s), 1)]
        self._vector(Opcode.RECIP, waits=waits, d=sums, a=sums, m=1, n=rows)
        self._vector(
            Opcode.SCALE, signals=[Signal(sem("o_final", s))], d=stream.out, ldd=self.layout.acc_pitch, a=stream.out,
            lda=self.layout.acc_pitch, b=sums, m=rows, n=self.workload.dv, fmt_d=self.workload.o_fmt,
        )  # fmt: skip

    # Small things.

    def _vector_words(self, rows: int) -> int:
        return self.layout.streams[0].out - self.layout.running_sums(0, rows)

    def _to_loader(self, name: str, semaphore: int) -> Signal:
        """A count for the tile that loads a buffer: it is free here."""
        if name in self.job.loads:
            return Signal(semaphore)
        where = (Ref(f"{name}_x"), Ref(f"{name}_y"))
        return Signal(semaphore, where)

    def _row(self) -> dict[str, Ref]:
        """Rectangle of this tile's row of the group."""
        return {name: Ref(f"row_{name}") for name in ("x0", "x1", "y0", "y1")}


def _masked(keys: Keys) -> dict[str, int]:
    """Operands of ROWMAX and EXP for rows that do not see all keys."""
    return {} if keys.mask is None else {"masked": 1, "mask": keys.mask, "mask_rows": keys.mask_rows}
