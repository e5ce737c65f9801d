"""The engines of every tile over the whole window: instructions, states, and in a strip below why
they stall.
"""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from isa.status import QueueState
from waves.read.recording import EngineActivity, Recording
from waves.report import tracks
from waves.report.pictures.style import CAUSES, CLASSES, STATES, cycles_axis, patches

__all__ = ["gantt"]

BINS = 2400
LANE, STRIP, GAP = 10, 4, 2
"""Pixels of an engine's lane, its strip of causes, and what lies between two engines."""
NAMES = {
    "l1": "L1 conflict",
    "operand": "operand stall",
    "drain": "drain stall",
    "network": "network stall",
}


def gantt(recording: Recording) -> Figure:
    """An image with axes: where a pixel holds many cycles, its colours are stacked by their
    share.
    """
    engines = list(recording.engines.values())
    image = np.concatenate([_band(engine, recording) for engine in engines])
    figure, ax = plt.subplots(figsize=(9, max(2.2, min(13, 0.16 * len(engines) + 0.6))))
    ax.imshow(
        image,
        extent=(recording.first, recording.last + 1, len(engines), 0),
        aspect="auto",
        interpolation="none",
    )
    each = len({engine.queue for engine in engines})
    if len(engines) <= 80:
        ax.set_yticks(
            np.arange(len(engines)) + 0.5,
            [engine.queue.name.lower() for engine in engines],
            fontsize=5.5,
        )
    else:
        ax.set_yticks([])
    ax.tick_params(axis="y", length=0)
    for number in range(0, len(engines), each):
        tile = engines[number].tile
        ax.text(
            -0.065 if len(engines) <= 80 else -0.01,
            1 - (number + each / 2) / len(engines),
            f"({tile[0]},{tile[1]})",
            transform=ax.transAxes,
            ha="right",
            va="center",
            fontsize=7 if len(engines) <= 80 else 5.5,
        )
        ax.axhline(number, color="#5d6878", lw=0.4)
    cycles_axis(ax, recording.first, recording.last + 1)
    shown = {name: CLASSES[index] for index, name in enumerate(tracks.CLASSES)}
    shown |= {"fetch": STATES[QueueState.FETCH], "semaphore wait": STATES[QueueState.WAIT0]}
    shown |= {"strip: no work": CAUSES["semaphore"]} | {
        text: CAUSES[cause] for cause, text in NAMES.items()
    }
    ax.legend(
        handles=patches(shown),
        fontsize=7,
        ncols=8,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        frameon=False,
    )
    return figure


def _band(engine: EngineActivity, recording: Recording) -> NDArray[np.float64]:
    """Pixels of an engine, shape (LANE + STRIP + GAP, bins, 3)."""
    states = [to_rgb(STATES[state]) for state in QueueState]
    lanes = np.array([*states, *map(to_rgb, CLASSES)])
    causes = np.array([(1.0, 1.0, 1.0), *(to_rgb(CAUSES[name]) for name in tracks.CAUSES)])
    first = np.zeros(recording.cycles, np.int32)
    stalls = tracks.stalls(engine, recording)
    for bit in reversed(range(len(tracks.CAUSES))):
        first[(stalls >> bit & 1) > 0] = bit + 1
    bands = [_stacked(tracks.lane(engine, recording), LANE), _stacked(first, STRIP)]
    gap = np.ones((GAP, bands[0].shape[1], 3))
    return np.concatenate([lanes[bands[0]], causes[bands[1]], gap])


def _stacked(values: NDArray[np.int32], pixels: int) -> NDArray[np.int32]:
    """Values by pixel, shape (pixels, bins): those of a bin's cycles in falling order, each by its
    share.
    """
    each = -(-len(values) // BINS)
    bins = np.sort(np.pad(values, (0, -len(values) % each), "edge").reshape(-1, each), 1)[:, ::-1]
    return bins[:, ((np.arange(pixels) + 0.5) * each / pixels).astype(int)].T
