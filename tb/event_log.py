"""What every tile issues, injects and receives, as a simulation has logged it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tb.runner import SimulationFailure

__all__ = ["EVENTS", "read_events"]

EVENTS = np.dtype(
    [("cycle", np.int64), ("x", np.int16), ("y", np.int16), ("kind", np.int16), ("tag", np.int16)]
)
"""One event of a tile: the cycle (0: the first in which the queues may run), the tile, the
`isa.status.Event`, the transfer's tag.
"""


def read_events(path: Path, columns: int) -> NDArray:
    """All events of a run on a mesh of so many columns, by cycle.

    Raises
    ------
    SimulationFailure
        If the simulation left no file.
    """
    try:
        cycle, tile, kind, tag = np.loadtxt(path, np.int64, ndmin=2).reshape(-1, 4).T
    except OSError as error:
        raise SimulationFailure(f"the simulation left no {path.name}") from error
    events = np.empty(len(cycle), EVENTS)
    events["cycle"], events["x"], events["y"], events["kind"], events["tag"] = (
        cycle,
        tile % columns,
        tile // columns,
        kind,
        tag,
    )
    return events
