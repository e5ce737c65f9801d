"""Flits from the handshakes of a link."""

import numpy as np
from numpy.typing import NDArray

from waves.read.recording import Link, LinkTraffic
from waves.read.samples import Samples
from waves.read.signals import NETWORKS

__all__ = ["traffic"]


def traffic(samples: Samples, link: Link, scope: str) -> LinkTraffic:
    """All flits of a link.

    One that was not taken has the header that it has in the window's last cycle.
    """
    offered, taken = _transfers(samples.flag(f"{scope}.valid"), samples.flag(f"{scope}.ready"))
    offered[:] += samples.first
    taken[taken >= 0] += samples.first
    shown = np.where(taken < 0, samples.last, taken)
    header = {
        name: samples.at(f"{scope}.{name}", shown).astype(np.int32)
        for name in NETWORKS[link.network]
    }
    return LinkTraffic(offered, taken, header)


def _transfers(
    valid: NDArray[np.bool_], ready: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Indices at which each flit is first offered, and taken (-1: never)."""
    taken = np.flatnonzero(valid & ready)
    asking = np.flatnonzero(valid)
    offered = asking[np.searchsorted(asking, np.append(0, taken[:-1] + 1))] if len(taken) else taken
    waiting = asking[asking > taken[-1]] if len(taken) else asking
    if len(waiting):
        offered, taken = np.append(offered, waiting[0]), np.append(taken, -1)
    return offered.astype(np.int32), taken.astype(np.int32)
