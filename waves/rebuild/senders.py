"""Who put each flit in: matches what tiles put into the networks with their instructions."""

from collections import deque

import numpy as np

from isa.geometry import TileXY
from isa.instructions import Opcode, Queue
from isa.packets import FlitKind
from waves.read.recording import Recording
from waves.rebuild.inspection import Problem
from waves.rebuild.messages import Message, Messages
from waves.rebuild.network import NetworkFlits, describe

__all__ = ["AREA", "Senders", "assign_instructions", "assign_tile_data"]

AREA = ("x0", "y0", "x1", "y1")
_KINDS = {Opcode.LOAD: "load", Opcode.STORE: "store", Opcode.PUT: "put", Opcode.REDUCE: "reduce"}


class _Sender:
    """The messages of one queue of one tile, and which of them sends in a given cycle."""

    def __init__(self, recording: Recording, tile: TileXY, queue: Queue, messages: Messages):
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
                messages.add(
                    Message(
                        _KINDS[Opcode(opcode)] if opcode in _KINDS else "",
                        tile,
                        issued,
                        done,
                        tag,
                        total,
                    )
                )
            )
        self._messages, self._issued, self._done = messages, executed["issued"], executed["done"]
        self._tile, self._from_start, self._before = tile, recording.first == 0, -1

    def at(self, cycle: int, kind: str) -> int:
        """The message of a kind that is being sent; -1 if there is none."""
        index = int(np.searchsorted(self._issued, cycle)) - 1
        if index < 0:
            return self._earlier(kind)
        if 0 <= self._done[index] < cycle:
            return -1
        message = self._messages.all[self.numbers[index]]
        if not message.kind and message.issued < 0:
            message.kind = kind
        return self.numbers[index] if message.kind == kind else -1

    def _earlier(self, kind: str) -> int:
        """The message of an instruction from before the window, of which nothing else is seen."""
        if self._from_start:
            return -1
        if self._before < 0:
            self._before = self._messages.add(Message(kind, self._tile, -1, -1, 0, -1))
        return self._before if self._messages.all[self._before].kind == kind else -1


class Senders:
    """The engines that send, of all tiles, with their messages."""

    def __init__(self, recording: Recording, messages: Messages, problems: list[Problem]):
        self.recording, self.messages, self.problems = recording, messages, problems
        tiles = dict.fromkeys(tile for tile, _ in recording.engines)
        self.load = {tile: _Sender(recording, tile, Queue.LOAD, messages) for tile in tiles}
        self.out = {tile: _Sender(recording, tile, Queue.OUT, messages) for tile in tiles}

    def assign(self, network: NetworkFlits, name: str, link: int, place: int, number: int) -> None:
        """A flit at the beginning of a link belongs to a message."""
        network.owners[link][place] = number
        message, header = self.messages.all[number], network.named(int(network.ids[link][place]))
        message.sent += 1
        if not message.header:
            message.header = header
            if message.issued < 0:
                message.tag = header["tag"]
        elif any(message.header[field] != header[field] for field in (*AREA, "tag", *_SAME[name])):
            cycle = int(network.taken[link][place])
            self.problems.append(
                Problem(
                    cycle,
                    message.tile,
                    f"{describe(name, header)} follows {describe(name, message.header)} of the "
                    "same instruction",
                    message=number,
                )
            )

    def stray(self, network: NetworkFlits, name: str, link: int, place: int) -> None:
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
        for number, message in enumerate(self.messages.all):
            wanted = 1 if message.kind == "load" else message.words
            if (
                message.kind != "signal"
                and message.issued >= 0
                and message.done >= 0
                and message.sent != wanted
            ):
                what = (
                    f"{message.kind} with tag {message.tag}, issued in cycle {message.issued}, put "
                    f"in {message.sent} of {wanted} flits"
                )
                self.problems.append(Problem(message.done, message.tile, what, message=number))


_SAME: dict[str, tuple[str, ...]] = {
    "data": ("kind",),
    "request": ("x", "y", "edge", "write"),
    "reduce": ("root_x", "root_y", "op", "fmt", "turn"),
}
"""Fields that all flits of an instruction share, besides the rectangle and the tag."""


def assign_instructions(senders: Senders, requests: NetworkFlits, reduce: NetworkFlits) -> None:
    """Messages of what enters the request and the reduction network."""
    for tile in senders.out:
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
                engine = senders.out[tile] if write else senders.load[tile]
                number = engine.at(
                    cycle, "reduce" if name == "reduce" else "store" if write else "load"
                )
                if number >= 0:
                    senders.assign(network, name, link, place, number)
                else:
                    senders.stray(network, name, link, place)


def assign_tile_data(senders: Senders, data: NetworkFlits, reduce: NetworkFlits) -> None:
    """Messages of what tiles put into the data network: results that turn, signals, and PUTs."""
    for tile in senders.out:
        link, ejected = data.link(tile, "inject"), reduce.link(tile, "eject")
        if link is None:
            continue
        turned = _turned(reduce, ejected) if ejected is not None else deque()
        unseen = (
            0 if senders.recording.first == 0 else _HELD
        )  # results on the turn when the window begins
        for place, cycle in enumerate(data.taken[link].tolist()):
            if cycle < 0:
                continue
            header = data.named(int(data.ids[link][place]))
            if header["kind"] == FlitKind.SIGNAL.value:
                number = senders.messages.add(
                    Message("signal", tile, cycle, cycle, header["tag"], 0)
                )
                senders.assign(data, "data", link, place, number)
            elif (
                turned
                and turned[0][0] < cycle
                and turned[0][1] == tuple(header[name] for name in _TURNED)
            ):
                data.owners[link][place] = turned.popleft()[2]
                unseen = 0
            elif (number := senders.out[tile].at(cycle, "put")) >= 0:
                senders.assign(data, "data", link, place, number)
            elif unseen:
                unseen -= 1
            else:
                senders.stray(data, "data", link, place)


_HELD = 4
"""Results that can be between the router and the data network: in the ejector and what is being
taken.
"""

_TURNED = (*AREA, "addr", "bump", "sem", "tag")
"""What a result that turns keeps of its header."""


def _turned(reduce: NetworkFlits, link: int) -> deque[tuple[int, tuple[int, ...], int]]:
    """Results that turn at a root: cycle, header and message."""
    found: deque[tuple[int, tuple[int, ...], int]] = deque()
    owners, ids = reduce.owners[link].tolist(), reduce.ids[link].tolist()
    for place, cycle in enumerate(reduce.taken[link].tolist()):
        header = reduce.named(ids[place])
        if cycle >= 0 and header["turn"]:
            found.append((cycle, tuple(header[name] for name in _TURNED), owners[place]))
    return found
