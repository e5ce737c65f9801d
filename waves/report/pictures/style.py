"""Colours of the pictures: those of the page on a light ground, told apart by colour-blind readers
and in print.
"""

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from isa.status import QueueState
from waves.rebuild.inspection import Transfer

__all__ = [
    "CAUSES",
    "CLASSES",
    "HEAT",
    "NETWORKS",
    "STATES",
    "WAITS",
    "cycles_axis",
    "patches",
    "title_of",
    "word_colours",
]

NETWORKS = {"data": "#0072b2", "request": "#009e73", "reduce": "#cc6699"}
CLASSES = (
    "#0072b2",
    "#56b4e9",
    "#009e73",
    "#e3d62f",
    "#e69f00",
    "#d55e00",
    "#cc79a7",
    "#7b4fa3",
    "#888888",
)
"""By index in `tracks.CLASSES`; the last one for anything else."""
CAUSES = {
    "operand": "#b3122d",
    "drain": "#c26a00",
    "network": "#a3459b",
    "l1": "#7d6a1a",
    "semaphore": "#a3adb9",
}
WAITS = {"offered": "#e69f00", "fork": "#7b4fa3", "join": "#d55e00", "router": "#8b97a5"}
STATES = {
    QueueState.BOOT: "#eceff3",
    QueueState.FETCH: "#b4bdc8",
    QueueState.WAIT0: "#dfe4ea",
    QueueState.WAIT1: "#dfe4ea",
    QueueState.ENGINE: "#c9d0d8",
    QueueState.DRAIN: "#d4cfde",
    QueueState.HALTED: "#f7f8fa",
    QueueState.ERROR: "#c8102e",
}
HEAT = LinearSegmentedColormap.from_list(
    "heat", ["#e8ecf1", "#fddda0", "#f39c46", "#cb4c2d", "#6e161e"]
)
"""From no use to most; it grows darker all along, so that it survives a grey printer."""
SHADES = {
    "data": ("#a8d4f0", "#08406b"),
    "request": ("#9fdcc6", "#045a41"),
    "reduce": ("#f0bcd4", "#7a1f4b"),
}


def word_colours(network: str, words: int) -> NDArray[np.float64]:
    """Colours of the words of a transfer, from light to dark, shape (words, 4)."""
    shades = LinearSegmentedColormap.from_list(network, SHADES[network])
    return shades(np.linspace(0, 1, words) if words > 1 else np.array([0.4]))


def cycles_axis(ax: Axes, first: float, last: float) -> None:
    """Cycles to the right, with thousands apart."""
    ax.set_xlim(first, last)
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value == int(value) else "")
    )
    ax.set_xlabel("cycles")


def patches(colours: dict[str, str]) -> list[Patch]:
    """Legend entries, text to colour."""
    return [Patch(color=colour, label=text) for text, colour in colours.items()]


def title_of(transfer: Transfer) -> str:
    """A transfer in a line."""
    x0, y0, x1, y1 = transfer.rectangle
    what = (
        f"{transfer.kind} {transfer.op}"
        if transfer.op
        else transfer.kind + " multicast" * transfer.is_collective
    )
    where = f"({x0},{y0})–({x1},{y1})" if (x0, y0) != (x1, y1) else f"({x0},{y0})"
    root = f"root ({transfer.root[0]},{transfer.root[1]})"
    bound = (
        f", {transfer.latency:,} cycles, bound {transfer.bound:,}"
        if transfer.whole and transfer.bound
        else ""
    )
    return (
        f"{what} #{transfer.number}, tag {transfer.tag}: {where}, {root}, {transfer.words:,} "
        f"words{bound}"
    )
