"""Who put each flit in: matches the flits at the ends of the networks with instructions, and with what asked for them."""

from collections import deque
from itertools import pairwise

import numpy as np

from hw.layouts import FlitKind
from isa.instructions import Opcode, Queue
from tb.inspect.inspection import Problem
from tb.inspect.network import Network, describe
from tb.inspect.pieces import Piece, Pieces
from tb.inspect.recording import Recording

__all__ = ["own_channel_flits", "own_instructions", "own_tile_data"]

TileXY = tuple[int, int]
_AREA = ("x0", "y0", "x1", "y1")
_KINDS = {Opcode.LOAD: "load", Opcode.STORE: "store", Opcode.PUT: "put", Opcode.REDUCE: "reduce"}


class _Engine:
    """The pieces of one queue of one tile, and which of them sends in a given cycle."""

    def __init__(self, recording: Recording, tile: TileXY, queue: Queue, pieces: Pieces):
        executed = recording.engines[tile, queue].executed
        self.numbers = []
        for issued, done, opcode, tag, rows, words in zip(
            *(executed[name].tolist() for name in ("issued", "done", "opcode", "tag", "rows", "words")), strict=True
        ):
            total = rows * words if issued >= 0 else -1
            self.numbers.append(
                pieces.add(Piece(_KINDS[Opcode(opcode)] if opcode in _KINDS else "", tile, issued, done, tag, total))
            )
        self._pieces, self._issued, self._done = pieces, executed["issued"], executed["done"]
        self._tile, self._from_start, self._before = tile, recording.first == 0, -1

    def at(self, cycle: int, kind: str) -> int:
        """The piece of a kind that is being sent; -1 if there is none."""
        index = int(np.searchsorted(self._issued, cycle)) - 1
        if index < 0:
            return self._earlier(kind)
        if 0 <= self._done[index] < cycle:
            return -1
        piece = self._pieces.all[self.numbers[index]]
        if not piece.kind and piece.issued < 0:
            piece.kind = kind
        return self.numbers[index] if piece.kind == kind else -1

    def _earlier(self, kind: str) -> int:
        """The piece of an instruction from before the window, of which nothing else is seen."""
        if self._from_start:
            return -1
        if self._before < 0:
            self._before = self._pieces.add(Piece(kind, self._tile, -1, -1, 0, -1))
        return self._before if self._pieces.all[self._before].kind == kind else -1


class Sources:
    """The engines that send, of all tiles, with their pieces."""

    def __init__(self, recording: Recording, pieces: Pieces, problems: list[Problem]):
        self.recording, self.pieces, self.problems = recording, pieces, problems
        tiles = dict.fromkeys(tile for tile, _ in recording.engines)
        self.load = {tile: _Engine(recording, tile, Queue.LOAD, pieces) for tile in tiles}
        self.out = {tile: _Engine(recording, tile, Queue.OUT, pieces) for tile in tiles}

    def own(self, network: Network, name: str, link: int, place: int, number: int) -> None:
        """A flit at the beginning of a link belongs to a piece."""
        network.owners[link][place] = number
        piece, header = self.pieces.all[number], network.named(int(network.ids[link][place]))
        piece.sent += 1
        if not piece.header:
            piece.header = header
            if piece.issued < 0:
                piece.tag = header["tag"]
        elif any(piece.header[field] != header[field] for field in (*_AREA, "tag", *_SAME[name])):
            cycle = int(network.taken[link][place])
            self.problems.append(
                Problem(
                    cycle,
                    piece.tile,
                    f"{describe(name, header)} follows {describe(name, piece.header)} of the same instruction",
                    number,
                )
            )

    def stray(self, network: Network, name: str, link: int, place: int) -> None:
        """Nobody sent this flit; before the first instruction of the window, that is no wonder."""
        cycle, place_ = int(network.taken[link][place]), network.links[link].tile
        header = network.named(int(network.ids[link][place]))
        self.problems.append(
            Problem(cycle, place_, f"{name} network: {describe(name, header)} is put in, and no instruction says so")
        )

    def check(self) -> None:
        """Whether every instruction that was executed in the window has put in as many words as it says."""
        for number, piece in enumerate(self.pieces.all):
            wanted = 1 if piece.kind == "load" else piece.words
            if piece.kind != "signal" and piece.issued >= 0 and piece.done >= 0 and piece.sent != wanted:
                what = f"{piece.kind} with tag {piece.tag}, issued in cycle {piece.issued}, put in {piece.sent} of {wanted} flits"
                self.problems.append(Problem(piece.done, piece.tile, what, number))


