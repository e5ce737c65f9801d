"""What one visit of a block of keys adds to the queues of one tile: `Pieces` remembers nothing from
one to the next.
"""

from typing import Any

import numpy as np

from isa.instructions import Opcode, Queue
from programs.attention.assignment import Keys
from programs.attention.network import NetworkCollectives
from programs.attention.schedule import Visit
from programs.attention.software import SoftwareCollectives
from programs.attention.tile import TileCode
from programs.common.trace import Ref, Signal

__all__ = ["BlockCode"]


class BlockCode(TileCode):
    """Traces of one tile, and the pieces that can be added to them.

    What a piece adds depends on its arguments and the fields only, so that equal visits need it
    made once.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._matrix, self._vector, self._load, self._out = (
            self.traces[queue].add for queue in Queue
        )
        self._collectives = (
            SoftwareCollectives(self) if self.mapping.in_software else NetworkCollectives(self)
        )
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
                Opcode.MATMUL,
                waits=waits,
                signals=signals,
                m=rows,
                n=keys.seen,
                k=self.workload.d,
                fmt_a=self.workload.fmt,
                fmt_b=self.workload.fmt,
                a=stream.q,
                lda=self.layout.qk_pitch,
                b=self.layout.k[slot],
                ldb=self.layout.qk_pitch,
                trans_b=1,
                c=stream.scores,
                ldc=self.layout.score_pitch,
            )
        elif waits or signals:
            self._matrix(Opcode.SYNC, waits=waits, signals=signals)

    def _row_maximum(self, s: int, visit: Visit, rows: int, keys: Keys) -> None:
        sem, stream = self.semaphores, self.layout.streams[s]
        signals = self._collectives.own_maximum(s) if self._reduces else []
        if visit.last:
            signals.append(self._to_loader("q", sem("q_free", s)))
        self._vector(
            Opcode.ROWMAX,
            waits=[(sem("s_full", s), 1)],
            signals=signals,
            m=rows,
            n=keys.seen,
            **_masked(keys),
            a=stream.scores,
            lda=self.layout.score_pitch,
            s=stream.local_maximum if self._reduces else stream.maximum,
            **({} if visit.first else {"with_b": 1, "b": stream.old_maximum}),
        )
        if self._reduces:
            self._collectives.share_maximum(s, rows)

    def _exponentials(self, s: int, visit: Visit, rows: int, keys: Keys) -> None:
        sem, stream, layout = self.semaphores, self.layout.streams[s], self.layout
        sums = layout.running_sums(s, rows)
        waits = self._collectives.shared_maximum(s) if self._reduces else []
        ready = [Signal(sem("p_full", s))]
        if not visit.first:
            old: dict[str, Any] = {"a": stream.old_maximum, "b": stream.maximum}
            self._vector(
                Opcode.EXPD, waits=waits, d=stream.alpha, **old, m=1, n=rows, imm=self._scale
            )
            waits = []
        self._vector(
            Opcode.EXP,
            waits=waits,
            signals=ready if visit.first and keys.seen else [],
            m=rows,
            n=keys.seen,
            imm=self._scale,
            **_masked(keys),
            d=stream.scores,
            ldd=layout.score_pitch,
            a=stream.scores,
            lda=layout.score_pitch,
            b=stream.maximum,
            s=sums if visit.first else stream.block_sums,
            with_s=1,
            fmt_d=self.workload.p_fmt,
        )
        out: dict[str, Any] = {
            "d": stream.out,
            "ldd": layout.acc_pitch,
            "m": rows,
            "n": self.workload.dv,
        }
        if not visit.first:
            self._vector(
                Opcode.SCALE,
                signals=ready,
                **out,
                a=stream.out,
                lda=layout.acc_pitch,
                b=stream.alpha,
            )
            self._vector(Opcode.MULV, d=sums, a=sums, b=stream.alpha, m=1, n=rows)
            # With a reduction to come, it waits for the sums and for O; without, the vector queue
            # orders the sums itself.
            done = [Signal(sem("o_local", s))] if visit.last and self._reduces else []
            self._vector(
                Opcode.ADDV, signals=done, d=sums, a=sums, b=stream.block_sums, m=1, n=rows
            )
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
                Opcode.MATMUL,
                waits=waits,
                signals=signals,
                m=rows,
                n=self.workload.dv,
                k=keys.seen,
                fmt_a=self.workload.p_fmt,
                fmt_b=self.workload.fmt,
                a=stream.scores,
                lda=self.layout.score_pitch,
                b=self.layout.v[slot],
                ldb=self.layout.v_pitch,
                c=stream.out,
                ldc=self.layout.acc_pitch,
                accumulate=not visit.first,
            )
        elif waits or signals:
            self._matrix(Opcode.SYNC, waits=waits, signals=signals)
        if rows and visit.last and self._reduces:
            self._collectives.sum_out(s, visit, rows)

    def _divide(self, s: int, rows: int) -> None:
        """At the root: O / l, in the storage format, over the FP32 O."""
        if not rows:
            return
        stream, sem, sums = (
            self.layout.streams[s],
            self.semaphores,
            self.layout.running_sums(s, rows),
        )
        waits = self._collectives.summed_out(s) if self._reduces else [(sem("o_local", s), 1)]
        self._vector(Opcode.RECIP, waits=waits, d=sums, a=sums, m=1, n=rows)
        self._vector(
            Opcode.SCALE,
            signals=[Signal(sem("o_final", s))],
            d=stream.out,
            ldd=self.layout.acc_pitch,
            a=stream.out,
            lda=self.layout.acc_pitch,
            b=sums,
            m=rows,
            n=self.workload.dv,
            fmt_d=self.workload.o_fmt,
        )

    # Small things.

    def _to_loader(self, name: str, semaphore: int) -> Signal:
        """A count for the tile that loads a buffer: it is free here."""
        if name in self.assignment.loads:
            return Signal(semaphore)
        where = (Ref(f"{name}_x"), Ref(f"{name}_y"))
        return Signal(semaphore, where)


def _masked(keys: Keys) -> dict[str, Any]:
    """Operands of ROWMAX and EXP for rows that do not see all keys."""
    return (
        {} if keys.mask is None else {"masked": 1, "mask": keys.mask, "mask_rows": keys.mask_rows}
    )
