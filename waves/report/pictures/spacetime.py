"""One transfer in space and time: its links along its tree, and when each flit crossed them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from waves.read.recording import Facts, Link, LinkTraffic, Recording
from waves.rebuild.inspection import Hop, Transfer
from waves.report.pictures.style import (
    NETWORKS,
    WAITS,
    cycles_axis,
    patches,
    title_of,
    word_colours,
)
from waves.report.tree import STAGES, followers, in_tree_order

__all__ = ["flits_of", "spacetime"]

MANY = 4000
"""Flits from which on they are pixels in an SVG too."""

Span = tuple[float, float, float, float]
"""Begin, end, bottom and top of a bar."""


def flits_of(transfer: Transfer, hop: Hop, traffic: LinkTraffic) -> NDArray[np.int64]:
    """Which of a link's flits are the transfer's: those of its tag, rectangle and root in
    its time.
    """
    header, mine = traffic.header, (traffic.taken >= hop.first) & (traffic.taken <= hop.last)
    wanted = {"tag": transfer.tag, **transfer.rectangle._asdict()}
    if hop.link.network == "reduce":
        wanted |= {"root_x": transfer.root[0], "root_y": transfer.root[1]}
    for name, value in wanted.items():
        mine = mine & (header[name] == value)
    return np.flatnonzero(mine)


class Crossing(NamedTuple):
    """When the flits of a transfer were offered and taken on a link, shape (flits,)."""

    network: str
    offered: NDArray[np.int32]
    taken: NDArray[np.int32]


def _crossing(recording: Recording, transfer: Transfer, hop: Hop) -> Crossing:
    traffic = recording.traffic[hop.link]
    mine = flits_of(transfer, hop, traffic)
    return Crossing(hop.link.network, traffic.offered[mine], traffic.taken[mine])


def spacetime(recording: Recording, transfer: Transfer) -> Figure:
    """A row a link, from the senders above to the receivers below."""
    order = [index for index, _ in in_tree_order(transfer)]
    hops = [transfer.hops[index] for index in order]
    after = followers(transfer.hops)
    crossings = [_crossing(recording, transfer, hop) for hop in transfer.hops]
    figure, ax = plt.subplots(figsize=(8.5, max(1.6, min(12, 0.2 * len(hops) + 0.6))))
    many = sum(hop.flits for hop in hops) > MANY
    for row, index in enumerate(order):
        _hop(ax, row, crossings, index, after, many)
        _marks(ax, row, transfer, transfer.hops[index].link, recording.facts)
    _rows(ax, transfer, hops)
    entries = {
        f"{network}: a flit crosses": NETWORKS[network]
        for network in dict.fromkeys(h.link.network for h in hops)
    }
    entries |= {
        "offered, not taken": WAITS["offered"],
        "above: behind the first branch of its fork": WAITS["fork"],
    }
    if "reduce" in transfer.kind:
        entries["below: waits for its join"] = WAITS["join"]
    entries["below: in the router"] = WAITS["router"]
    handles: list[Artist] = [*patches(entries)]
    if transfer.start >= 0 and transfer.bound:
        bound = transfer.start + transfer.bound
        handles.append(
            ax.axvline(bound, color="k", ls=":", lw=1.2, label=f"bound, {transfer.bound:,} cycles")
        )
    end = max([transfer.end, *(hop.last for hop in hops)])
    room = max(3.0, 0.03 * (end - transfer.begin))
    cycles_axis(ax, transfer.begin - room, end + 1 + room)
    ax.legend(
        handles=handles,
        fontsize=7,
        ncols=3,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        frameon=False,
    )
    ax.set_title(title_of(transfer), fontsize=9.5, pad=40)
    return figure


def _rows(ax: Axes, transfer: Transfer, hops: list[Hop]) -> None:
    size = 7 if len(hops) <= 60 else 4.5
    ax.set_yticks(range(len(hops)), [str(hop.link) for hop in hops], fontsize=size)
    for label, hop in zip(ax.get_yticklabels(), hops, strict=True):
        if hop.link.port in ("inject", "eject") and hop.link.tile in transfer.rectangle:
            label.set_fontweight("bold")
    ax.set_ylim(len(hops) - 0.4, -0.6)
    ax.grid(axis="x", alpha=0.25)
    ax.set_axisbelow(True)


def _hop(
    ax: Axes, row: int, crossings: list[Crossing], index: int, after: list[list[int]], many: bool
) -> None:
    """The flits of a link: crossings in the middle, waits behind a fork's first branch above, in
    the router below.
    """
    network, offered, taken = crossings[index]
    gone, on = taken, taken + 1
    for branches in after:
        if index in branches:
            gone = np.minimum.reduce(
                [
                    gone,
                    *(
                        crossings[i].taken
                        for i in branches
                        if len(crossings[i].taken) == len(taken)
                    ),
                ]
            )
    for onward in after[index]:
        if len(crossings[onward].offered) == len(taken):
            on = np.maximum(on, crossings[onward].offered)
    held, behind, inside = (
        np.flatnonzero(taken > offered),
        np.flatnonzero(taken > gone),
        np.flatnonzero(on > taken + 1),
    )
    _bars(
        ax, ((offered[i], taken[i], row - 0.28, row + 0.12) for i in held), WAITS["offered"], many
    )
    _bars(
        ax,
        ((gone[i] + 1, taken[i] + 1, row - 0.48, row - 0.4) for i in behind),
        WAITS["fork"],
        many,
    )
    colour = WAITS["join" if network == "reduce" else "router"]
    _bars(ax, ((taken[i] + 1, on[i], row + 0.26, row + 0.4) for i in inside), colour, many)
    _bars(
        ax,
        ((cycle, cycle + 1, row - 0.38, row + 0.22) for cycle in taken),
        word_colours(network, len(taken)),
        many,
    )


def _bars(ax: Axes, spans: Iterable[Span], colours: str | NDArray[np.float64], many: bool) -> None:
    shapes = [[(a, low), (b, low), (b, high), (a, high)] for a, b, low, high in spans]
    ax.add_collection(
        PolyCollection(shapes, facecolors=colours, edgecolors="none", rasterized=many)
    )


def _marks(ax: Axes, row: int, transfer: Transfer, link: Link, facts: Facts) -> None:
    """Issue at the members' injection, completion where words leave: at the last ejectors, or at a
    store's channel.
    """
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
            ax.plot(
                cycles[link.tile] + 0.5,
                row - 0.08,
                mark,
                color="k",
                ms=4,
                mec="w",
                mew=0.6,
                zorder=5,
            )
