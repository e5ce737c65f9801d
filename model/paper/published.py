"""The papers' figures, as points to compare with: model/paper/data, read off arXiv 2505.18824."""

import csv
from dataclasses import dataclass
from pathlib import Path

from model.paper.graph import Part
from programs.attention.workload import Attention

__all__ = ["FIGURES", "PublishedPoint", "published_points"]

DATA = Path(__file__).parent / "data"
FIGURES = ("fig3", "fig4")
_DATAFLOWS = {"FA2": "flash2", "FA3": "flash3"}
_HEADS = 32
_BATCH = {"fig3": 2, "fig4": 4}
_HEAD_DIM = 128


@dataclass(frozen=True)
class PublishedPoint:
    """A bar of a figure."""

    figure: str
    d: int
    s: int
    dataflow: str
    group: tuple[int, int]
    """columns and rows of tiles"""
    cycles: float
    """at 1 GHz"""
    parts: dict[Part, float]
    """cycles, that are not hidden behind those before"""
    hbm_percent: float | None
    """of the bandwidth, where it is published"""
    active_percent: float | None
    """utilisation of the matrix engine while it is active, where it is published"""

    @property
    def work(self) -> Attention:
        """The layer."""
        heads = _BATCH[self.figure] * _HEADS
        return Attention(heads, self.s, self.s, self.d, self.d)

    @property
    def name(self) -> str:
        """Within its figure."""
        return f"D={self.d} S={self.s} {self.dataflow} {self.group[0]}x{self.group[1]}"


def published_points(figure: str) -> list[PublishedPoint]:
    """All bars of a figure."""
    with (DATA / f"{figure}_2025.csv").open() as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return [_point(figure, row) for row in rows]


def _point(figure: str, row: dict[str, str]) -> PublishedPoint:
    unit, cycles = ("ms", 1e6) if figure == "fig3" else ("us", 1e3)
    dataflow = row.get("dataflow", "flat-async")
    side = int(row.get("group", "32x32").partition("x")[0])
    parts = {
        part: float(row.get(f"{part.value}_{unit}") or row[f"{part.value}_not_overlapped_{unit}"])
        for part in Part
    }
    given = {
        name: float(row[name]) if name in row else None
        for name in ("hbm_utilisation_percent", "matrix_active_utilisation_percent")
    }
    return PublishedPoint(
        figure,
        int(row.get("D", _HEAD_DIM)),
        int(row["S"]),
        _DATAFLOWS.get(dataflow, dataflow),
        (side, side),
        float(row[f"total_{unit}"]) * cycles,
        {part: value * cycles for part, value in parts.items()},
        given["hbm_utilisation_percent"],
        given["matrix_active_utilisation_percent"],
    )
