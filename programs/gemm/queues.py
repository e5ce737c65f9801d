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

from dataclasses import dataclass, field
from typing import Any

from isa.instructions import Format, Opcode, Queue
from programs.common.placement import HbmRegion
from programs.common.ranges import Range
from programs.common.trace import Op, Ref, Signal, Trace
from programs.gemm.groups import GemmGroup, GemmItem
from programs.gemm.layout import GemmLayout, GemmSemaphores
from programs.gemm.mapping import GemmMapping
from programs.gemm.placement import GemmPlacement

__all__ = ["TAGS", "GemmQueues"]

TAGS = {"a": 1, "b": 2, "c": 4}
"""Tags of the transfers: panels of A and of B, and C plus the number of the strip."""


@dataclass
class GemmQueues:
    """Traces of tile (x, y) of a group. What depends on where the tile is has a name, whose value
    `names` gives.
    """

    placement: GemmPlacement
    mapping: GemmMapping
    layout: GemmLayout
    semaphores: GemmSemaphores
    group: GemmGroup
    x: int
    y: int
    ops: dict[Op, Op]
    """Operations of all tiles, so that equal traces hold the same objects."""
    regions: list[HbmRegion] = field(default_factory=list, init=False)
    """HBM regions, by the number that the trace has for them."""

    def __post_init__(self) -> None:
        self.traces = {queue: Trace(self.ops) for queue in Queue}
        self._matrix, self._vector, self._load, self._out = (
            self.traces[queue].add for queue in Queue
        )
        self._lane = dict(zip("ab", self.mapping.lane(self.x, self.y), strict=True))
        here = self.group.x0 + self.x, self.group.y0 + self.y
        self._loads = {
            tensor for tensor, lane in self._lane.items() if self.group.loader(tensor, lane) == here
        }
        self._strips = self.mapping.strips(self.placement.machine.tile)
        self._used: set[tuple[str, int]] = set()
        self._stored: set[int] = set()
        self._owed: list[Signal] = []

    def duty(self) -> tuple:
        """All that decides the traces: tiles of equal duties have equal ones.

        Sizes of its parts of C, and region, offset and pitch of all that it moves, in order.
        """
        find, panels = self.placement.find, self.mapping.panels(self.placement.workload)
        found: list[tuple[int, ...]] = []
        for item in self.group.items:
            rows, columns = self._slices(item)
            found.append((rows.size, columns.size))
            b, a = (t in self._loads and part.size for t, part in (("b", columns), ("a", rows)))
            parts = []
            for panel in panels if a or b else ():
                parts += [find("b", item.pair, panel, columns)] if b else []
                parts += [find("a", item.pair, rows, panel)] if a else []
            if rows.size and columns.size:
                parts.append(find("c", item.pair, rows, columns))
            found += [(self._number(part.region), part.offset, part.pitch) for part in parts]
        return frozenset(self._loads), tuple(found)

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
            panels = self.mapping.panels(self.placement.workload)
            for number, panel in enumerate(panels):
                self._panel(
                    item, panel, use % self.mapping.slots, number == 0, number == len(panels) - 1
                )
                use += 1
            self._store(item)
        if self._stored:
            # HALT then means that everything is in HBM.
            self._out(
                Opcode.SYNC, waits=[(self.semaphores("stored", s), 1) for s in sorted(self._stored)]
            )
        return {queue: trace.ops for queue, trace in self.traces.items()}

    def names(self) -> dict[str, int]:
        """Values of the names in the traces."""
        found: dict[str, int] = {}
        for tensor, lane in self._lane.items():
            values = (*self.group.sharers(tensor, lane), *self.group.loader(tensor, lane))
            names = ("x0", "y0", "x1", "y1", "x", "y")
            found |= {f"{tensor}_{name}": at for name, at in zip(names, values, strict=True)}
        for i, region in enumerate(self.regions):
            found |= {f"region{i}.{name}": value for name, value in region.names.items()}
        return found

    def _slices(self, item: GemmItem) -> tuple[Range, Range]:
        """This tile's rows and columns of a block of C."""
        return self.group.row_slices(item.rows)[self._lane["a"]], self.group.column_slices(
            item.columns
        )[self._lane["b"]]

    def _panel(self, item: GemmItem, panel: Range, slot: int, first: bool, last: bool) -> None:
        rows, columns = self._slices(item)
        sem = self.semaphores
        # B is free first, so that a tile that loads both need not hold it back.
        if columns.size:
            self._fetch("b", item.pair, panel, columns, slot)
        if rows.size:
            self._fetch("a", item.pair, rows, panel, slot)
        waits = [
            (sem(f"{t}_full", slot), 1) for t, part in (("a", rows), ("b", columns)) if part.size
        ]
        done = [Signal(sem("done"))]
        strips = self._strips_of(rows) if columns.size else []
        frees = self._frees(strips, rows, slot)
        for s, strip in strips:
            final = s == strips[-1][0]
            self._matrix(
                Opcode.MATMUL,
                waits=[*waits, (sem("c_ready", s), 1)],
                signals=[
                    *(done if final or last else [Signal(sem("c_ready", s))]),
                    *frees.get(s, ()),
                ],
                m=strip.size,
                n=columns.size,
                k=panel.size,
                fmt_a=self.placement.workload.fmt,
                fmt_b=self.placement.workload.fmt,
                accumulate=not first,
                a=self.layout.a[slot] + strip.start * self.layout.a_pitch,
                lda=self.layout.a_pitch,
                b=self.layout.b[slot],
                ldb=self.layout.b_pitch,
                c=self.layout.c + strip.start * self.layout.c_pitch,
                ldc=self.layout.c_pitch,
            )
            waits = []
            if last and not final:
                self._round(s, strip, columns, waits=[(sem("done"), 1)])
        if not strips and waits:
            self._matrix(
                Opcode.SYNC,
                waits=waits,
                signals=[*(done if columns.size else []), *frees.get(0, ())],
            )
        if columns.size:
            ready = [Signal(sem("c_ready", s)) for s, _ in strips[-1:] if not last]
            self._vector(
                Opcode.SYNC, waits=[(sem("done"), 1)], signals=[*ready, self._to_loader("b", slot)]
            )
        if last and strips:
            self._round(*strips[-1], columns)

    def _frees(
        self, strips: list[tuple[int, Range]], rows: Range, slot: int
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

    def _strips_of(self, rows: Range) -> list[tuple[int, Range]]:
        """Number and rows, from the tile's first one on, of the strips that have any."""
        return [
            (s, Range(strip.start, min(strip.size, rows.size - strip.start)))
            for s, strip in enumerate(self._strips)
            if rows.size > strip.start
        ]

    def _fetch(self, tensor: str, pair: int, rows: Range, columns: Range, slot: int) -> None:
        """Read this tile's part of a panel for all that share it, once they have used what was
        there.
        """
        if tensor not in self._loads:
            return
        x0, y0, x1, y1 = self.group.sharers(tensor, self._lane[tensor])
        waits = [(self.semaphores(f"{tensor}_free", slot), (x1 - x0 + 1) * (y1 - y0 + 1))]
        part = self.placement.find(tensor, pair, rows, columns)
        self._load(
            Opcode.LOAD,
            waits=waits if (tensor, slot) in self._used else [],
            local=getattr(self.layout, tensor)[slot],
            local_pitch=self.layout.a_pitch if tensor == "a" else self.layout.b_pitch,
            remote_pitch=part.pitch,
            rows=rows.size,
            words=part.pitch,
            **self._hbm(part.region, part.offset),
            x0=Ref(f"{tensor}_x0"),
            y0=Ref(f"{tensor}_y0"),
            x1=Ref(f"{tensor}_x1"),
            y1=Ref(f"{tensor}_y1"),
            bump=1,
            sem=self.semaphores(f"{tensor}_full", slot),
            tag=TAGS[tensor],
        )
        self._used.add((tensor, slot))

    def _to_loader(self, tensor: str, slot: int) -> Signal:
        """A count for the tile that loads panels: this tile has used one."""
        where = None if tensor in self._loads else (Ref(f"{tensor}_x"), Ref(f"{tensor}_y"))
        return Signal(self.semaphores(f"{tensor}_free", slot), where)

    def _round(
        self, s: int, strip: Range, columns: Range, waits: list[tuple[int, int]] | None = None
    ) -> None:
        """C in the storage format, to another place, so that the next block can begin."""
        sem, layout = self.semaphores, self.layout
        self._vector(
            Opcode.COPY,
            waits=[*(waits or []), (sem("out_free", s), 1)],
            signals=[Signal(sem("c_ready", s)), Signal(sem("out_full", s))],
            m=strip.size,
            n=columns.size,
            a=layout.c + strip.start * layout.c_pitch,
            lda=layout.c_pitch,
            fmt_a=Format.FP32,
            d=layout.out + strip.start * layout.out_pitch,
            ldd=layout.out_pitch,
            fmt_d=self.placement.workload.o_fmt,
        )

    def _store(self, item: GemmItem) -> None:
        rows, columns = self._slices(item)
        if not columns.size:
            return
        for s, strip in self._strips_of(rows):
            part = self.placement.find("c", item.pair, rows, columns)
            # One STORE of a strip at a time is on its way to HBM, so that the count of arrivals
            # stays small.
            before = [(self.semaphores("stored", s), 1)] if s in self._stored else []
            self._out(
                Opcode.STORE,
                waits=[(self.semaphores("out_full", s), 1), *before],
                signals=[Signal(self.semaphores("out_free", s))],
                local=self.layout.out + strip.start * self.layout.out_pitch,
                local_pitch=self.layout.out_pitch,
                rows=strip.size,
                words=part.pitch,
                remote_pitch=part.pitch,
                **self._hbm(part.region, part.offset + strip.start * part.pitch),
                bump=1,
                sem=self.semaphores("stored", s),
                tag=TAGS["c"] + s,
            )
            self._stored.add(s)

    def _number(self, region: HbmRegion) -> int:
        """Number of a region, a new one if it has none."""
        for number, known in enumerate(self.regions):
            if known is region:
                return number
        self.regions.append(region)
        return len(self.regions) - 1

    def _hbm(self, region: HbmRegion, offset: int) -> dict[str, Any]:
        name = f"region{self._number(region)}"
        return {
            "remote": Ref(f"{name}.base", offset),
            **{f"target_{a}": Ref(f"{name}.{a}") for a in "xy"},
            "edge": Ref(f"{name}.edge"),
        }
