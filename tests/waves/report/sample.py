"""A plausible inspection of any size, made up: tests of the report need no simulation."""

from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

from isa.geometry import Rectangle
from isa.instructions import Queue
from tests.waves.report.sample_engines import engine_activity
from waves.read.recording import (
    DIRECTIONS,
    Facts,
    Link,
    LinkTraffic,
    Recording,
)
from waves.rebuild.inspection import Hop, Inspection, Problem, Transfer

COMMON = ("x0", "y0", "x1", "y1", "addr", "bump", "sem", "tag")
EXTRA = {
    "data": ("kind",),
    "request": ("x", "y", "edge", "write", "program", "rows", "words"),
    "reduce": ("root_x", "root_y", "turn", "op", "fmt", "seq"),
}


@dataclass
class Sample:
    """Builds transfers one after the other; each is free of conflicts with those before it."""

    columns: int
    rows: int
    cycles: int
    seed: int = 0
    now: int = 20
    transfers: list[Transfer] = field(default_factory=list)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.flits: dict[Link, list[dict]] = {link: [] for link in self.links()}
        self.free = dict.fromkeys(self.flits, 0)

    def links(self) -> list[Link]:
        found = []
        for network in EXTRA:
            for x in range(self.columns):
                for y in range(self.rows):
                    ports = [
                        port
                        for port, (dx, dy) in DIRECTIONS.items()
                        if 0 <= x + dx < self.columns and 0 <= y + dy < self.rows
                    ]
                    ports += ["inject"] if network == "request" else ["inject", "eject"]
                    found += [Link(network, (x, y), port) for port in ports]
            if network != "reduce":
                found += [
                    Link(network, (0, y), "west" if network == "request" else "hbm_west")
                    for y in range(self.rows)
                ]
        return found

    def send(
        self, transfer: Transfer, link: Link, ready: np.ndarray, late: np.ndarray, **header: int
    ) -> np.ndarray:
        """Flits that are there from `ready` and wait `late` more; returns the cycles in which they
        are taken.
        """
        offered, taken = [], []
        for at, more in zip(ready, late, strict=True):
            first = max(int(at), self.free[link])
            offered.append(first)
            taken.append(first + int(more))
            self.free[link] = taken[-1] + 1
        for i, (a, b) in enumerate(zip(offered, taken, strict=True)):
            fields = (
                dict.fromkeys(COMMON + EXTRA[link.network], 0)
                | transfer.rectangle._asdict()
                | header
            )
            fields |= {
                "tag": transfer.tag,
                "addr": 64 + i,
                "bump": int(i == len(ready) - 1),
                "sem": 3,
            }
            self.flits[link].append(fields | {"seq": i} | {"offered": a, "taken": b})
        transfer.hops.append(
            Hop(
                link,
                len(taken),
                taken[0],
                taken[-1],
                fork_wait=int(sum(late)),
                blocked=int(sum(late)),
            )
        )
        return np.array(taken)

    def late(self, words: int) -> np.ndarray:
        return (self.rng.random(words) < 0.06) * self.rng.integers(1, 5, words)

    def spread(self, transfer: Transfer, source: tuple[int, int], ready: np.ndarray) -> None:
        """Along the data tree from what `ready` says enters the router of `source`."""
        x0, y0, x1, y1 = transfer.rectangle
        at = {source: ready}
        todo = [source]
        while todo:
            x, y = todo.pop(0)
            ports = []
            if y == source[1]:
                ports += ["east"] if x1 > x >= source[0] else []
                ports += ["west"] if x0 < x <= source[0] else []
            if x0 <= x <= x1:
                ports += ["north"] if y1 > y >= source[1] else []
                ports += ["south"] if y0 < y <= source[1] else []
            for port in ports:
                link = Link("data", (x, y), port)
                at[link.to] = self.send(transfer, link, at[x, y] + 1, self.late(len(ready)))
                todo.append(link.to)
            if (x, y) in transfer.rectangle:
                taken = self.send(
                    transfer, Link("data", (x, y), "eject"), at[x, y] + 1, self.late(len(ready))
                )
                transfer.completed[x, y] = int(taken[-1])

    def join(self, transfer: Transfer, skew: int) -> np.ndarray:
        """Along the reduction tree to the root's ejector."""
        rx, ry = transfer.root
        ready: dict[tuple[int, int], list[np.ndarray]] = {}
        header = {
            "root_x": rx,
            "root_y": ry,
            "op": int(transfer.op == "max"),
            "turn": int(transfer.kind == "allreduce"),
        }
        tiles = sorted(transfer.rectangle.tiles(), key=lambda t: (-abs(t[1] - ry), -abs(t[0] - rx)))
        for tile in tiles:
            transfer.issued[tile] = self.now + int(self.rng.integers(0, skew + 1))
            start = transfer.issued[tile] + 2 + np.arange(transfer.words)
            ready[tile] = [
                self.send(transfer, Link("reduce", tile, "inject"), start, 0 * start, **header)
            ]
        for x, y in tiles:
            whole = np.maximum.reduce(ready[x, y])
            injected = next(
                hop for hop in transfer.hops if hop.link == Link("reduce", (x, y), "inject")
            )
            injected.join_wait = int((whole - ready[x, y][0]).sum())
            if (x, y) == (rx, ry):
                port = "eject"
            elif y != ry:
                port = "north" if ry > y else "south"
            else:
                port = "east" if rx > x else "west"
            link = Link("reduce", (x, y), port)
            taken = self.send(transfer, link, whole + 1, self.late(len(whole)), **header)
            if port == "eject":
                return taken
            ready[link.to].append(taken)
        raise AssertionError("a tree ends in its root")

    def transfer(
        self, kind: str, op: str | None, root: tuple[int, int], rectangle: Rectangle, words: int
    ) -> Transfer:
        made = Transfer(
            len(self.transfers),
            16 + len(self.transfers) % 200,
            kind,
            op,
            root,
            rectangle,
            words,
            16 * words,
        )
        spread = rectangle.x1 - rectangle.x0 + rectangle.y1 - rectangle.y0
        made.bound = spread * (2 if kind == "allreduce" else 1) + words
        if kind == "load":
            tile = rectangle[:2]
            made.issued[tile] = self.now
            request = dict(x=0, y=tile[1], edge=0, rows=1, words=words)
            asked = self.send(
                made,
                Link("request", tile, "inject"),
                np.array([self.now + 2]),
                np.array([0]),
                **request,
            )
            for x in range(tile[0], -1, -1):
                asked = self.send(
                    made, Link("request", (x, tile[1]), "west"), asked + 1, np.array([0]), **request
                )
            sent = self.send(
                made,
                Link("data", (0, tile[1]), "hbm_west"),
                asked + 60 + 2 * np.arange(words),
                self.late(words),
            )
            self.spread(made, (0, tile[1]), sent)
        elif kind == "put":
            made.issued[root] = self.now
            start = self.now + 2 + np.arange(words)
            self.spread(
                made, root, self.send(made, Link("data", root, "inject"), start, self.late(words))
            )
        else:
            taken = self.join(made, skew=9)
            if kind == "allreduce":
                self.spread(made, root, taken)
            else:
                made.completed[root] = int(taken[-1])
        made.hops.sort(key=lambda hop: hop.first)
        made.start = max(made.issued.values())
        if kind == "load":
            made.start = next(hop.first for hop in made.hops if hop.link.port == "hbm_west")
        made.begin, made.end = min(made.issued.values()), max(made.completed.values())
        made.whole = made.end < self.cycles
        self.transfers.append(made)
        return made

    def fill(self) -> None:
        last = self.columns - 1
        for turn in cycle(range(4)):
            ends = []
            for y in range(self.rows):
                row = Rectangle(0, y, last, y)
                kind, op, root, words = (
                    ("load", None, (0, y), 48),
                    ("reduce", "max", (turn % self.columns, y), 24),
                    ("allreduce", "sum", (last // 2, y), 16),
                    ("put", None, (last, y), 64),
                )[turn]
                ends.append(self.transfer(kind, op, root, row, words).end)
            self.now = max(ends) + int(self.rng.integers(2, 40))
            if self.now > self.cycles:
                return

    def traffic(self) -> dict[Link, LinkTraffic]:
        made = {}
        for link, flits in self.flits.items():
            inside = [flit for flit in flits if flit["offered"] < self.cycles]
            columns = {
                name: np.array([flit[name] for flit in inside], np.int32)
                for name in ("offered", "taken", *COMMON, *EXTRA[link.network])
            }
            taken = np.where(columns["taken"] < self.cycles, columns.pop("taken"), -1).astype(
                np.int32
            )
            made[link] = LinkTraffic(columns.pop("offered"), taken, columns)
        return made


def sample(
    columns: int = 3, rows: int = 2, cycles: int = 2000, problems: bool = False, seed: int = 0
) -> Inspection:
    """Row loads, maxima, all-reduces and puts in turn until the window is full, and engines at work
    beside them.
    """
    build = Sample(columns, rows, cycles, seed)
    build.fill()
    traffic = build.traffic()
    engines = {
        ((x, y), queue): engine_activity(build.rng, cycles, (x, y), queue)
        for y in range(rows)
        for x in range(columns)
        for queue in Queue
    }
    facts = Facts(columns, rows, 16, 6, 1, 5, 4, 60, 8, tuple(("west", 0, y) for y in range(rows)))
    recording = Recording(facts, 0, cycles - 1, False, traffic, engines, changes=123_456)
    transfers = [t for t in build.transfers if t.begin < cycles]
    for transfer in transfers:
        cut(transfer, cycles)
    found = [
        Problem(412, (1, 0), "word 3 of <tag 16> was delivered twice", 0),
        Problem(700, (0, 1), "reduction 2: no contribution of (2,1)", 2),
    ]
    return Inspection(recording, transfers, found if problems else [])


def cut(transfer: Transfer, cycles: int) -> None:
    """Leave out what lies behind the window."""
    transfer.hops = [hop for hop in transfer.hops if hop.first < cycles]
    transfer.issued = {tile: at for tile, at in transfer.issued.items() if at < cycles}
    transfer.completed = {tile: at for tile, at in transfer.completed.items() if at < cycles}
    transfer.end = min(transfer.end, cycles - 1)
