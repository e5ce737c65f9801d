"""Follows flits through routers that copy: the data network, and the request network, where every
flit has one way.
"""

import numpy as np

from isa.packets import Port
from isa.routes import forked, mask_of, requested
from waves.read.recording import Recording
from waves.rebuild.follow import PORTS, Follower
from waves.rebuild.inspection import Problem
from waves.rebuild.network import NetworkFlits

__all__ = ["follow_data", "follow_requests"]


class _Forks(Follower):
    """An entry also has the mask of outputs that still have to take the flit, and the cycle in
    which the first did.

    A router that offers nothing for a cycle holds nothing: the first flit of each input is always
    offered.
    """

    def __init__(self, network: NetworkFlits, recording: Recording, problems: list[Problem]):
        super().__init__(network, recording, problems)
        self._dry = self._first_idle(recording.first)
        self._moved = [recording.first] * len(self.inputs)
        """The cycle in which the last flit left each input: the next one is offered from then on.
        """

    def _first_idle(self, first: int) -> list[int]:
        """For each router the first cycle in which it offers nothing, after that in which the
        window begins.
        """
        busy: list[list[tuple[int, int]]] = [[] for _ in range(self.network.mesh.tiles)]
        for link, out in enumerate(self._leaves):
            if out is not None:
                taken = self.network.taken[link]
                busy[out // PORTS] += zip(
                    self.network.offered[link].tolist(),
                    np.where(taken < 0, self.last, taken).tolist(),
                    strict=True,
                )
        dry = []
        for spans in busy:
            cycle = first + 1
            for begin, end in sorted(spans):
                if begin > cycle:
                    break
                cycle = max(cycle, end + 1)
            dry.append(cycle)
        return dry

    def may_hold(self, at: int) -> bool:
        return super().may_hold(at) and self.now <= self._dry[at // PORTS]

    def allows(self, header: int, at: int, out: int) -> bool:
        return bool(self.demand(header, at) >> out & 1)

    def entry(self, at: int, owner: int, header: int, cycle: int, link: int, place: int) -> list:
        pending = self.demand(header, at)
        if not pending:
            self.say(
                cycle, at, header, f"comes in by {_name(at)}, from where it has no way on", owner
            )
        return [owner, header, cycle, pending, -1]

    def leave(self, out: int, header: int, cycle: int, link: int, place: int) -> int:
        base, port = out - out % PORTS, out % PORTS
        for at in range(base, base + PORTS):
            entries = self.inputs[at]
            if (
                entries
                and entries[0][1] == header
                and entries[0][3] >> port & 1
                and entries[0][2] < cycle
            ):
                return self._take(at, port, cycle, link, place)
        return self._odd(out, header, cycle, link, place)

    def _take(self, at: int, port: int, cycle: int, link: int, place: int) -> int:
        """The first of an input leaves by an output."""
        entry = self.inputs[at][0]
        self.seen[at] = True
        entry[3] &= ~(1 << port)
        if entry[4] < 0:
            entry[4] = cycle
        self.network.fork_wait[link][place] = cycle - entry[4]
        if not entry[3]:
            self.inputs[at].popleft()
            self._moved[at] = cycle
        return entry[0]

    def _odd(self, out: int, header: int, cycle: int, link: int, place: int) -> int:
        """A flit leaves that is not the first of any input."""
        base, port = out - out % PORTS, out % PORTS
        for at in range(base, base + PORTS):
            entries = self.inputs[at]
            if any(entry[1] == header and entry[3] >> port & 1 for entry in entries):
                while not (entries[0][1] == header and entries[0][3] >> port & 1):
                    self.lost(entries.popleft(), at)
                return self._take(at, port, cycle, link, place)
        here = [
            entry
            for at in range(base, base + PORTS)
            for entry in self.inputs[at]
            if entry[1] == header
        ]
        if here:
            owner = here[0][0]
            self.say(
                cycle,
                out,
                header,
                f"leaves by {_name(out)}, where it has no way or has already left",
                owner,
            )
            return owner
        if not self.from_before(header, out):
            self.say(
                cycle,
                out,
                header,
                f"leaves by {_name(out)} and never came in: doubled, changed, or on a wrong way",
            )
        return -1

    def lost(self, entry: list, at: int) -> None:
        owner, header, entered, pending, _ = entry
        ways = ", ".join(port.name.lower() for port in Port if pending >> port & 1)
        if ways:
            what = (
                f"comes in by {_name(at)} and never leaves by {ways}: dropped, changed, or on a "
                "wrong way"
            )
            self.say(entered, at, header, what, owner)

    def vanished(self, entry: list, at: int, place: int) -> bool:
        # The first of an input is offered to every output that still has to take it, from the cycle
        # after it came in.
        base = at - at % PORTS
        offered = all(base + port in self.offers for port in range(PORTS) if entry[3] >> port & 1)
        since = max(entry[2], self._moved[at])
        return place == 0 and not offered and since < self.last - 1 and not self.may_hold(at)


class _Data(_Forks):
    name = "data"

    def demanded(self, header: int, router: int, port: Port) -> int:
        return mask_of(forked(self.network.mesh, self.area(header), self.tile(router), port))


class _Requests(_Forks):
    name = "request"

    def __init__(self, network: NetworkFlits, recording: Recording, problems: list[Problem]):
        super().__init__(network, recording, problems)
        self.room = recording.facts.fifo_depth  # one way each

    def demanded(self, header: int, router: int, port: Port) -> int:
        edge = self.network.headers[header][self.network.names.index("edge")]
        return 1 << requested(self.tile(router), self.pair(header, "x", "y"), Port(edge + 1))


def follow_data(network: NetworkFlits, recording: Recording, problems: list[Problem]) -> None:
    """Follow the data network, the owners of what tiles and channels put in being known; fills in
    all other owners.
    """
    _Data(network, recording, problems).run()


def follow_requests(network: NetworkFlits, recording: Recording, problems: list[Problem]) -> None:
    """Follow the request network, in the same way."""
    _Requests(network, recording, problems).run()


def _name(at: int) -> str:
    return Port(at % PORTS).name.lower()
