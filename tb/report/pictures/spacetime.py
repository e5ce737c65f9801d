"""One transfer in space and time: its links along its tree, and when each flit crossed them."""

from collections.abc import Iterable

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tb.inspect.inspection import Collective, Hop
from tb.inspect.recording import Facts, Link, Recording, Traffic
from tb.report.pictures.style import NETWORKS, WAITS, cycles_axis, patches, title_of, word_colours
from tb.report.tree import STAGES, followers, in_tree_order

__all__ = ["flits_of", "spacetime"]

MANY = 4000
"""Flits from which on they are pixels in an SVG too."""

Span = tuple[float, float, float, float]
"""Begin, end, bottom and top of a bar."""


def flits_of(transfer: Collective, hop: Hop, traffic: Traffic) -> NDArray[np.int64]:
    """Which of a link's flits are the transfer's: those of its tag, rectangle and root in its time."""
    header, mine = traffic.header, (traffic.taken >= hop.first) & (traffic.taken <= hop.last)
    wanted = {"tag": transfer.tag, **transfer.rectangle._asdict()}
    if hop.link.network == "reduce":
        wanted |= {"root_x": transfer.root[0], "root_y": transfer.root[1]}
    for name, value in wanted.items():
        mine = mine & (header[name] == value)
    return np.flatnonzero(mine)


def spacetime(recording: Recording, transfer: Collective) -> Figure:
    """A row a link, from the senders above to the receivers below."""
    order = [index for index, _ in in_tree_order(transfer)]
    hops = [transfer.hops[index] for index in order]
    nexts = followers(transfer.hops)
    figure, ax = plt.subplots(figsize=(8.5, max(1.6, min(12, 0.2 * len(hops) + 0.6))))
    many = sum(hop.flits for hop in hops) > MANY
    for row, index in enumerate(order):
        hop = transfer.hops[index]
        _hop(ax, row, recording, transfer, hop, [transfer.hops[after] for after in nexts[index]], many)
        _marks(ax, row, transfer, hop.link, recording.facts)
    _rows(ax, transfer, hops)
    entries = {f"{network}: a flit crosses": NETWORKS[network] for network in dict.fromkeys(h.link.network for h in hops)}
    entries |= {
        "offered, not taken": WAITS["offered"],
        "in the router": WAITS["router"],
        "waits for its join": WAITS["join"],
    }
    handles = patches(entries)
    if transfer.start >= 0 and transfer.bound:
        bound = transfer.start + transfer.bound
        handles.append(ax.axvline(bound, color="k", ls=":", lw=1.2, label=f"bound, {transfer.bound:,} cycles"))
    room = max(3.0, 0.03 * (transfer.end - transfer.begin))
    cycles_axis(ax, transfer.begin - room, transfer.end + 1 + room)
    ax.legend(handles=handles, fontsize=7, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    ax.set_title(title_of(transfer), fontsize=9.5, pad=32)
    return figure


def _rows(ax: Axes, transfer: Collective, hops: list[Hop]) -> None:
    size = 7 if len(hops) <= 60 else 4.5
    ax.set_yticks(range(len(hops)), [str(hop.link) for hop in hops], fontsize=size)
    for label, hop in zip(ax.get_yticklabels(), hops, strict=True):
        if hop.link.port in ("inject", "eject") and hop.link.tile in transfer.rectangle:
            label.set_fontweight("bold")
    ax.set_ylim(len(hops) - 0.4, -0.6)
    ax.grid(axis="x", alpha=0.25)
    ax.set_axisbelow(True)


def _hop(
    ax: Axes, row: int, recording: Recording, transfer: Collective, hop: Hop, nexts: list[Hop], many: bool
) -> None:  # fmt: skip
    traffic = recording.traffic[hop.link]
    mine = flits_of(transfer, hop, traffic)
    offered, taken = traffic.offered[mine], traffic.taken[mine]
    held = np.flatnonzero(taken > offered)
    _bars(ax, ((offered[i], taken[i], row - 0.28, row + 0.12) for i in held), WAITS["offered"], many)
    on = taken + 1
    for after in nexts:
        at = recording.traffic[after.link].offered[flits_of(transfer, after, recording.traffic[after.link])]
        on = np.maximum(on, at) if len(at) == len(on) else on
    inside = WAITS["join" if hop.link.network == "reduce" else "router"]
    _bars(ax, ((taken[i] + 1, on[i], row + 0.26, row + 0.4) for i in np.flatnonzero(on > taken + 1)), inside, many)
    colours = word_colours(hop.link.network, len(mine))
    _bars(ax, ((cycle, cycle + 1, row - 0.38, row + 0.22) for cycle in taken), colours, many)


def _bars(ax: Axes, spans: Iterable[Span], colours: str | NDArray[np.float64], many: bool) -> None:
    shapes = [[(a, low), (b, low), (b, high), (a, high)] for a, b, low, high in spans]
    ax.add_collection(PolyCollection(shapes, facecolors=colours, edgecolors="none", rasterized=many))


def _marks(ax: Axes, row: int, transfer: Collective, link: Link, facts: Facts) -> None:
    """Issue at the members' injection; completion where words leave the network: at the last ejectors, or at a store's channel."""
    networks = [name for name in STAGES if any(hop.link.network == name for hop in transfer.hops)]
    outside = not (0 <= link.to[0] < facts.columns and 0 <= link.to[1] < facts.rows)
    ends = (
        link.network == "request" and outside
        if transfer.kind == "store"
        else link.port == "eject" and link.network == networks[-1]
    )
    begins = link.port == "inject" and link.network == networks[0]
    for here, cycles, mark in ((begins, transfer.issued, ">"), (ends, transfer.completed, "D")):
        if here and link.tile in cycles:
            ax.plot(cycles[link.tile] + 0.5, row - 0.08, mark, color="k", ms=4, mec="w", mew=0.6, zorder=5)
