"""What the core is given but for its laws: flat arrays, each described once."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ASKING",
    "COLUMNS",
    "DEEPEST",
    "SEMAPHORES",
    "SLOTS",
    "TRAINS",
    "WAITING",
    "WINDOWS",
    "Collectives",
    "CoreEvent",
    "Fabric",
    "LinkKind",
    "Paths",
    "Slot",
    "TaskColumn",
    "TaskKind",
    "TaskTable",
]

SEMAPHORES = 32
"""Semaphores of a tile."""
WAITING = 1024
"""Reads that a channel can have waiting."""
WINDOWS = 8
"""Blocks whose writing or filling is remembered."""
DEEPEST = 64
"""Flits of the deepest queue of a link."""
ASKING = 6
"""Inputs that take turns at a link: those of a router by `isa.packets.Port`; at what a tile puts
into the data network a result that turns, the signals of four queues, the out engine.
"""
TRAINS = 16
"""Trains that wait at a source."""


class LinkKind(IntEnum):
    """Where a link leads."""

    FORK = 0
    """to a router of the data or the request network, or into a tile"""
    CHANNEL = 1
    """to a channel"""
    JOIN = 2
    """to a router of the reduction network"""
    ROOT = 3
    """with results of reductions into their root"""


class Slot(IntEnum):
    """Sources of a tile: who puts flits into the networks."""

    SIGNAL = 0
    """remote signals of queue 0, followed by those of the others"""
    PUT = 4
    REQUEST = 5
    WRITE = 6
    REDUCE = 7
    RESULT = 8
    """what its router of the reduction network sends to `isa.packets.Port` 0, and so on"""


SLOTS = 13
"""Sources of a tile."""


class TaskKind(IntEnum):
    """What an instruction of the core does."""

    HALT = 0
    """the queue ends, once all before it is complete"""
    SYNC = 1
    """nothing but its waits and signals"""
    LI = 2
    """register RD = IMM"""
    ADD = 3
    """register RD = register RS + IMM"""
    LOOP = 4
    """repeat up to the matching END, IMM + register RS times"""
    END = 5
    MATMUL = 6
    """a product of M x N x K with FLAGS (1: B transposed, 2: accumulate, 4: 8-bit A, 8: 8-bit B),
    on the matrix engine of the tile: lines of L1 by chunks, steps, drain
    """
    WORK = 7
    """CYCLES of an engine of the queue's own, ACTIVE of which count as work. LINES of L1, behind
    everyone else, are needed during the first SPAN cycles; the rest is latency. An access takes
    WIDE hundredths of a line on average. With LINES = 0 it is a task of known duration.
    """
    READ = 8
    """ROWS x WORDS flits from CHANNEL: the request takes PATH2, the answer PATH; its last flit
    bumps SEM everywhere
    """
    WRITE = 9
    """ROWS x WORDS flits by PATH2 to CHANNEL; SEM of the tile is bumped over PATH once they are
    written
    """
    PUT = 10
    """ROWS x WORDS flits by PATH; the last bumps SEM everywhere"""
    REDUCE = 11
    """a member's ROWS x WORDS flits of the collective PATH; the result bumps SEM at the root, or
    turns and goes by PATH2 (-1: it does not) to bump it everywhere
    """


class TaskColumn(IntEnum):
    """Columns of the instruction table. Semaphores that are not used are -1."""

    OP = 0
    REGISTERS = 1
    """registers that are added to addresses"""
    WAIT0 = 2
    COUNT0 = 3
    WAIT1 = 4
    COUNT1 = 5
    SIGNAL0 = 6
    """semaphore of this tile"""
    SIGNAL1 = 7
    """semaphore of this tile, or with SIGNAL_PATH of the tile at its end"""
    SIGNAL_PATH = 8
    """path of a remote signal, or -1"""
    A = 9
    B = 10
    C = 11
    D = 12
    E = 13
    F = 14
    # Names of the operands by operation.
    RD = 9
    RS = 10
    IMM = 11
    M = 9
    N = 10
    K = 11
    FLAGS = 12
    CYCLES = 9
    LINES = 10
    ACTIVE = 11
    SPAN = 12
    WIDE = 13
    ROWS = 9
    WORDS = 10
    PATH = 11
    PATH2 = 12
    CHANNEL = 13
    SEM = 14


COLUMNS = 15
"""Columns of the instruction table."""


class CoreEvent(IntEnum):
    """What can happen."""

    STEP = 0
    """queue `index` goes on"""
    SIGNAL = 1
    """semaphore `extra` of tile `index` has one more"""
    DONE = 2
    """the oldest command of queue `index` is done"""
    CHUNK = 3
    """the matrix engine of tile `index` begins to read a chunk"""
    LOADED = 4
    """it has read what the first step of the chunk needs, or (extra 1) all of it"""
    DRAIN = 5
    """it begins (extra 1) or ends (0) to write or to fill a block"""
    WORKED = 6
    """queue `index` should be done with its work, if nothing has changed since `extra`"""
    SERVE = 7
    """channel `index` sees whether it can read or write a word"""


class TaskTable(NamedTuple):
    """Instructions of all queues."""

    table: NDArray[np.int32]
    """(instructions, `COLUMNS`)"""
    entry: NDArray[np.int32]
    """Row at which each queue starts; queue 4 * tile + isa.instructions.Queue."""


class Paths(NamedTuple):
    """Ways through a network: trees of links, each path's nodes from its source on."""

    at: NDArray[np.int32]
    """Path p has the nodes at[p] to at[p + 1], exclusive."""
    link: NDArray[np.int32]
    parent: NDArray[np.int32]
    """Node of the same path before this one, counted from the path's first; -1 for the first."""
    tile: NDArray[np.int32]
    """Tile whose L1 the node leads to, or -1."""


class Collectives(NamedTuple):
    """Reductions: trees of routers that join, each collective's nodes in no order."""

    node_of: NDArray[np.int32]
    """(collectives, tiles): the node of the tile, or -1"""
    parent: NDArray[np.int32]
    """Node that takes the result; -1 for the root."""
    inputs: NDArray[np.int32]
    extra: NDArray[np.int32]
    """Cycles of combining."""
    each: NDArray[np.int32]
    """Cycles from a flit to the next."""
    tile: NDArray[np.int32]
    port: NDArray[np.int32]
    """Output of the result."""
    first: NDArray[np.int32]
    """Lowest of the inputs."""
    feeds: NDArray[np.int32]
    """(nodes, 5): links behind which the inputs wait, padded with -1"""


class Fabric(NamedTuple):
    """What there is of shared things."""

    depth: NDArray[np.int32]
    """Flits that the queue behind each link holds; 0: whatever comes."""
    kind: NDArray[np.int32]
    """`LinkKind` of each."""
    port: NDArray[np.int32]
    """The input, of the router that it leads to, that it is."""
    inject: NDArray[np.int32]
    """(tiles, 3): the link by which a tile puts flits into the data, request, reduction network"""
    result: NDArray[np.int32]
    """(tiles, 5): the links by which its router of the reduction network sends results, or -1"""
    response: NDArray[np.int32]
    """The link by which each channel answers."""
    request: NDArray[np.int32]
    """The link that leads to each channel, behind which requests may wait; -1: they do not."""

    @property
    def tiles(self) -> int:
        """Tiles of the mesh."""
        return len(self.inject)
