"""A tile's part in a GEMM: what it takes of blocks and panels, its traces and their names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from isa.instructions import Queue
from programs.common.placement import HbmRegion
from programs.common.ranges import Range
from programs.common.trace import Op, Ref, Trace
from programs.gemm.groups import GemmGroup, GemmItem
from programs.gemm.layout import GemmLayout, GemmSemaphores
from programs.gemm.mapping import GemmMapping, Strip
from programs.gemm.placement import GemmPlacement, MatrixSlice

__all__ = ["TAGS", "GemmTile"]

TAGS = {"a": 1, "b": 2, "c": 4, "sum": 8}
"""Tags of the transfers: panels of A and of B, C plus the number of the strip, and sums of C plus
the number of the strip and twice that of the root.
"""


@dataclass
class GemmTile:
    """Tile (x, y) of a group. What depends on where the tile is has a name, whose value `names`
    gives.
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
        self._workload = self.placement.workload
        self._panels = self.mapping.panels(self._workload)
        self._strips = self.mapping.strips(self.placement.machine.tile, self._workload)
        self._used: set[tuple[str, int]] = set()

    def duty(self) -> tuple:
        """All that decides the traces: tiles of equal duties have equal ones.

        Sizes of its parts of C, and region, offset and pitch of all that it moves, in order.
        """
        find = self.placement.find
        found: list[tuple[int, ...]] = []
        for item in self.group.items:
            rows, columns = self._slices(item)
            found.append((rows.size, columns.size))
            b, a = (t in self._loads and part.size for t, part in (("b", columns), ("a", rows)))
            parts = []
            for panel in self._panels if a or b else ():
                inner = self.group.inner(panel, self._lane["b"])
                parts += [find("b", item.pair, inner, columns)] if b and inner.size else []
                parts += [find("a", item.pair, rows, panel)] if a else []
            parts += [part for *_, part in self._results(item)]
            found += [(self._number(part.region), part.offset, part.pitch) for part in parts]
        return frozenset(self._loads), self._lane["b"] % self.mapping.split, tuple(found)

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
        return (
            self.group.row_slices(item.rows)[self._lane["a"]],
            self.group.column_slices(item.columns)[self._lane["b"] // self.mapping.split],
        )

    def _strips_of(self, rows: Range, columns: Range) -> list[tuple[int, Strip]]:
        """Number and extent of the strips of its part of C that have any rows and columns."""
        found = []
        for s, (high, wide) in enumerate(self._strips):
            strip = Strip(
                Range(high.start, min(high.size, rows.size - high.start)),
                Range(wide.start, min(wide.size, columns.size - wide.start)),
            )
            if strip.rows.size > 0 and strip.columns.size > 0:
                found.append((s, strip))
        return found

    def _results(self, item: GemmItem) -> Iterator[tuple[int, Strip, MatrixSlice]]:
        """Strips of C that this tile stores, their rows from the first one that it stores on."""
        rows, columns = self._slices(item)
        own = self.group.stored_rows(rows, self._lane["b"])
        for s, strip in self._strips_of(own, columns):
            yield s, strip, self.placement.find("c", item.pair, own, columns)

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
