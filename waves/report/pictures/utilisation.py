"""Use of the networks and of the engines' datapaths over time."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from isa.instructions import Queue
from waves.read.recording import Recording
from waves.report.pictures.style import CLASSES, NETWORKS, cycles_axis

__all__ = ["utilisation"]

BINS = 240


def utilisation(recording: Recording) -> Figure:
    """By network the mean and the busiest of its links between routers and to channels; below, the
    datapaths that move.
    """
    edges = np.unique(
        np.linspace(recording.first, recording.last + 1, min(BINS, recording.cycles) + 1)
        .round()
        .astype(int)
    )
    networks = list(dict.fromkeys(link.network for link in recording.traffic))
    figure, axes = plt.subplots(
        len(networks) + 1, 1, figsize=(8, 1.25 * len(networks) + 2.0), sharex=True
    )
    for ax, network in zip(axes, networks, strict=False):
        shares = np.array(
            [
                _share(traffic.taken, edges)
                for link, traffic in recording.traffic.items()
                if link.network == network and link.port not in ("inject", "eject")
            ]
            or [np.zeros(len(edges) - 1)]
        )
        ax.stairs(
            100 * shares.max(0),
            edges,
            color=NETWORKS[network],
            lw=0.8,
            alpha=0.6,
            label="busiest link",
        )
        ax.stairs(
            100 * shares.mean(0),
            edges,
            color=NETWORKS[network],
            fill=True,
            label="mean of all links",
        )
        ax.set_title(f"{network} network", fontsize=9, loc="left", pad=3)
    for queue, colour in ((Queue.MATRIX, CLASSES[0]), (Queue.VECTOR, CLASSES[4])):
        active = [
            _held(engine.active, edges)
            for engine in recording.engines.values()
            if engine.queue == queue
        ]
        if active:
            axes[-1].stairs(
                100 * np.mean(active, 0),
                edges,
                color=colour,
                lw=1.1,
                label=f"{queue.name.lower()} engine",
            )
    axes[-1].set_title("datapaths that move, mean of all tiles", fontsize=9, loc="left", pad=3)
    for ax in axes:
        ax.set_ylim(0, 105)
        ax.set_yticks([0, 50, 100])
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.25)
        ax.legend(
            fontsize=7,
            loc="lower right",
            bbox_to_anchor=(1, 0.98),
            ncols=2,
            frameon=False,
            borderaxespad=0.1,
        )
    cycles_axis(axes[-1], recording.first, recording.last + 1)
    figure.supylabel("% of cycles", fontsize=10)
    figure.subplots_adjust(hspace=0.42, left=0.1)
    return figure


def _share(taken: NDArray[np.int32], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Flits a cycle in each bin, shape (bins,)."""
    return np.histogram(taken[taken >= 0], edges)[0] / np.diff(edges)


def _held(runs: NDArray, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each bin in which one of the runs holds, shape (bins,)."""
    ends = np.concatenate([[0], np.cumsum(runs["end"].astype(np.int64) - runs["begin"])])
    index = np.searchsorted(runs["begin"], edges, "right")
    running = np.maximum(0, runs["end"][index - 1] - edges) if len(runs) else np.zeros(len(edges))
    until = ends[index] - np.where(index > 0, running, 0)
    return np.diff(until) / np.diff(edges)
