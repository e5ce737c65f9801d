"""From the runs of `make noc` to its figures: curves of every method, and the flat keys of
result.json.
"""

from dataclasses import dataclass
from statistics import median

from isa.geometry import Rectangle
from isa.machine import Machine
from programs.collectives.collective import Collective
from publish.noc.tasks import CROWD_WORDS
from tb.collectives.crowds import busiest_port, crowds
from tb.collectives.measure import Timing, distance
from tb.collectives.sweep import SHAPES, best

__all__ = ["SPEEDUPS", "Curves", "Point", "curves", "far", "flat", "label"]

SPEEDUPS = (4, 64, 1024)


@dataclass(frozen=True)
class Point:
    """A collective of `words` flits by one method, at its best segment size."""

    words: int
    cycles: int
    segment: int | None


@dataclass(frozen=True)
class Curves:
    """Points by (shape, kind, method), shortest first, hardware start-up cycles, the largest skew,
    and crowds by name.
    """

    points: dict[tuple[str, str, str], list[Point]]
    startups: list[int]
    skew: int
    crowds: dict[str, int]

    def at(self, shape: str, kind: str, method: str, words: int) -> Point | None:
        """The point of a length, if it was measured."""
        return next(
            (point for point in self.points.get((shape, kind, method), []) if point.words == words),
            None,
        )

    def software(self, shape: str, kind: str, words: int) -> tuple[str, Point] | None:
        """The fastest software method at a length."""
        found = [
            (method, point)
            for (where, what, method), points in self.points.items()
            if (where, what) == (shape, kind) and method != "hardware"
            for point in points
            if point.words == words
        ]
        return min(found, key=lambda pair: pair[1].cycles, default=None)

    def speedup(self, shape: str, kind: str, words: int) -> float | None:
        """Cycles of the fastest software method over those of the hardware."""
        hardware, software = (
            self.at(shape, kind, "hardware", words),
            self.software(shape, kind, words),
        )
        return software[1].cycles / hardware.cycles if hardware and software else None


def far(shape: str, kind: str) -> int:
    """D of the bound D + L."""
    columns, rows = SHAPES[shape]
    return distance(
        Collective(kind, "hardware", Rectangle(0, 0, columns - 1, rows - 1), (0, 0), 1, 0, 0)
    )


def label(shape: str) -> str:
    """The shape's name in keys: 8 for a row of 8, 8x8."""
    return shape.removeprefix("row")


def curves(results: dict[str, dict]) -> Curves:
    """Sort the timings of all runs."""
    timings: dict[tuple, Timing] = {}
    for result in results.values():
        timings |= result.get("timings", {})
    points: dict[tuple[str, str, str], list[Point]] = {}
    for (shape, kind, method, words), fastest in sorted(
        best({key: t.cycles for key, t in timings.items()}).items()
    ):
        points.setdefault((shape, kind, method), []).append(
            Point(words, fastest.cycles, fastest.segment)
        )
    hardware = [timing for key, timing in timings.items() if len(key) == 5 and key[2] == "hardware"]
    return Curves(
        points={
            name: sorted(found, key=lambda point: point.words) for name, found in points.items()
        },
        startups=[timing.startup for timing in hardware],
        skew=max((timing.skew for timing in hardware), default=0),
        crowds={key[1]: timing.cycles for key, timing in timings.items() if key[0] == "crowd"},
    )


def flat(machine: Machine, seen: Curves, results: dict[str, dict]) -> dict:
    """The keys of result.json; those whose runs were left out are not there."""
    result: dict = {}
    rows = {
        shape: point.cycles
        for shape in SHAPES
        if shape.startswith("row") and (point := seen.at(shape, "multicast", "hardware", 1))
    }
    if len(rows) > 1:
        (near, first), *_, (away, last) = rows.items()
        result["cycles_per_hop"] = (last - first) / (
            far(away, "multicast") - far(near, "multicast")
        )
    if seen.startups:
        result |= {
            "startup_cycles": max(seen.startups),
            "startup_cycles_median": median(seen.startups),
            "issue_skew": seen.skew,
        }
    for (shape, kind, method), points in seen.points.items():
        if method != "hardware":
            continue
        bound = far(shape, kind)
        for point in points:
            name = f"{label(shape)}_{point.words}"
            result[f"{kind}_cycles_{name}"] = point.cycles
            result[f"{kind}_rho_{name}"] = point.cycles / (bound + point.words)
            if point.words in (1, 16):
                result[f"{kind}_excess_{name}"] = point.cycles - bound - point.words
            speedup = seen.speedup(shape, kind, point.words)
            software = seen.software(shape, kind, point.words)
            if speedup and software and point.words in SPEEDUPS:
                result[f"{kind}_speedup_{name}"] = speedup
                method_, fastest = software
                result[f"{kind}_software_{name}"] = method_
                result[f"{kind}_software_cycles_{name}"] = fastest.cycles
                if tree := seen.at(shape, kind, "tree", point.words):
                    result[f"{kind}_speedup_over_tree_{name}"] = tree.cycles / point.cycles
    for name, collectives in crowds(machine, CROWD_WORDS).items():
        if name in seen.crowds:
            key = "".join(c if c.isalnum() else "_" for c in name.replace(",", "").replace("-", ""))
            result[f"crowd_{key}"] = seen.crowds[name] / busiest_port(collectives)
    checked = [value for value in results.values() if "timings" in value]
    if checked:
        result["mesh_flits_checked"] = sum(value["flits_checked"] for value in checked)
        result["mesh_collectives"] = sum(value["items"] for value in checked)
        result["mesh_cycles"] = sum(value["cycles"] for value in checked)
    return result
