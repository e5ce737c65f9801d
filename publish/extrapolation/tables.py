"""The generated parts of docs/extrapolation.md, from docs/results/extrapolation.json."""

from collections.abc import Callable, Mapping
from math import isnan
from typing import Any

from publish.extrapolation.beside import beside
from publish.extrapolation.bounds import utilization_range
from publish.extrapolation.claims import LONG, PaperClaim, claims
from publish.extrapolation.points import GROUPS, LENGTHS, Grid32, ModelPoint, prefill
from publish.output import Table

__all__ = ["FLOWS", "MACHINE_NAMES", "MAKERS", "claim_table"]

FLOWS = ("flat-async", "flat", "flat-tree", "flat-seq", "flash3", "flash2")
MACHINE_NAMES = ("paper-2025", "paper-2026", "paper-4tb")


def claim_table(grid: Grid32) -> Table:
    """The page of claims."""
    heads = ("claim", "arXiv", "papers", "ours", "90 % interval", "", "why")
    rows = [
        (
            claim.what,
            claim.source,
            _shown(claim.paper, claim.unit),
            _shown(claim.ours, claim.unit),
            _range(claim),
            claim.verdict,
            claim.why,
        )
        for claim in claims(grid)
    ]
    return Table("claims of the papers", heads, rows)


def _range(claim: PaperClaim) -> str:
    if isnan(claim.ours):
        return ""
    if claim.low == claim.high:
        return "exact"
    return f"{_shown(claim.low, claim.unit)} .. {_shown(claim.high, claim.unit)}"


def _shown(value: float, unit: str) -> str:
    if isnan(value):
        return ""
    return f"{value:.1%}" if unit == "%" else f"{value:.2f}x"


def _used(point: ModelPoint | None) -> str:
    """Utilisation, with its interval."""
    if point is None:
        return ""
    low, high = utilization_range(point)
    return f"{point.matrix_utilization:.1%} ({low:.0%} .. {high:.0%})"


def _utilisation(grid: Grid32) -> str:
    heads = ("machine", "D", "S", *GROUPS, "best", "slice of the best")
    rows = []
    for machine in MACHINE_NAMES:
        for d in (128, 64):
            for length in LENGTHS:
                workload = prefill(length, d, 4)
                found = {
                    point.asked_group: point
                    for point in grid.some(
                        machine=machine, workload=workload, dataflow="flat-async", target="steady"
                    )
                    if point.asked_group
                }
                if found:
                    best = min(found.values(), key=lambda point: point.cycles)
                    cells = [_used(found.get(group)) for group in GROUPS]
                    cut = best.mapping.partition("tile slice ")[2].partition(",")[0]
                    rows.append((machine, f"{d}", f"{length}", *cells, best.asked_group, cut))
    return Table("", heads, rows).markdown()


def _flows(grid: Grid32) -> str:
    heads = (
        *("workload", "machine", "dataflow", "group", "us", "matrix", "vector busy", "HBM"),
        *("HBM bytes", "slice"),
    )
    rows = []
    for workload in (LONG, prefill(1024, 128, 2), prefill(4096, 64, 2)):
        for flow in FLOWS:
            for point in grid.some(workload=workload, dataflow=flow, target="steady"):
                rows.append(
                    (
                        workload,
                        point.machine,
                        flow,
                        point.group + ("" if point.asked_group else " (rule)"),
                        f"{point.microseconds:,.0f}",
                        f"{point.matrix_active:.1%}",
                        f"{point.vector_busy:.1%}",
                        f"{point.hbm_bandwidth_utilization:.1%}",
                        f"{point.hbm_bytes:,}",
                        point.mapping.partition("tile slice ")[2].partition(",")[0],
                    )
                )
    return Table("", heads, rows).markdown()


def _gh200(grid: Grid32) -> str:
    heads = (
        *("kernel", "ours", "dataflow", "group", "GH200 TFLOP/s", "ours TFLOP/s", "speed-up"),
        *("matrix", "HBM", "bound by"),
    )
    rows = [
        (
            row.kernel,
            row.point.workload,
            row.point.dataflow,
            row.point.group,
            f"{row.tflops:g}",
            f"{row.point.tflops:.3g}",
            f"{row.speedup:.2f}",
            f"{row.point.matrix_utilization:.1%}",
            f"{row.point.hbm_bandwidth_utilization:.1%}",
            "arrays" if row.compute_bound else "HBM",
        )
        for row in beside(grid)
    ]
    return Table("", heads, rows).markdown()


def _cost(grid: Grid32) -> str:
    whole = {(p.workload, p.asked_group): p for p in grid.points if p.target == "whole"}
    off = [
        abs(p.cycles / whole[p.workload, p.asked_group].cycles - 1)
        for p in grid.points
        if p.target == "steady"
        and p.machine == "paper-2025"
        and (p.workload, p.asked_group) in whole
    ]
    checked = (
        f" Where all turns were run as well ({len(off)} points), running some of them and drawing "
        f"a line is off by {max(off):.2%} at most."
        if off
        else ""
    )
    longest = max(p.model_seconds for p in grid.points)
    compiled = max(p.compile_seconds for p in grid.points)
    return (
        f"{len(grid.points)} points take {grid.result['cpu_seconds']:,.0f} s of one core, "
        f"{longest:.0f} s the slowest, of which compiling is {compiled:.1f} s at most.{checked}"
    )


MAKERS: Mapping[str, Callable[[Any], str]] = {
    "extrapolation claims": lambda r: claim_table(Grid32(r)).markdown(),
    "extrapolation utilisation": lambda r: _utilisation(Grid32(r)),
    "extrapolation dataflows": lambda r: _flows(Grid32(r)),
    "extrapolation gh200": lambda r: _gh200(Grid32(r)),
    "extrapolation cost": lambda r: _cost(Grid32(r)),
}
"""Marker to maker."""
