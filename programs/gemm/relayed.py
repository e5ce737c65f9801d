"""The four queues of one tile where panels of A are passed on along tile rows, and tiles may share
the k of a panel.

What a tile sends stands in one queue, in order. So that rows need not wait for their panels:

* A panel of A is sent as many panels ahead as there are buffers, less one.
* C goes to HBM in pieces, a few after each panel of the next block.
* Sums over tiles are rounded a panel after they were sent on their way.

All panels but the first are asked for when the first is here: in the channels' queues, parts of A
for all would stand behind parts of B that nobody needs yet.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from isa.instructions import Format, Opcode, Queue, ReduceOp
from programs.common.l1 import row_words
from programs.common.ranges import Range, blocks, share
from programs.common.trace import Op, Ref, Signal
from programs.gemm.groups import GemmItem
from programs.gemm.mapping import Strip
from programs.gemm.queues import GemmQueues
from programs.gemm.tile import TAGS

__all__ = ["RelayedQueues"]

_PIECE = 8
"""Rows of C that are sent to HBM between two panels."""


class RelayedQueues(GemmQueues):
    """Traces of a tile of a relayed mapping."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._passes_on = "a" in self._loads and self.mapping.group[0] > 1
        self._began = False
        self._held: list[tuple[str, int]] = []
        self._late: deque[Callable[[], None]] = deque()
        self._parts: list[tuple[int, Strip]] = []

    def build(self) -> dict[Queue, list[Op]]:
        """Make the traces of the group's whole run."""
        first = ["c_ready", "out_free", "sum_free"][: 2 + (self.mapping.split > 1)]
        if self.group.items:
            for s in range(len(self._strips)):
                for i in range(0, len(first), 2):
                    signals = [Signal(self.semaphores(name, s)) for name in first[i : i + 2]]
                    self._out(Opcode.SYNC, signals=signals)
        slots = self.mapping.slots
        uses = [(item, panel) for item in self.group.items for panel in self._panels]
        for use in range(min(slots - 1, len(uses))):
            self._pass_on(*uses[use], use % slots)
        for use, (item, panel) in enumerate(uses):
            self._panel(item, panel, use % slots)
            if (ahead := use + slots - 1) < len(uses):
                self._pass_on(*uses[ahead], ahead % slots)
            for _ in range(-(-len(self._late) // len(self._panels))):
                self._late.popleft()()
            if panel == self._panels[-1]:
                self._sum_up(item)
                self._finish(item, whole=item is self.group.items[-1])
        while self._late:
            self._late.popleft()()
        self._end()
        return {queue: trace.ops for queue, trace in self.traces.items()}

    def names(self) -> dict[str, int]:
        """Values of the names in the traces."""
        split = self.mapping.split
        west = self.group.x0 + self.x // split * split
        found = {"own_x": self.group.x0 + self.x, "own_y": self.group.y0 + self.y}
        return super().names() | found | {f"root{i}_x": west + i for i in range(split)}

    def _arrived(self, waits: list[tuple[int, int]]) -> list[tuple[int, int]]:
        if self._began:
            return waits
        self._began = True
        slots = range(1, min(self.mapping.slots, len(self._panels) * len(self.group.items)))
        self._held = [(t, i) for i in slots for t in "ab" if (t, 0) in self._used]
        free = [Signal(self.semaphores(f"{t}_free", i)) for t, i in self._held]
        for i in range(0, len(free), 2):
            self._matrix(Opcode.SYNC, waits=waits, signals=free[i : i + 2])
            waits = []
        return waits

    def _held_back(self, tensor: str, slot: int) -> int:
        return int((tensor, slot) in self._held)

    def _receivers(self, tensor: str, slot: int) -> dict[str, Any]:
        if tensor == "b" or not self._passes_on:
            return super()._receivers(tensor, slot)
        area = {f"{axis}{end}": Ref(f"own_{axis}") for axis in "xy" for end in "01"}
        return {**area, "sem": self.semaphores("a_read", slot)}

    def _pass_on(self, item: GemmItem, panel: Range, slot: int) -> None:
        """Send a part of A, once it is here, to all of the row, this tile included."""
        rows, _ = self._slices(item)
        if not (self._passes_on and rows.size):
            return
        at, pitch = self.layout.a[slot], self.layout.a_pitch
        self._out(
            Opcode.PUT,
            waits=[(self.semaphores("a_read", slot), 1)],
            local=at,
            local_pitch=pitch,
            remote=at,
            remote_pitch=pitch,
            rows=rows.size,
            words=row_words(self.placement.machine.tile, panel.size, self._workload.fmt),
            **super()._receivers("a", slot),
            bump=1,
            tag=TAGS["a"],
        )

    def _round(self, s: int, strip: Strip, waits: Sequence[tuple[int, int]] = ()) -> None:
        if self.mapping.split == 1:
            super()._round(s, strip, waits)
            return
        signal = Signal(self.semaphores("part_full", s))
        self._vector(Opcode.SYNC, waits=waits, signals=[signal])

    def _sum_up(self, item: GemmItem) -> None:
        """Add up what tiles that share k have of C: each is the root of some of its rows."""
        split, lane = self.mapping.split, self._lane["b"] % self.mapping.split
        if split == 1:
            return
        rows, columns = self._slices(item)
        roots = [(root, part) for root, part in enumerate(share(rows, split)) if part.size]
        tile, sem = self.placement.machine.tile, self.semaphores
        for s, strip in self._strips_of(rows, columns):
            for root, part in roots:
                wide, own = strip.columns, root == lane
                waits = [(sem("part_full", s), 1)] if root == roots[0][0] else []
                words = row_words(tile, wide.size, Format.FP32)
                self._out(
                    Opcode.REDUCE,
                    waits=waits + [(sem("sum_free", s), 1)] * own,
                    signals=[Signal(sem("c_ready", s))] if root == roots[-1][0] else [],
                    local=self._in_c(Strip(Range(part.start - rows.start, part.size), wide)),
                    local_pitch=self.layout.c_pitch,
                    remote=self._in_sum(wide),
                    remote_pitch=self.layout.c_pitch,
                    rows=part.size,
                    words=words,
                    x0=Ref("root0_x"),
                    x1=Ref(f"root{split - 1}_x"),
                    y0=Ref("own_y"),
                    y1=Ref("own_y"),
                    target_x=Ref(f"root{root}_x"),
                    target_y=Ref("own_y"),
                    op=ReduceOp.SUM,
                    fmt=Format.FP32,
                    bump=1,
                    sem=sem("sum_full", s),
                    tag=TAGS["sum"] + len(self._strips) * root + s,
                )

    def _in_sum(self, columns: Range) -> int:
        return self.layout.sum + row_words(self.placement.machine.tile, columns.start, Format.FP32)

    def _finish(self, item: GemmItem, *, whole: bool) -> None:
        """Later: round sums, and send C to HBM, in pieces or `whole`."""
        results = list(self._results(item))
        if self.mapping.split > 1:
            self._late += [partial(self._round_sum, s, strip) for s, strip, _ in results]
        for s, strip, part in results:
            for piece in blocks(strip.rows.size, strip.rows.size if whole else _PIECE):
                rows = Range(strip.rows.start + piece.start, piece.size)
                last = piece.start + piece.size == strip.rows.size
                some = Strip(rows, strip.columns)
                self._late.append(partial(self._store_rows, s, some, part, last=last))

    def _round_sum(self, s: int, strip: Strip) -> None:
        """The sum of what this tile stores, in the storage format."""
        sem, layout = self.semaphores, self.layout
        self._vector(
            Opcode.COPY,
            waits=[(sem("sum_full", s), 1), (sem("out_free", s), 1)],
            signals=[Signal(sem("sum_free", s)), Signal(sem("out_full", s))],
            m=strip.rows.size,
            n=strip.columns.size,
            a=self._in_sum(strip.columns),
            lda=layout.c_pitch,
            fmt_a=Format.FP32,
            d=self._in_out(strip),
            ldd=layout.out_pitch,
            fmt_d=self._workload.o_fmt,
        )
