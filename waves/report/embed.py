"""What a page holds of an inspection: a small index, and columns.

Groups of unequal length lie behind each other in a column; `<group>.at` says where each begins.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from isa.instructions import Opcode, Queue
from isa.status import QueueState
from waves.read.recording import EngineActivity, Link, LinkTraffic, Recording
from waves.rebuild.inspection import Inspection, Transfer
from waves.report import tracks
from waves.report.columns import Column
from waves.report.tree import followers, in_tree_order

__all__ = ["FIELDS", "KINDS", "columns_of", "index_of"]

Columns = dict[str, Column]

KINDS = ("load", "store", "put", "reduce", "allreduce", "signal")
OPS = (None, "sum", "max")
HOP = ("flits", "first", "last", "fork_wait", "join_wait", "blocked")
FIELDS = (
    "kind",
    "tag",
    "x0",
    "y0",
    "x1",
    "y1",
    "bump",
    "sem",
    "x",
    "y",
    "edge",
    "write",
    "program",
    "rows",
    "words",
    "root_x",
    "root_y",
    "turn",
    "op",
    "fmt",
)
"""Header fields that many flits have in common; each set of them is kept once. -1 where a network
has no such field.
"""


def index_of(inspection: Inspection, title: str) -> dict:
    """Everything that is not a column, ready for JSON."""
    recording = inspection.recording
    return {
        "title": title,
        "first": recording.first,
        "last": recording.last,
        "finished": recording.finished,
        "changes": recording.changes,
        "flits": recording.flits,
        "facts": asdict(recording.facts),
        "links": [[link.network, *link.tile, link.port] for link in recording.traffic],
        "engines": [[*tile, queue.name.lower()] for tile, queue in recording.engines],
        "states": [state.name.lower() for state in QueueState],
        "classes": list(tracks.CLASSES),
        "causes": list(tracks.CAUSES),
        "opcodes": {int(opcode): [opcode.name, tracks.class_of(opcode)] for opcode in Opcode},
        "queues": [queue.name.lower() for queue in Queue],
        "kinds": list(KINDS),
        "ops": list(OPS),
        "fields": list(FIELDS),
        "problems": [[p.cycle, *p.tile, p.what, p.transfer] for p in inspection.problems],
    }


def columns_of(inspection: Inspection) -> Columns:
    """All columns by name."""
    recording = inspection.recording
    links = {link: number for number, link in enumerate(recording.traffic)}
    return (
        _flits(list(recording.traffic.values()))
        | _engines(list(recording.engines.values()), recording)
        | _transfers(inspection.transfers)
        | _hops(inspection.transfers, links)
        | _receivers(inspection.transfers, recording.facts.columns)
    )


def _at(lengths: Iterable[int]) -> Column:
    return Column.growing(np.concatenate([[0], np.cumsum(list(lengths))]))


def _joined(parts: list[NDArray]) -> NDArray[np.int32]:
    return np.concatenate(parts).astype(np.int32) if parts else np.empty(0, np.int32)


def _flits(traffic: list[LinkTraffic]) -> Columns:
    """Flits by link. `wait` is taken - offered, -1 if not taken."""
    offered = _joined([t.offered for t in traffic])
    taken = _joined([t.taken for t in traffic])
    fields = {name: _joined([_field(t, name) for t in traffic]) for name in FIELDS}
    one, header = _distinct(list(fields.values()))
    return {f"header.{name}": Column.codes(values[one]) for name, values in fields.items()} | {
        "flit.at": _at(len(t) for t in traffic),
        "flit.offered": Column.growing(offered),
        "flit.wait": Column.codes(np.where(taken < 0, -1, taken - offered)),
        "flit.header": Column.growing(header),
        "flit.addr": Column.growing(_joined([_field(t, "addr") for t in traffic])),
        "flit.seq": Column.growing(_joined([_field(t, "seq") for t in traffic])),
    }


def _distinct(fields: list[NDArray[np.int32]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of one flit for each set of fields that occurs, and for each flit, which set is its."""
    key, keys = np.zeros(len(fields[0]), np.int64), 1
    for values in fields:
        room = int(values.max(initial=0)) + 2
        if keys * room >= 2**63:
            key = np.unique(key, return_inverse=True)[1]
            keys = len(key) + 1
        key, keys = key * room + values + 1, keys * room
    return np.unique(key, return_index=True, return_inverse=True)[1:]


