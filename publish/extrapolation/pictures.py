"""The pictures of the extrapolation."""

from collections.abc import Callable

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from publish.extrapolation.beside import beside
from publish.extrapolation.bounds import utilization_range
from publish.extrapolation.claims import LONG
from publish.extrapolation.points import (
    GROUPS,
    LENGTHS,
    PAPER_MICROSECONDS,
    Grid32,
    ModelPoint,
)
from publish.extrapolation.tables import FLOWS, MACHINE_NAMES

__all__ = ["PICTURED", "pictures"]

COLOURS = {"4x4": "#cc79a7", "8x8": "#0072b2", "16x16": "#009e73", "32x32": "#d55e00"}


def pictures(grid: Grid32) -> dict[str, Figure]:
    """All of them, by the name of the file."""
    return {name: make(grid) for name, make in PICTURED.items()}


def _whiskers(point: ModelPoint) -> list[list[float]]:
    """Utilisation below and above that of a point."""
    low, high = utilization_range(point)
    return [[point.matrix_utilization - low], [high - point.matrix_utilization]]


def _groups(grid: Grid32) -> Figure:
    """Utilisation against S for every group, a panel a machine."""
    machines = [
        name for name in MACHINE_NAMES if any(p.asked_group for p in grid.some(machine=name))
    ]
    figure, panels = plt.subplots(
        1, len(machines), figsize=(4 * len(machines), 3.6), sharey=True, squeeze=False
    )
    for machine, axes in zip(machines, panels[0], strict=True):
        for group in GROUPS:
            found = {
                point.keys["S"]: point
                for point in grid.some(
                    machine=machine, asked_group=group, dataflow="flat-async", target="steady"
                )
                if point.keys["D"] == 128 and point.keys["B"] == 4
            }
            found = dict(sorted(found.items()))
            for length, point in found.items():
                axes.errorbar(
                    length,
                    point.matrix_utilization,
                    yerr=_whiskers(point),
                    color=COLOURS[group],
                    capsize=3,
                )
            used = [point.matrix_utilization for point in found.values()]
            axes.plot(list(found), used, "o-", color=COLOURS[group], label=group)
            if machine == "paper-2025":
                paper = [
                    _least_microseconds(length) / times[group]
                    for length, times in PAPER_MICROSECONDS.items()
                ]
                axes.plot(list(PAPER_MICROSECONDS), paper, "x", color=COLOURS[group])
        axes.set_xscale("log", base=2)
        axes.set_xticks(LENGTHS, [str(length) for length in LENGTHS])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(machine)
        axes.set_xlabel("S")
        axes.set_ylim(0, 1.02)
        axes.grid(alpha=0.3)
    panels[0][0].set_ylabel("matrix utilisation, D=128 H=32 B=4")
    panels[0][0].plot([], [], "kx", label="arXiv 2505.18824")
    panels[0][0].legend(title="group", fontsize=8, loc="lower center")
    return figure


def _least_microseconds(length: int) -> float:
    """Of a layer with B=4 H=32 D=128 at the peak of the papers' 1 GHz machine."""
    macs = 4 * 32 * length * length * 2 * 128
    return macs / (32 * 32 * 32 * 16) / 1000


def _dataflows(grid: Grid32) -> Figure:
    """Cycles of every dataflow, with what its engines do in them."""
    points = [grid.one(machine="paper-2025", workload=LONG, dataflow=flow) for flow in FLOWS]
    figure, axes = plt.subplots(figsize=(8, 3.4))
    places = np.arange(len(points))
    times = [point.microseconds for point in points]
    axes.barh(places, times, color="#dddddd", label="all of it")
    for offset, (name, colour, label) in enumerate(
        (
            ("matrix_active", "#d55e00", "arrays at work"),
            ("vector_busy", "#0072b2", "vector engines busy"),
            ("hbm_bandwidth_utilization", "#009e73", "HBM at its bandwidth"),
        )
    ):
        shares = [getattr(p, name) * t for p, t in zip(points, times, strict=True)]
        axes.barh(places - 0.25 + 0.25 * offset, shares, 0.2, color=colour, label=label)
    axes.set_yticks(places, [point.dataflow for point in points])
    axes.invert_yaxis()
    axes.set_xlabel("microseconds, S=4096 D=128 H=32 B=2 on paper-2025")
    axes.legend(fontsize=8)
    return figure


def _roofline(grid: Grid32) -> Figure:
    """Operations a cycle against operations a byte."""
    figure, axes = plt.subplots(figsize=(7, 4))
    for machine, colour in zip(MACHINE_NAMES, ("#0072b2", "#009e73", "#d55e00"), strict=True):
        points = grid.some(machine=machine, target="steady")
        if not points:
            continue
        on = points[0].on
        x = np.logspace(-1, 4.5, 200)
        roof = np.minimum(2 * on.macs, x * on.hbm_bytes_per_cycle)
        axes.plot(x, roof, color=colour, lw=1)
        done = [2 * point.useful_macs / point.cycles for point in points]
        axes.scatter([p.intensity for p in points], done, s=12, color=colour, label=machine)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("operations for each byte of HBM")
    axes.set_ylabel("operations a cycle")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _gh200(grid: Grid32) -> Figure:
    """Ours over the GH200, kernel by kernel."""
    rows = beside(grid)
    figure, axes = plt.subplots(figsize=(12, 3.8))
    kinds = list(dict.fromkeys(row.kernel for row in rows))
    colours = dict(zip(kinds, ("#d55e00", "#e69f00", "#56b4e9", "#009e73"), strict=False))
    places = np.arange(len(rows))
    axes.bar(places, [r.speedup for r in rows], color=[colours[r.kernel] for r in rows])
    axes.set_xticks(
        places, [row.point.workload.partition(":")[2] for row in rows], rotation=90, fontsize=6
    )
    for kind in kinds:
        axes.bar(0, 0, color=colours[kind], label=kind)
    axes.axhline(1.9, color="k", lw=0.8, ls="--", label="mean in arXiv 2604.02110")
    axes.axhline(1, color="k", lw=0.5)
    axes.set_ylabel("speed-up over GH200")
    axes.legend(fontsize=8)
    return figure


PICTURED: dict[str, Callable[[Grid32], Figure]] = {
    "groups": _groups,
    "dataflows": _dataflows,
    "roofline": _roofline,
    "gh200": _gh200,
}
"""Name to maker."""
