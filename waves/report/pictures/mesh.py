"""Use of every link over the whole window, in place: one mesh a network."""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from waves.read.recording import DIRECTIONS, Facts, Link, Recording
from waves.report.pictures.style import HEAT

__all__ = ["mesh"]

BESIDE = 0.055
"""Distance of a link from the middle of its edge; traffic keeps to the right."""
ROUTER = 0.15
TILE = (0.5, 0.5)
"""From a router's middle to the middle of its tile."""
OUTSIDE = 0.5
"""Length of a link to a channel."""
LOCAL = ("inject", "eject")


def mesh(recording: Recording) -> Figure:
    """A panel for each network that the recording has links of."""
    networks = list(dict.fromkeys(link.network for link in recording.traffic))
    used = {
        link: (traffic.taken >= 0).sum() / recording.cycles
        for link, traffic in recording.traffic.items()
    }
    scale = Normalize(0, max(0.01, *used.values()))
    facts = recording.facts
    wide = max(2.9, min(6.5, 1.0 * facts.columns + 0.8))
    tall = max(2.0, wide * (facts.rows + 0.9) / (facts.columns + 0.9))
    figure, axes = plt.subplots(
        1,
        len(networks),
        figsize=(wide * len(networks) + 0.8, tall + 0.5),
        squeeze=False,
        layout="constrained",
    )
    for ax, network in zip(axes[0], networks, strict=True):
        lines = {link: share for link, share in used.items() if link.network == network}
        width = max(1.6, 22 / (facts.columns + 1))
        widths = [width * (0.6 if link.port in LOCAL else 1) for link in lines]
        places, colours = [_line(link, facts) for link in lines], HEAT(scale(list(lines.values())))
        ax.add_collection(
            LineCollection(places, colors=colours, linewidths=widths, capstyle="butt")
        )
        _places(ax, recording)
        busiest = max(lines, key=lines.__getitem__)
        ax.set_title(
            f"{network}: at most {lines[busiest]:.1%}, {str(busiest).removeprefix(network + ' ')}",
            fontsize=9,
        )
    bar = figure.colorbar(
        ScalarMappable(scale, HEAT),
        ax=list(axes[0]),
        fraction=0.025,
        pad=0.01,
        shrink=0.8,
        format=_percent,
    )
    bar.set_label("a flit moves, % of cycles", fontsize=9)
    figure.suptitle(
        f"Use of the links, cycles {recording.first:,} to {recording.last:,}", fontsize=11, y=1.02
    )
    return figure


def _percent(share: float, _position: int) -> str:
    return f"{100 * share:g}"


def _line(link: Link, facts: Facts) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of what shows a link, in tiles."""
    x, y = link.tile
    if link.port in LOCAL:
        side = BESIDE / 2 * (1 if link.port == "inject" else -1)
        return (x + side, y - side), (x + TILE[0] + side, y + TILE[1] - side)
    dx, dy = DIRECTIONS[link.port.removeprefix("hbm_")]
    inward = link.port.startswith("hbm_")
    way = -1 if inward else 1
    across = dy * way * BESIDE, -dx * way * BESIDE
    inside = 0 <= link.to[0] < facts.columns and 0 <= link.to[1] < facts.rows
    length = 1 if inside and not inward else OUTSIDE
    return (x + across[0], y + across[1]), (
        x + dx * length + across[0],
        y + dy * length + across[1],
    )


def _places(ax: Axes, recording: Recording) -> None:
    """Routers, tiles and channels over the lines."""
    facts = recording.facts
    size = max(4.5, min(8.0, 34 / facts.columns))
    for y in range(facts.rows):
        for x in range(facts.columns):
            _box(ax, (x, y), ROUTER, "#ffffff")
            _label(ax, (x, y), f"{x},{y}", size)
            _box(ax, (x + TILE[0], y + TILE[1]), 0.19, "#eef1f5")
    for edge, x, y in facts.channels:
        dx, dy = DIRECTIONS[edge]
        at = x + dx * OUTSIDE, y + dy * OUTSIDE
        _box(ax, at, 0.12, "#d5dde6")
        if facts.columns <= 5:
            _label(ax, at, "HBM", size * 0.8)
    edges = {edge for edge, _, _ in facts.channels}
    low = {edge: -0.7 if edge in edges else -0.2 for edge in ("west", "south")}
    ax.set_xlim(low["west"], facts.columns - 0.2)
    ax.set_ylim(low["south"], facts.rows - 0.2)
    ax.set_aspect("equal")
    ax.axis("off")


def _box(ax: Axes, at: tuple[float, float], half: float, colour: str) -> None:
    shape = FancyBboxPatch(
        (at[0] - half, at[1] - half),
        2 * half,
        2 * half,
        boxstyle="round,pad=0,rounding_size=0.04",
        fc=colour,
        ec="#5d6878",
        lw=0.7,
        zorder=3,
    )
    ax.add_patch(shape)


def _label(ax: Axes, at: tuple[float, float], text: str, size: float) -> None:
    ax.text(*at, text, ha="center", va="center", fontsize=size, zorder=4)
