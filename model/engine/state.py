"""What the core keeps while it runs: an array of records for each kind of thing.

Records keep the compiled functions small: a CoreState is a dozen arrays, whatever is in them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.engine.laws import Laws
from model.engine.tables import (
    ASKING,
    DEEPEST,
    SEMAPHORES,
    SLOTS,
    TRAINS,
    WAITING,
    WINDOWS,
    Collectives,
    Fabric,
    Paths,
    Slot,
    TaskTable,
)

__all__ = ["QUEUES", "CoreState", "fresh"]

QUEUES = 4
"""Queues of a tile."""

_RUN = {
    "heaped": "i8",  # events that wait
    "last": "f8",  # when something happened last
    "events": "i8",  # so far, moves of flits included
    # networks
    "cycle": "i8",  # the next one in which something may move
    "earliest": "i8",  # the one after the last in which something was looked at
    "links": "i8",  # to be looked at in it
    "routers": "i8",  # likewise, of the reduction network
    "lap": "i8",  # which of the lists of links that is, and counts them
    "turn": "i8",  # likewise of routers
}
_EVENT = {"time": "f8", "key": "i8"}
_QUEUE = {
    "pc": "i4",
    "phase": "i4",
    "blocked": "i4",
    "ready_at": "f8",  # since when it is blocked
    "engine_at": "f8",  # when the engine takes a command; 1e308 if that is not known
    "fetches": "f8",  # when it last asked the program memory
    "registers": ("i8", 16),
    "loops": ("i8", (4, 2)),  # first row, rounds left
    "depth": "i4",
    "issued": "i4",  # commands that are not done
    "oldest": "i4",
    "commands": ("i4", 8),  # a ring
    # work under way: amounts in cycles of the work
    "code": "i4",  # its instruction, or -1
    "work_from": "f8",  # up to when both amounts count
    "work_taken": "f8",
    "fetched": "f8",
    "worked": "f8",
    "version": "i4",
    "active": "f8",
    "busy": "f8",
    "waited": ("f8", 6),  # cycles by cause, see model.engine.release
}
_LINK = {
    "depth": "i4",
    "kind": "i4",
    "port": "i4",
    "mixed": "i4",  # there are sources among those who ask for it
    "lap": "i8",  # in which it is to be looked at
    "free": "i8",  # in which it takes a flit again
    # who asks for it, by input
    "wants": "i4",
    "locked": "i4",  # the one that was chosen and has not gone yet
    "after": "i4",  # those behind the one that was chosen last
    "feeder": ("i4", ASKING),  # link behind which it waits, or -1 - source
    "node": ("i4", ASKING),  # of its path, to which it goes
    # the queue behind it
    "level": "i4",
    "first": "i4",
    "armed": "i4",  # its head asks for what it needs
    "pending": "i4",  # of the head: the children of its node that it still needs
    "needs": "i4",  # the first of them
    "flits": ("i8", DEEPEST),  # a ring: node << 32 | payload
}
_SOURCE = {
    "link": "i4",
    "port": "i4",
    "count": "i4",
    "first": "i4",
    # trains, rings
    "node": ("i4", TRAINS),
    "flits": ("i4", TRAINS),
    "payload": ("i4", (TRAINS, 2)),  # of all, of the last one
    "at": ("i8", TRAINS),  # not before
}
_PATH = {"link": "i4", "tile": "i4", "child": "i4", "children": "i4"}
_NODE = {
    "parent": "i4",
    "inputs": "i4",
    "extra": "i4",
    "each": "i4",
    "tile": "i4",
    "port": "i4",
    "first": "i4",
    "feeds": ("i4", 5),
    "there": "i4",  # inputs that are there
}
_TILE = {
    "semaphores": ("i4", SEMAPHORES),
    # the router of the reduction network; sets are named by their lowest inputs
    "turn": "i8",  # in which it is to be looked at
    "complete": "i4",  # sets that are
    "set": ("i4", 5),  # node of each
    "locked": "i4",
    "after": "i4",
    "free": "i8",  # when the next job may start
    "due": "i8",  # when the last result is there
    # out engine
    "out_code": "i4",
    "out_row": "i4",
    "out_word": "i4",
    # L1; words that wait for more of their stream, from the data and from the reduction network
    "stream": ("i4", 2),
    "held": ("i4", 2),
    "came": ("i8", 2),  # when the last one did
    "ejects": ("i8", 2),  # when the next one can be taken
    "used": "f8",  # cycles so far that those before it have cost the matrix engine
    "taken": "f8",  # likewise work
    "wide": "f8",  # words of an access of the matrix engine, and of work on average
    "work_wide": "f8",
    "burst": "i4",  # the matrix engine reads a chunk
    "drains": "i4",  # blocks that it writes or fills
    # matrix engine
    "product": "i4",
    "at_column": "i4",
    "at_row": "i4",
    "at_step": "i4",
    "chunk_from": "f8",
    "chunk_used": "f8",
    "rest": "f8",  # part of a cycle that others have cost, not yet waited for
    "chunk_first": "f8",  # when the first step's last line was granted
    "steps_end": "f8",
    "steps_before": "f8",
    "block": "i8",
    "emptied": ("f8", 2),
    "drain_from": ("f8", 2),
    "filled": "f8",
    "bank_ready": "f8",
    "matrix_active": "f8",
    # its results and initial values at the L1, a ring of the last windows
    "window_from": ("f8", WINDOWS),
    "window_to": ("f8", WINDOWS),
    "window_lines": ("f8", WINDOWS),
    "windows": "i8",
    "window_past": "f8",  # lines of those that are not in the ring any more
}
_CHANNEL = {
    "link": "i4",  # that leads to it, or -1
    "next": "f8",  # when it looks next; 1e308 if it has no reason to
    "waiting": ("i4", WAITING),  # a ring of instructions
    "arrived": ("f8", WAITING),
    "first": "i8",
    "count": "i8",
    "serving": "i8",  # words left of the read being served
    "due": "f8",
    "wrote": "i4",  # the last access was a write
    "writes": ("i4", WAITING),  # likewise: instruction << 1 | last word
    "came": ("f8", WAITING),
    "first_write": "i8",
    "write_count": "i8",
    "words_read": "i8",
    "words_written": "i8",
}


class CoreState(NamedTuple):
    """Inputs and state of a run, times in cycles. The fields of the records are above."""

    table: NDArray[np.int32]
    path_at: NDArray[np.int32]
    path: NDArray
    join_of: NDArray[np.int32]
    node: NDArray
    link: NDArray
    source: NDArray
    tile: NDArray
    queue: NDArray
    channel: NDArray
    laws: NDArray
    heap: NDArray
    run: NDArray
    active: NDArray[np.int32]
    """(2, links): those to be looked at in the next cycle, and in this one"""
    routers: NDArray[np.int32]
    """(2, tiles): likewise"""
    move: NDArray[np.int32]
    """(links, 2): of this cycle: a link, and the input that takes it"""
    changed: NDArray[np.int32]
    """(2, links): queues that lose a head to a join; all that change"""
    entered: NDArray[np.int32]
    """Sources whose train has gone in this cycle"""


def _records(count: int, fields: dict) -> NDArray:
    named = [
        (name, *(kind if isinstance(kind, tuple) else (kind,))) for name, kind in fields.items()
    ]
    return np.zeros(max(1, count), np.dtype(named, align=True))


def _filled(records: NDArray, **values: NDArray | float) -> NDArray:
    for name, value in values.items():
        if np.size(value):
            records[name] = value
    return records


def _children(paths: Paths) -> tuple[NDArray, NDArray]:
    """Of each node, the first node behind it and how many there are: they follow each other."""
    nodes = len(paths.parent)
    start = np.repeat(paths.at[:-1], np.diff(paths.at))
    behind = np.flatnonzero(paths.parent >= 0)
    parents = start[behind] + paths.parent[behind]
    child = np.full(nodes, nodes)
    np.minimum.at(child, parents, behind)
    return child, np.bincount(parents, minlength=nodes)


def _sources(fabric: Fabric) -> NDArray:
    """Of all tiles, then of the channels."""
    one = np.zeros((fabric.tiles, SLOTS, 2), np.int32)
    network = {Slot.SIGNAL: 0, Slot.PUT: 0, Slot.REQUEST: 1, Slot.WRITE: 1, Slot.REDUCE: 2}
    for slot, at in network.items():
        one[:, slot, 0] = fabric.inject[:, at]
    one[:, Slot.SIGNAL : Slot.PUT, 0] = fabric.inject[:, :1]
    one[:, Slot.RESULT :, 0] = fabric.result
    one[:, Slot.SIGNAL : Slot.PUT, 1] = [1, 2, 3, 4]
    one[:, Slot.PUT, 1], one[:, Slot.REQUEST, 1], one[:, Slot.WRITE, 1] = 5, 1, 2
    link = np.concatenate([one[:, :, 0].reshape(-1), fabric.response])
    port = np.concatenate([one[:, :, 1].reshape(-1), np.zeros_like(fabric.response)])
    return _filled(_records(len(link), _SOURCE), link=link, port=port)


def fresh(
    code: TaskTable, paths: Paths, joins: Collectives, fabric: Fabric, laws: Laws
) -> CoreState:
    """All queues at their entries, nothing on its way."""
    costs = {name: "i8" if kind is int else "f8" for name, kind in Laws.__annotations__.items()}
    child, children = _children(paths)
    sources, links, tiles = _sources(fabric), len(fabric.depth), fabric.tiles
    mixed = np.zeros(links, np.int32)
    mixed[sources["link"][sources["link"] >= 0]] = 1
    nodes = {name: getattr(joins, name) for name in _NODE if name != "there"}
    return CoreState(
        table=np.ascontiguousarray(code.table, np.int32),
        path_at=paths.at,
        path=_filled(
            _records(len(paths.link), _PATH),
            link=paths.link,
            tile=paths.tile,
            child=child,
            children=children,
        ),
        join_of=joins.node_of,
        node=_filled(_records(len(joins.parent), _NODE), **nodes),
        link=_filled(
            _records(links, _LINK),
            depth=fabric.depth,
            kind=fabric.kind,
            port=fabric.port,
            mixed=mixed,
            lap=-1,
        ),
        source=sources,
        tile=_filled(
            _records(tiles, _TILE),
            **dict.fromkeys(("turn", "due", "steps_end", "steps_before"), -1),
            **dict.fromkeys(("emptied", "drain_from", "filled"), -100),
            **dict.fromkeys(("wide", "work_wide"), laws.banks),
        ),
        queue=_filled(_records(len(code.entry), _QUEUE), pc=code.entry, code=-1, fetches=-1),
        channel=_filled(
            _records(len(fabric.response), _CHANNEL), link=fabric.request, due=-1e9, next=1e308
        ),
        laws=_filled(_records(1, costs), **laws._asdict()),
        heap=_records(1 << 16 | 1 << (64 * len(code.entry)).bit_length(), _EVENT),
        run=_records(1, _RUN),
        active=np.zeros((2, links), np.int32),
        routers=np.zeros((2, tiles), np.int32),
        move=np.zeros((links, 2), np.int32),
        changed=np.zeros((2, 2 * links), np.int32),
        entered=np.zeros(len(sources), np.int32),
    )
