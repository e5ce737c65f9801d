"""The four queues of one tile, as traces.

docs/dataflows.md lists the semaphores. What needs none, and why:

* The matrix engine completes instructions in order. So one count (`done`) serves all of them, and
  the end of a panel's last product tells that all of the panel has been used.
* An instruction can signal two semaphores, one of them in another tile. The matrix queue tells the
  loader of A, and the vector queue, which waits for the same product, the loader of B, and the
  matrix queue that it may accumulate upon the result.
* A tile without rows or columns in a block has no products, but a SYNC with the waits and signals,
  so that counts stay balanced.
"""

from collections.abc import Sequence
from typing import Any

from isa.instructions import Format, Opcode, Queue
from programs.common.l1 import row_words
from programs.common.ranges import Range
from programs.common.trace import Op, Ref, Signal
from programs.gemm.groups import GemmItem
from programs.gemm.mapping import Strip
from programs.gemm.placement import MatrixSlice
from programs.gemm.tile import TAGS, GemmTile

__all__ = ["GemmQueues"]


class GemmQueues(GemmTile):
    """Traces of a tile whose panels come from HBM to all that share them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._stored: set[int] = set()
        self._storing: set[int] = set()
        self._owed: list[Signal] = []

    def build(self) -> dict[Queue, list[Op]]:
        """Make the traces of the group's whole run."""
        if self.group.items:
            for s in range(len(self._strips)):
                # All is free at first, so that the first block is like the others.
                self._out(
                    Opcode.SYNC,
                    signals=[Signal(self.semaphores(name, s)) for name in ("c_ready", "out_free")],
                )
        use = 0
        for item in self.group.items:
            for panel in self._panels:
                self._panel(item, panel, use % self.mapping.slots)
                use += 1
            self._store(item)
        self._end()
        return {queue: trace.ops for queue, trace in self.traces.items()}

    def _end(self) -> None:
        """HALT then means that everything is in HBM."""
        if self._stored:
            self._out(
                Opcode.SYNC, waits=[(self.semaphores("stored", s), 1) for s in sorted(self._stored)]
            )

    def _panel(self, item: GemmItem, panel: Range, slot: int) -> None:
        rows, columns = self._slices(item)
        sem, inner = self.semaphores, self.group.inner(panel, self._lane["b"])
        last = panel == self._panels[-1]
        multiplied = columns.size and inner.size
        # B is free first, so that a tile that loads both need not hold it back.
        if multiplied:
            self._fetch("b", item.pair, inner, columns, slot)
        if rows.size:
            self._fetch("a", item.pair, rows, panel, slot)
        used = [("a", rows.size), ("b", multiplied)]
        waits = self._arrived([(sem(f"{t}_full", slot), 1) for t, there in used if there])
        done = [Signal(sem("done"))]
        strips = self._strips_of(rows, columns)
        frees = self._frees(strips, rows, slot)
        for s, strip in strips:
            final = s == strips[-1][0]
            self._multiply(
                panel,
                strip,
                slot,
                waits=[*waits, (sem("c_ready", s), 1)],
                signals=[
                    *(done if final or last else [Signal(sem("c_ready", s))]),
                    *frees.get(s, ()),
                ],
            )
            waits = []
            if last and not final:
                self._round(s, strip, waits=[(sem("done"), 1)])
        if not strips and (rows.size or columns.size):
            self._matrix(
                Opcode.SYNC,
                waits=waits,
                signals=[*(done if columns.size else []), *frees.get(0, ())],
            )
        if columns.size:
            ready = [Signal(sem("c_ready", s)) for s, _ in strips[-1:] if not last]
            free = [self._to_loader("b", slot)] if multiplied else []
            self._vector(Opcode.SYNC, waits=[(sem("done"), 1)], signals=[*ready, *free])
        if last and strips:
            self._round(*strips[-1])

    def _arrived(self, waits: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """What a panel's first product waits for."""
        return waits

    def _multiply(
        self,
        panel: Range,
        strip: Strip,
        slot: int,
        waits: list[tuple[int, int]],
        signals: list[Signal],
    ) -> None:
        """Add a product to a strip of C; its waits and signals are there without one too."""
        inner = self.group.inner(panel, self._lane["b"])
        if not inner.size:
            self._matrix(Opcode.SYNC, waits=waits, signals=signals)
            return
        tile, fmt, layout = self.placement.machine.tile, self._workload.fmt, self.layout
        (high, wide), skipped = strip, inner.start - panel.start
        self._matrix(
            Opcode.MATMUL,
            waits=waits,
            signals=signals,
            m=high.size,
            n=wide.size,
            k=inner.size,
            fmt_a=fmt,
            fmt_b=fmt,
            accumulate=panel.start > 0,
            a=layout.a[slot] + high.start * layout.a_pitch + row_words(tile, skipped, fmt),
            lda=layout.a_pitch,
            b=layout.b[slot] + row_words(tile, wide.start, fmt),
            ldb=layout.b_pitch,
            c=self._in_c(strip),
            ldc=layout.c_pitch,
        )

    def _in_c(self, strip: Strip) -> int:
        """Where a strip of C begins."""
        (high, wide), tile = strip, self.placement.machine.tile
        return (
            self.layout.c
            + high.start * self.layout.c_pitch
            + row_words(tile, wide.start, Format.FP32)
        )

    def _in_out(self, strip: Strip) -> int:
        """Where it begins once it is rounded."""
        (high, wide), tile = strip, self.placement.machine.tile
        return (
            self.layout.out
            + high.start * self.layout.out_pitch
            + row_words(tile, wide.start, self._workload.o_fmt)
        )

    def _frees(
        self, strips: list[tuple[int, Strip]], rows: Range, slot: int
    ) -> dict[int, list[Signal]]:
        """By strip, what its product tells the loader of A.

        If that is staggered, it is told in the first strip of the next panel that A has been used,
        half a panel after the loader of B.
        """
        own = [self._to_loader("a", slot)] if rows.size else []
        later = self.mapping.staggered and len(strips) > 1
        owed, self._owed = self._owed, own if later else []
        if later:
            return {0: owed}
        if owed:
            self._matrix(Opcode.SYNC, signals=owed)
        return {strips[-1][0] if strips else 0: own}

    def _fetch(self, tensor: str, pair: int, rows: Range, columns: Range, slot: int) -> None:
        """Read this tile's part of a panel for all that share it, once they have used what was
        there.
        """
        if tensor not in self._loads:
            return
        x0, y0, x1, y1 = self.group.sharers(tensor, self._lane[tensor])
        used = (tensor, slot) in self._used
        count = (x1 - x0 + 1) * (y1 - y0 + 1) if used else self._held_back(tensor, slot)
        part = self.placement.find(tensor, pair, rows, columns)
        self._load(
            Opcode.LOAD,
            waits=[(self.semaphores(f"{tensor}_free", slot), count)],
            local=getattr(self.layout, tensor)[slot],
            local_pitch=self.layout.a_pitch if tensor == "a" else self.layout.b_pitch,
            remote_pitch=part.pitch,
            rows=rows.size,
            words=part.pitch,
            **self._hbm(part.region, part.offset),
            **self._receivers(tensor, slot),
            bump=1,
            tag=TAGS[tensor],
        )
        self._used.add((tensor, slot))

    def _held_back(self, tensor: str, slot: int) -> int:
        """Counts that the first use of a buffer waits for."""
        return 0

    def _receivers(self, tensor: str, slot: int) -> dict[str, Any]:
        """Where a part of a panel is delivered, and what counts it there."""
        area = {name: Ref(f"{tensor}_{name}") for name in ("x0", "y0", "x1", "y1")}
        return {**area, "sem": self.semaphores(f"{tensor}_full", slot)}

    def _to_loader(self, tensor: str, slot: int) -> Signal:
        """A count for the tile that loads panels: this tile has used one."""
        where = None if tensor in self._loads else (Ref(f"{tensor}_x"), Ref(f"{tensor}_y"))
        return Signal(self.semaphores(f"{tensor}_free", slot), where)

    def _round(self, s: int, strip: Strip, waits: Sequence[tuple[int, int]] = ()) -> None:
        """C in the storage format, to another place, so that the next block can begin."""
        sem, layout = self.semaphores, self.layout
        self._vector(
            Opcode.COPY,
            waits=[*waits, (sem("out_free", s), 1)],
            signals=[Signal(sem("c_ready", s)), Signal(sem("out_full", s))],
            m=strip.rows.size,
            n=strip.columns.size,
            a=self._in_c(strip),
            lda=layout.c_pitch,
            fmt_a=Format.FP32,
            d=self._in_out(strip),
            ldd=layout.out_pitch,
            fmt_d=self._workload.o_fmt,
        )

    def _store(self, item: GemmItem) -> None:
        for s, strip, part in self._results(item):
            self._store_rows(s, strip, part, last=True)

    def _store_rows(self, s: int, strip: Strip, part: MatrixSlice, *, last: bool) -> None:
        """Send rows of a strip of C to HBM; the last ones free its buffer."""
        sem, (high, wide) = self.semaphores, strip
        tile, fmt = self.placement.machine.tile, self._workload.o_fmt
        # One STORE of a strip at a time is on its way to HBM, so that the count of arrivals stays
        # small.
        full = [(sem("out_full", s), 1)] if s not in self._storing else []
        before = [(sem("stored", s), 1)] if s in self._stored else []
        self._storing = self._storing - {s} if last else self._storing | {s}
        offset = high.start * part.pitch + row_words(tile, wide.start, fmt)
        self._out(
            Opcode.STORE,
            waits=[*full, *before],
            signals=[Signal(sem("out_free", s))] if last else [],
            local=self._in_out(strip),
            local_pitch=self.layout.out_pitch,
            rows=high.size,
            words=row_words(tile, wide.size, fmt),
            remote_pitch=part.pitch,
            **self._hbm(part.region, part.offset + offset),
            bump=1,
            sem=sem("stored", s),
            tag=TAGS["c"] + s,
        )
        self._stored.add(s)