_SAME: dict[str, tuple[str, ...]] = {
    "data": ("kind",),
    "request": ("x", "y", "edge", "write"),
    "reduce": ("root_x", "root_y", "op", "fmt", "turn"),
}
"""Fields that all flits of an instruction share, besides the rectangle and the tag."""


def own_instructions(sources: Sources, requests: Network, reduce: Network) -> None:
    """Pieces of what enters the request and the reduction network."""
    for tile in sources.out:
        for network, name in ((requests, "request"), (reduce, "reduce")):
            link = network.link(tile, "inject")
            if link is None:
                continue
            writes = (
                network.column("write")[network.ids[link]] if name == "request" else np.ones(len(network.taken[link]), int)
            )
            for place, (cycle, write) in enumerate(zip(network.taken[link].tolist(), writes.tolist(), strict=True)):
                if cycle < 0:
                    continue
                engine = sources.out[tile] if write else sources.load[tile]
                number = engine.at(cycle, "reduce" if name == "reduce" else "store" if write else "load")
                if number >= 0:
                    sources.own(network, name, link, place, number)
                else:
                    sources.stray(network, name, link, place)


def own_tile_data(sources: Sources, data: Network, reduce: Network) -> None:
    """Pieces of what tiles put into the data network: results that turn, signals, and PUTs."""
    for tile in sources.out:
        link, ejected = data.link(tile, "inject"), reduce.link(tile, "eject")
        if link is None:
            continue
        turned = _turned(reduce, ejected) if ejected is not None else deque()
        unseen = 0 if sources.recording.first == 0 else _HELD  # results on the turn when the window begins
        for place, cycle in enumerate(data.taken[link].tolist()):
            if cycle < 0:
                continue
            header = data.named(int(data.ids[link][place]))
            if header["kind"] == FlitKind.SIGNAL.value:
                number = sources.pieces.add(Piece("signal", tile, cycle, cycle, header["tag"], 0))
                sources.own(data, "data", link, place, number)
            elif turned and turned[0][0] < cycle and turned[0][1] == tuple(header[name] for name in _TURNED):
                data.owners[link][place] = turned.popleft()[2]
                unseen = 0
            elif (number := sources.out[tile].at(cycle, "put")) >= 0:
                sources.own(data, "data", link, place, number)
            elif unseen:
                unseen -= 1
            else:
                sources.stray(data, "data", link, place)


_HELD = 4
"""Results that can be between the router and the data network: in the ejector and what is being taken."""

_TURNED = (*_AREA, "addr", "bump", "sem", "tag")
"""What a result that turns keeps of its header."""


def _turned(reduce: Network, link: int) -> deque[tuple[int, tuple[int, ...], int]]:
    """Results that turn at a root: cycle, header and piece."""
    found: deque[tuple[int, tuple[int, ...], int]] = deque()
    owners, ids = reduce.owners[link].tolist(), reduce.ids[link].tolist()
    for place, cycle in enumerate(reduce.taken[link].tolist()):
        header = reduce.named(ids[place])
        if cycle >= 0 and header["turn"]:
            found.append((cycle, tuple(header[name] for name in _TURNED), owners[place]))
    return found


def own_channel_flits(sources: Sources, data: Network, requests: Network) -> None:
    """Pieces of what channels put in: words of reads in the order in which those arrived, and acknowledgements of writes."""
    for edge, x, y in sources.recording.facts.channels:
        link, asked = data.link((x, y), f"hbm_{edge}"), requests.link((x, y), edge)
        if link is not None and asked is not None:
            _Channel(sources, data, requests, link, asked).run()


