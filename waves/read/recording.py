"""What a VCD of the mesh shows, cycle by cycle, in arrays: the flits on every link and what every
engine did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isa.geometry import TileXY
from isa.instructions import Queue
from isa.status import QueueState

__all__ = [
    "DIRECTIONS",
    "EXECUTED",
    "RUN",
    "EngineActivity",
    "Facts",
    "Link",
    "LinkTraffic",
    "Recording",
]


DIRECTIONS = {"west": (-1, 0), "east": (1, 0), "south": (0, -1), "north": (0, 1)}
"""Step to the neighbour at each outer port."""

EXECUTED = np.dtype(
    [
        ("issued", np.int32),
        ("done", np.int32),
        ("opcode", np.int16),
        ("slot", np.int32),
        ("tag", np.int16),
        ("rows", np.int16),
        ("words", np.int16),
    ]
)
"""An instruction of an engine: the cycles in which it was handed over and in which the engine was
done (-1: not in the window; `issued` is -1 for one that was under way when the window begins).
`tag`, `rows` and `words` mean something in the load and out queues only.
"""

RUN = np.dtype([("begin", np.int32), ("end", np.int32), ("value", np.int16)])
"""Cycles from `begin` up to but not including `end` in which something had one value."""


@dataclass(frozen=True)
class Facts:
    """What the mesh says of itself in every VCD."""

    columns: int
    rows: int
    word_bytes: int
    fifo_depth: int
    adder_stages: int
    joins_in_flight: int
    """Flits that a router of the reduction network can have taken and not yet passed on combined.
    """
    channel_queue: int
    """Words that an HBM channel can hold ready to be sent."""
    hbm_latency: int
    hbm_bytes_per_cycle: int
    channels: tuple[tuple[str, int, int], ...]
    """Edge, x and y of each HBM channel, by index."""


@dataclass(frozen=True)
class Link:
    """A stream between two places of one network.

    `port` is ``west``, ``east``, ``south`` or ``north`` for what leaves the router of `tile` by
    that port (at the mesh's edge, to the HBM channel there), ``inject`` and ``eject`` for what its
    tile puts in and takes out, and ``hbm_west`` and so on for what the channel at that outer port
    puts in.
    """

    network: str
    """data, request or reduce."""
    tile: TileXY
    port: str

    @property
    def to(self) -> TileXY:
        """Where its flits come next: the tile at its end; `tile` itself where there is no other
        router.
        """
        dx, dy = DIRECTIONS.get(self.port, (0, 0))
        return self.tile[0] + dx, self.tile[1] + dy

    def __str__(self) -> str:
        x, y = self.tile
        return f"{self.network} ({x},{y}) {self.port.replace('_', ' ')}"


@dataclass
class LinkTraffic:
    """The flits of one link, in order.

    Attributes
    ----------
    offered, taken
        Cycle in which each flit was first offered and in which it was taken (-1: not in the
        window), shape (flits,).
    header
        Field name to values, shape (flits,): the fields of `isa.packets` but ``data``; a read
        request also has ``rows`` and ``words``.
    """

    offered: NDArray[np.int32]
    taken: NDArray[np.int32]
    header: Mapping[str, NDArray[np.int32]]

    def __len__(self) -> int:
        return len(self.offered)


@dataclass
class EngineActivity:
    """One queue of one tile.

    Attributes
    ----------
    executed
        Its instructions (`EXECUTED`), in order.
    states
        `RUN` s of `isa.status.QueueState`; BOOT, HALTED included. Every cycle of the window is in
        one.
    waits
        `RUN` s of the semaphore waited for, where the state is WAIT0 or WAIT1.
    stalls
        Cause to `RUN` s with value 1: ``operand``, ``drain`` (matrix), ``network`` (out: a flit
        offered and not taken), ``l1`` (an access that another client of the L1 kept waiting).
    active
        `RUN` s with value 1: cycles in which the engine's datapath moves (matrix, vector).
    """

    tile: TileXY
    queue: Queue
    executed: NDArray
    states: NDArray
    waits: NDArray
    stalls: dict[str, NDArray] = field(default_factory=dict)
    active: NDArray = field(default_factory=lambda: np.empty(0, RUN))


@dataclass
class Recording:
    """A window of a run.

    Attributes
    ----------
    first, last
        First and last cycle of the window; cycle 0 is the first in which queues may run.
    finished
        The run had ended by the last cycle, well or with an error; see `over`.
    traffic
        Flits by link; links without flits are there too.
    engines
        Every queue of every tile.
    changes
        Value changes in the VCD.
    """

    facts: Facts
    first: int
    last: int
    finished: bool
    traffic: dict[Link, LinkTraffic]
    engines: dict[tuple[TileXY, Queue], EngineActivity]
    changes: int = 0

    @property
    def cycles(self) -> int:
        """Cycles in the window."""
        return self.last - self.first + 1

    @cached_property
    def unhalted(self) -> list[EngineActivity]:
        """Queues that have not halted in the last cycle."""
        return [
            engine
            for engine in self.engines.values()
            if engine.states["value"][-1] != QueueState.HALTED
        ]

    @property
    def over(self) -> bool:
        """The run ended as it should: everything that was begun must be complete."""
        return self.finished and not self.unhalted

    @cached_property
    def flits(self) -> int:
        """Flits taken on links between routers, or from and to channels."""
        return sum(
            int((t.taken >= 0).sum())
            for link, t in self.traffic.items()
            if link.port not in ("inject", "eject")
        )
