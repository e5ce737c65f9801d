"""What HBM channels put into the data network: matched with the requests that arrived there."""

from collections import deque
from itertools import pairwise

from isa.packets import FlitKind
from waves.rebuild.inspection import Problem
from waves.rebuild.network import NetworkFlits
from waves.rebuild.senders import AREA, Senders

__all__ = ["assign_channel_flits"]


def assign_channel_flits(senders: Senders, data: NetworkFlits, requests: NetworkFlits) -> None:
    """Messages of what channels put in: words of reads in the order in which those arrived, and
    acknowledgements of writes.
    """
    for edge, x, y in senders.recording.facts.channels:
        link, asked = data.link((x, y), f"hbm_{edge}"), requests.link((x, y), edge)
        if link is not None and asked is not None:
            _Channel(senders, data, requests, link, asked).run()


class _Channel:
    """What one channel was asked for, and what it sends."""

    def __init__(
        self, senders: Senders, data: NetworkFlits, requests: NetworkFlits, link: int, asked: int
    ):
        self._senders, self._data, self._link = senders, data, link
        self._reads: deque[tuple[int, int, tuple[int, ...], int]] = deque()
        """Cycle of arrival, message, tag and rectangle, words."""
        self._writes: dict[tuple[int, ...], deque[tuple[int, int]]] = {}
        """Tag and rectangle to cycles and messages of those that are acknowledged."""
        owners, ids = requests.owners[asked].tolist(), requests.ids[asked].tolist()
        for place, cycle in enumerate(requests.taken[asked].tolist()):
            header = requests.named(ids[place])
            key = tuple(header[name] for name in ("tag", *AREA))
            if cycle < 0 or owners[place] < 0:
                continue
            if not header["write"]:
                self._reads.append((cycle, owners[place], key, header["rows"] * header["words"]))
            elif header["bump"]:
                self._writes.setdefault(key, deque()).append((cycle, owners[place]))
        named = [data.named(number) for number in data.ids[link].tolist()]
        self._keys = [tuple(header[name] for name in ("tag", *AREA)) for header in named]
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
                self._reads
                and (
                    self._reads[0][2] != self._keys[place]
                    or self._taken[place] <= self._reads[0][0]
                )
                and left
            ):
                self._short(place, left)
                left = 0
                self._reads.popleft()
            if not self._reads or self._reads[0][2] != self._keys[place]:
                self._senders.stray(self._data, "data", self._link, place)
                continue
            _, number, _, total = self._reads[0]
            left = (left or total) - 1
            self._assign(place, number)
            if not left or self._bumps[place]:
                if left:
                    self._short(place, left)
                left = 0
                self._reads.popleft()
        for place, signal in enumerate(self._signals):
            if signal and self._taken[place] >= 0:
                self._acknowledge(place)

    def _begin(self, words: list[int]) -> int:
        """The first word that was asked for within the window; before it are those of earlier
        reads.
        """
        if self._senders.recording.first == 0:
            return 0
        changes = [
            self._bumps[one] or self._keys[one] != self._keys[next_]
            for one, next_ in pairwise(words)
        ]
        ends = [0, *(place + 1 for place, change in enumerate(changes) if change), len(words)]
        return max(ends, key=lambda begin: (self._fitting(words[begin:]) + begin, -begin))

    def _fitting(self, words: list[int]) -> int:
        """How many of these words can be those of the reads, in order, before something does not
        fit.
        """
        at = 0
        for cycle, _, key, total in self._reads:
            part = words[at : at + total]
            if not part or self._taken[part[0]] <= cycle:
                break
            if any(self._keys[place] != key for place in part) or any(
                self._bumps[place] for place in part[: total - 1]
            ):
                break
            at += len(part)
        return at

    def _assign(self, place: int, number: int) -> None:
        self._data.owners[self._link][place] = number

    def _short(self, place: int, left: int) -> None:
        _, number, key, total = self._reads[0]
        x, y = self._data.links[self._link].tile
        what = (
            f"the channel sends {total - left} of the {total} words of the load with tag {key[0]}"
        )
        self._senders.problems.append(Problem(self._taken[place], (x, y), what, message=number))

    def _acknowledge(self, place: int) -> None:
        waiting = self._writes.get(self._keys[place])
        if waiting and waiting[0][0] < self._taken[place]:
            self._assign(place, waiting.popleft()[1])
        elif self._senders.recording.first == 0:
            self._senders.stray(self._data, "data", self._link, place)