class _Channel:
    """What one channel was asked for, and what it sends."""

    def __init__(self, sources: Sources, data: Network, requests: Network, link: int, asked: int):
        self._sources, self._data, self._link = sources, data, link
        self._reads: deque[tuple[int, int, tuple[int, ...], int]] = deque()
        """Cycle of arrival, piece, tag and rectangle, words."""
        self._writes: dict[tuple[int, ...], deque[tuple[int, int]]] = {}
        """Tag and rectangle to cycles and pieces of those that are acknowledged."""
        owners, ids = requests.owners[asked].tolist(), requests.ids[asked].tolist()
        for place, cycle in enumerate(requests.taken[asked].tolist()):
            header = requests.named(ids[place])
            key = tuple(header[name] for name in ("tag", *_AREA))
            if cycle < 0 or owners[place] < 0:
                continue
            if not header["write"]:
                self._reads.append((cycle, owners[place], key, header["rows"] * header["words"]))
            elif header["bump"]:
                self._writes.setdefault(key, deque()).append((cycle, owners[place]))
        named = [data.named(number) for number in data.ids[link].tolist()]
        self._keys = [tuple(header[name] for name in ("tag", *_AREA)) for header in named]
        self._bumps = [header["bump"] for header in named]
        self._signals = [header["kind"] == FlitKind.SIGNAL.value for header in named]
        self._taken = data.taken[link].tolist()

    def run(self) -> None:
        words = [
            place
            for place, (cycle, signal) in enumerate(zip(self._taken, self._signals, strict=True))
            if cycle >= 0 and not signal
        ]
        left = 0
        for place in words[self._begin(words) :]:
            while (
                self._reads and (self._reads[0][2] != self._keys[place] or self._taken[place] <= self._reads[0][0]) and left
            ):
                self._short(place, left)
                left = 0
                self._reads.popleft()
            if not self._reads or self._reads[0][2] != self._keys[place]:
                self._sources.stray(self._data, "data", self._link, place)
                continue
            _, number, _, total = self._reads[0]
            left = (left or total) - 1
            self._own(place, number)
            if not left or self._bumps[place]:
                if left:
                    self._short(place, left)
                left = 0
                self._reads.popleft()
        for place, signal in enumerate(self._signals):
            if signal and self._taken[place] >= 0:
                self._acknowledge(place)

    def _begin(self, words: list[int]) -> int:
        """The first word that was asked for within the window; before it are those of earlier reads."""
        if self._sources.recording.first == 0:
            return 0
        changes = [self._bumps[one] or self._keys[one] != self._keys[next_] for one, next_ in pairwise(words)]
        ends = [0, *(place + 1 for place, change in enumerate(changes) if change), len(words)]
        return max(ends, key=lambda begin: (self._fitting(words[begin:]) + begin, -begin))

    def _fitting(self, words: list[int]) -> int:
        """How many of these words can be those of the reads, in order, before something does not fit."""
        at = 0
        for cycle, _, key, total in self._reads:
            part = words[at : at + total]
            if not part or self._taken[part[0]] <= cycle:
                break
            if any(self._keys[place] != key for place in part) or any(self._bumps[place] for place in part[: total - 1]):
                break
            at += len(part)
        return at

    def _own(self, place: int, number: int) -> None:
        self._data.owners[self._link][place] = number

    def _short(self, place: int, left: int) -> None:
        _, number, key, total = self._reads[0]
        x, y = self._data.links[self._link].tile
        what = f"the channel sends {total - left} of the {total} words of the load with tag {key[0]}"
        self._sources.problems.append(Problem(self._taken[place], (x, y), what, number))

    def _acknowledge(self, place: int) -> None:
        waiting = self._writes.get(self._keys[place])
        if waiting and waiting[0][0] < self._taken[place]:
            self._own(place, waiting.popleft()[1])
        elif self._sources.recording.first == 0:
            self._sources.stray(self._data, "data", self._link, place)
