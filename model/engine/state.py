"""What the core keeps while it runs: an array of records for each kind of thing.

Records keep the compiled functions small: a CoreState is a dozen arrays, whatever is in them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.engine.tables import (
    DEEPEST,
    RING,
    SEMAPHORES,
    TRAINS,
    WAITING,
    WINDOWS,
    Collectives,
    Fabric,
    Laws,
    Paths,
    TaskTable,
)

__all__ = ["QUEUES", "CoreState", "fresh"]

QUEUES = 4
"""Queues of a tile."""

_RUN = {"size": "i8", "last": "f8", "events": "i8"}
"""Events in the heap; when something happened last; events so far."""
_EVENT = {"time": "f8", "key": "i8"}
_QUEUE = {
    "pc": "i4",
    "phase": "i4",
    "blocked": "i4",
    "ready_at": "f8",  # since when it is blocked
    "engine_at": "f8",  # when the engine takes a command; 1e308 if that is not known
    "registers": ("i8", 16),
    "loops": ("i8", (4, 2)),  # first row, rounds left
    "depth": "i4",
    "issued": "i4",  # commands that are not done
    "oldest": "i4",
    "commands": ("i4", 8),  # a ring
    # work under way: amounts in cycles of the work
    "code": "i4",  # its instruction, or -1
    "work_from": "f8",  # up to when both amounts count
    "work_used": "f8",
    "fetched": "f8",
    "worked": "f8",
    "version": "i4",
    "active": "f8",
    "busy": "f8",
    "waited": ("f8", 6),  # cycles by cause, see model.engine.release
}
_LINK = {
    "depth": "i4",
    "count": "i8",  # flits so far
    "free": "f8",
    "gap_from": "f8",
    "gap_to": "f8",
    "cleared": "f8",  # when the queue behind it is rid of all that came, but for what took the gap
    "gap_cleared": "f8",  # when it is rid of what came before the gap or took it
    "behind": "f8",  # when it is rid of what came before the last train
    "in_gap": "i4",  # that train took the gap
    "left": ("f8", DEEPEST),  # a ring: when flits left the queue behind it
}
_PATH = {
    "link": "i4",
    "parent": "i4",
    "tile": "i4",
    "head": "f8",
    "tail": "f8",
    "asked": "f8",  # when its first flit would be here if it never waited
    "gone": "f8",
    "gone_last": "f8",
}
_NODE = {
    "parent": "i4",
    "inputs": "i4",
    "extra": "f8",
    "each": "f8",
    "link": "i4",
    "tile": "i4",
    "children": ("i4", 4),
    "joined": "i8",  # trains so far
    "entered": "i8",
    # by train, rings
    "seen": ("i4", RING),
    "flits": ("i4", RING),
    "sem": ("i4", RING),
    "turn": ("i4", RING),
    "head": ("f8", RING),
    "tail": ("f8", RING),
}
_TILE = {
    "semaphores": ("i4", SEMAPHORES),
    "inject": ("i4", 3),
    "router_free": "f8",
    # out engine
    "out_code": "i4",
    "out_row": "i4",
    "out_word": "i4",
    "out_waits": "i4",  # node whose join it waits for, or -1
    "out_at": "f8",
    # L1; words that wait for more of their stream, from the data and from the reduction network
    "stream": ("i4", 2),
    "held": ("i4", 2),
    # the last trains from the data and the reduction network, rings
    "trains": ("i8", 2),
    "train_of": ("i4", (2, TRAINS)),
    "train_from": ("f8", (2, TRAINS)),
    "train_to": ("f8", (2, TRAINS)),
    "train_flits": ("f8", (2, TRAINS)),
    "train_alone": ("f8", (2, TRAINS)),  # lines more that it takes if its words are all alone
    "train_share": ("f8", (2, TRAINS)),  # of a word at first
    "used": "f8",  # lines so far, by those before the matrix engine
    "burst": "i4",  # the matrix engine reads a chunk
    "drains": "i4",  # blocks that it writes or fills
    # matrix engine
    "product": "i4",
    "at_column": "i4",
    "at_row": "i4",
    "at_step": "i4",
    "chunk_from": "f8",
    "chunk_used": "f8",
    "chunk_lines": "f8",
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
    "waiting": ("i4", WAITING),  # a ring of instructions
    "arrived": ("f8", WAITING),
    "first": "i8",
    "count": "i8",
    "serving": "i8",  # words left of the read being served
    "due": "f8",
    "sent": ("f8", 8),  # a ring: when the last words left
    "sent_count": "i8",
    "words_read": "i8",
    "words_written": "i8",
}


class CoreState(NamedTuple):
    """Inputs and state of a run, times in cycles. The fields of the records are above."""

    table: NDArray[np.int32]
    path_at: NDArray[np.int32]
    path: NDArray
    join_at: NDArray[np.int32]
    join_of: NDArray[np.int32]
    node: NDArray
    link: NDArray
    tile: NDArray
    queue: NDArray
    channel: NDArray
    laws: NDArray
    heap: NDArray
    run: NDArray
    work: NDArray[np.int32]


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


def fresh(
    code: TaskTable, paths: Paths, joins: Collectives, fabric: Fabric, laws: Laws
) -> CoreState:
    """All queues at their entries, nothing on its way."""
    nodes = len(joins.parent)
    costs = {name: "i8" if kind is int else "f8" for name, kind in Laws.__annotations__.items()}
    return CoreState(
        table=np.ascontiguousarray(code.table, np.int32),
        path_at=paths.at,
        path=_filled(
            _records(len(paths.link), _PATH), link=paths.link, parent=paths.parent, tile=paths.tile
        ),
        join_at=joins.at,
        join_of=joins.node_of,
        node=_filled(
            _records(nodes, _NODE),
            parent=joins.parent,
            inputs=joins.inputs,
            extra=joins.extra,
            each=joins.each,
            link=joins.link,
            tile=joins.tile,
            children=joins.children,
        ),
        link=_filled(
            _records(len(fabric.depth), _LINK),
            depth=fabric.depth,
            cleared=-1,
            gap_cleared=-1,
            left=-1,
        ),
        tile=_filled(
            _records(fabric.tiles, _TILE),
            inject=fabric.inject,
            out_waits=-1,
            train_to=-1,
            steps_end=-1,
            steps_before=-1,
            emptied=-100,
            drain_from=-100,
            filled=-100,
        ),
        queue=_filled(_records(len(code.entry), _QUEUE), pc=code.entry, code=-1),
        channel=_filled(_records(fabric.channels, _CHANNEL), due=-1e9, sent=-1),
        laws=_filled(_records(1, costs), **laws._asdict()),
        heap=_records(1 << 16 | 1 << (64 * len(code.entry)).bit_length(), _EVENT),
        run=_records(1, _RUN),
        work=np.zeros(8 * nodes + 64, np.int32),
    )
