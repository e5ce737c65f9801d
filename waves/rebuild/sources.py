"""Who put each flit in: matches what tiles put into the networks with their instructions."""

from collections import deque

import numpy as np

from isa.geometry import TileXY
from isa.instructions import Opcode, Queue
from isa.packets import FlitKind
from waves.read.recording import Recording
from waves.rebuild.inspection import Problem
from waves.rebuild.network import Network, describe
from waves.rebuild.pieces import Piece, Pieces

__all__ = ["AREA", "Sources", "own_instructions", "own_tile_data"]

AREA = ("x0", "y0", "x1", "y1")
_KINDS = {Opcode.LOAD: "load", Opcode.STORE: "store", Opcode.PUT: "put", Opcode.REDUCE: "reduce"}


class _Engine:
    """The pieces of one queue of one tile, and which of them sends in a given cycle."""

    def __init__(self, recording: Recording, tile: TileXY, queue: Queue, pieces: Pieces):
        executed = recording.engines[tile, queue].executed
        self.numbers = []
        for issued, done, opcode, tag, rows, words in zip(
            *(
                executed[name].tolist()
                for name in ("issued", "done", "opcode", "tag", "rows", "words")
            ),
            strict=True,
        ):
            total = rows * words if issued >= 0 else -1
            self.numbers.append(
                pieces.add(
                    Piece(
                        _KINDS[Opcode(opcode)] if opcode in _KINDS else "",
                        tile,
                        issued,
                        done,
                        tag,
                        total,
                    )
                )
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
        elif any(piece.header[field] != header[field] for field in (*AREA, "tag", *_SAME[name])):
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
            Problem(
                cycle,
                place_,
                f"{name} network: {describe(name, header)} is put in, and no instruction says so",
            )
        )

    def check(self) -> None:
        """Whether every instruction that was executed in the window has put in as many words as it
        says.
        """
        for number, piece in enumerate(self.pieces.all):
            wanted = 1 if piece.kind == "load" else piece.words
            if (
                piece.kind != "signal"
                and piece.issued >= 0
                and piece.done >= 0
                and piece.sent != wanted
            ):
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
                network.column("write")[network.ids[link]]
                if name == "request"
                else np.ones(len(network.taken[link]), int)
            )
            for place, (cycle, write) in enumerate(
                zip(network.taken[link].tolist(), writes.tolist(), strict=True)
            ):
                if cycle < 0:
                    continue
                engine = sources.out[tile] if write else sources.load[tile]
                number = engine.at(
                    cycle, "reduce" if name == "reduce" else "store" if write else "load"
                )
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
        unseen = (
            0 if sources.recording.first == 0 else _HELD
        )  # results on the turn when the window begins
        for place, cycle in enumerate(data.taken[link].tolist()):
            if cycle < 0:
                continue
            header = data.named(int(data.ids[link][place]))
            if header["kind"] == FlitKind.SIGNAL.value:
                number = sources.pieces.add(Piece("signal", tile, cycle, cycle, header["tag"], 0))
                sources.own(data, "data", link, place, number)
            elif (
                turned
                and turned[0][0] < cycle
                and turned[0][1] == tuple(header[name] for name in _TURNED)
            ):
                data.owners[link][place] = turned.popleft()[2]
                unseen = 0
            elif (number := sources.out[tile].at(cycle, "put")) >= 0:
                sources.own(data, "data", link, place, number)
            elif unseen:
                unseen -= 1
            else:
                sources.stray(data, "data", link, place)


_HELD = 4
"""Results that can be between the router and the data network: in the ejector and what is being
taken.
"""

_TURNED = (*AREA, "addr", "bump", "sem", "tag")
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