def _field(traffic: LinkTraffic, name: str) -> NDArray:
    return traffic.header.get(name, np.full(len(traffic), -1, np.int32))


def _engines(engines: list[EngineActivity], recording: Recording) -> Columns:
    """Instructions of the engines, and their tracks."""
    columns = {"executed.at": _at(len(engine.executed) for engine in engines)}
    for name in ("issued", "done", "opcode", "slot", "tag", "rows", "words"):
        values = _joined([engine.executed[name] for engine in engines])
        columns[f"executed.{name}"] = (
            Column.growing(values) if name in ("issued", "done") else Column.codes(values)
        )
    painters: dict[str, Callable] = {
        "lane": tracks.lane,
        "state": tracks.state,
        "stall": tracks.stalls,
    }
    for name, paint in painters.items():
        found = [tracks.runs(paint(engine, recording)) for engine in engines]
        columns |= _runs(name, [(begin + recording.first, values) for begin, values in found])
    return columns | _runs(
        "active", [_toggles(engine.active, recording.first) for engine in engines]
    )


def _runs(name: str, found: list[tuple[NDArray, NDArray]]) -> Columns:
    return {
        f"{name}.at": _at(len(begin) for begin, _ in found),
        f"{name}.begin": Column.growing(_joined([begin for begin, _ in found])),
        f"{name}.value": Column.codes(_joined([values for _, values in found])),
    }


def _toggles(held: NDArray, first: int) -> tuple[NDArray, NDArray]:
    """A track of 0 and 1 from runs of 1."""
    begin = np.concatenate([[first - 1], np.stack([held["begin"], held["end"]], 1).ravel()])
    return begin, np.arange(len(begin)) % 2


def _transfers(transfers: list[Transfer]) -> Columns:
    values: dict[str, list[int]] = {
        "number": [t.number for t in transfers],
        "tag": [t.tag for t in transfers],
        "kind": [KINDS.index(t.kind) for t in transfers],
        "op": [OPS.index(t.op) for t in transfers],
        "root_x": [t.root[0] for t in transfers],
        "root_y": [t.root[1] for t in transfers],
        "words": [t.words for t in transfers],
        "bytes": [t.bytes for t in transfers],
        "start": [t.start for t in transfers],
        "bound": [t.bound for t in transfers],
        "begin": [t.begin for t in transfers],
        "end": [t.end for t in transfers],
        "whole": [t.whole for t in transfers],
        "collective": [t.is_collective for t in transfers],
    }
    values |= {
        name: [getattr(t.rectangle, name) for t in transfers] for name in ("x0", "y0", "x1", "y1")
    }
    return {f"transfer.{name}": Column.growing(column) for name, column in values.items()}


def _hops(transfers: list[Transfer], links: Mapping[Link, int]) -> Columns:
    """Hops in tree order; `next` is where in the transfer's own hops those begin that carry the
    flits on.
    """
    columns: dict[str, list[int]] = {name: [] for name in ("link", "depth", *HOP)}
    next_at, nexts = [0], []
    for transfer in transfers:
        order = in_tree_order(transfer)
        place = {index: position for position, (index, _) in enumerate(order)}
        after = followers(transfer.hops)
        for index, depth in order:
            hop = transfer.hops[index]
            columns["link"].append(links[hop.link])
            columns["depth"].append(depth)
            for name in HOP:
                columns[name].append(getattr(hop, name))
            nexts += [place[other] for other in after[index]]
            next_at.append(len(nexts))
    return {f"hop.{name}": Column.growing(values) for name, values in columns.items()} | {
        "hop.at": _at(len(t.hops) for t in transfers),
        "next.at": Column.growing(next_at),
        "next.hop": Column.growing(nexts),
    }


def _receivers(transfers: list[Transfer], columns: int) -> Columns:
    """Cycles of issue and completion by tile, numbered row by row."""
    found: Columns = {}
    for name in ("issued", "completed"):
        tables = [getattr(transfer, name) for transfer in transfers]
        found |= {
            f"{name}.at": _at(len(table) for table in tables),
            f"{name}.tile": Column.growing([x + y * columns for table in tables for x, y in table]),
            f"{name}.cycle": Column.growing(
                [cycle for table in tables for cycle in table.values()]
            ),
        }
    return found
