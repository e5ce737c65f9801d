"""Follows every flit through the routers: what comes out of a router must have come in, on the way that its header demands.

The state of a router's inputs is kept as the recording goes by. What does not fit is a problem at that router and cycle, and the
walk goes on with what is seen. A window that begins in the middle of a run begins with flits in the routers that nobody saw come
in; they leave an input before all that did.
"""

from collections import deque
from collections.abc import Callable

from hw.layouts import Port
from tb.inspect.inspection import Problem
from tb.inspect.network import Network, describe
from tb.inspect.pieces import Pieces
from tb.routes import branches, joined, requested, towards

__all__ = ["follow_data", "follow_reduce", "follow_requests"]

_PORTS = len(Port)


class Flit:
    """A flit on its way.

    `owner` is the number of its piece (-1: unknown), `members` a mask of the tiles whose words are in it.
    """

    __slots__ = ("members", "owner", "whole")

    def __init__(self, owner: int, members: int = 0, whole: bool = True):
        self.owner, self.members, self.whole = owner, members, whole


class _Follower:
    """What following has in common, on any network.

    Inputs and outputs of routers are numbered ``tile * 5 + port``; an entry of an input is a list of a flit, its header, the
    cycle in which it came in and what the subclass keeps.
    """

    def __init__(self, network: Network, name: str, first: int, problems: list[Problem]):
        self.network, self.name, self.problems = network, name, problems
        self.columns = network.mesh.columns
        self.from_start = first == 0
        self.inputs: list[deque] = [deque() for _ in range(network.mesh.tiles * _PORTS)]
        self.seen = [False] * len(self.inputs)
        """Whether something that came in within the window has left this input: all from before has left by then."""
        self._demands: dict[tuple[int, int], int] = {}
        self._leaves = [self._end(end) for end in network.leaves]
        self._enters = [self._end(end) for end in network.enters]

    def run(self, finished: bool) -> None:
        """Go through the recording; if it is the end of the run, nothing may be left in a router."""
        network = self.network
        for takes in network.cycles():
            arriving = []
            for cycle, link, place, header in takes:
                leaves, enters = self._leaves[link], self._enters[link]
                if leaves is None:
                    flit = self.source(link, place, header)
                else:
                    flit = self.leave(leaves, header, cycle, link, place)
                    network.owners[link][place] = flit.owner
                if enters is not None:
                    arriving.append((enters, flit, header, cycle, link, place))
            for enters, flit, header, cycle, link, place in arriving:
                self.inputs[enters].append(self.entry(enters, flit, header, cycle, link, place))
        if finished:
            for at, entries in enumerate(self.inputs):
                for entry in entries:
                    self.lost(entry, at, entry[2])

    def source(self, link: int, place: int, header: int) -> Flit:
        """A flit that a tile or a channel puts in."""
        return Flit(int(self.network.owners[link][place]))

    def demand(self, header: int, at: int) -> int:
        """What the header demands at an input, kept once it is known."""
        known = self._demands.get((header, at))
        if known is None:
            known = self._demands[header, at] = self.demanded(header, at // _PORTS, Port(at % _PORTS))
        return known

    def tile(self, router: int) -> tuple[int, int]:
        """Its position."""
        return router % self.columns, router // self.columns

    def area(self, header: int) -> tuple[int, int, int, int]:
        """The rectangle of a header."""
        names = self.network.names
        return tuple(self.network.headers[header][names.index(name)] for name in ("x0", "y0", "x1", "y1"))  # type: ignore[return-value]

    def pair(self, header: int, x: str, y: str) -> tuple[int, int]:
        """Two of its fields."""
        names = self.network.names
        return self.network.headers[header][names.index(x)], self.network.headers[header][names.index(y)]

    def text(self, header: int) -> str:
        """The flit, for messages."""
        return f"{self.name} network: {describe(self.name, self.network.named(header))}"

    def say(self, cycle: int, at: int, what: str, owner: int = -1) -> None:
        """Note a problem."""
        self.problems.append(Problem(cycle, self.tile(at // _PORTS), what, owner if owner >= 0 else None))

    def from_before(self, header: int, out: int) -> bool:
        """Whether a flit that nobody saw come in can have been in this router when the window began."""
        if self.from_start:
            return False
        base = out - out % _PORTS
        return any(not self.seen[at] and self.allows(header, at, out % _PORTS) for at in range(base, base + _PORTS))

    def _end(self, end) -> int | None:
        if end is None:
            return None
        (x, y), port = end
        return (y * self.columns + x) * _PORTS + port

    # What the networks differ in.
    demanded: Callable[[int, int, Port], int]
    allows: Callable[[int, int, int], bool]
    entry: Callable[..., list]
    leave: Callable[[int, int, int, int, int], Flit]
    lost: Callable[[list, int, int], None]


class _Forks(_Follower):
    """Routers that copy: an entry also has the mask of outputs that still have to take it, and when the first did."""

    def allows(self, header: int, at: int, out: int) -> bool:
        return bool(self.demand(header, at) >> out & 1)

    def entry(self, at: int, flit: Flit, header: int, cycle: int, link: int, place: int) -> list:
        pending = self.demand(header, at)
        if not pending:
            self.say(
                cycle,
                at,
                f"{self.text(header)} comes in by {Port(at % _PORTS).name.lower()}, from where it has no way on",
                flit.owner,
            )
        return [flit, header, cycle, pending, -1]

    def leave(self, out: int, header: int, cycle: int, link: int, place: int) -> Flit:
        base, port = out - out % _PORTS, out % _PORTS
        for at in range(base, base + _PORTS):
            entries = self.inputs[at]
            if entries and entries[0][1] == header and entries[0][3] >> port & 1 and entries[0][2] < cycle:
                return self._take(at, port, cycle, link, place)
        return self._odd(out, header, cycle, link, place)

    def _take(self, at: int, port: int, cycle: int, link: int, place: int) -> Flit:
        """The first of an input leaves by an output."""
        entry = self.inputs[at][0]
        self.seen[at] = True
        entry[3] &= ~(1 << port)
        if entry[4] < 0:
            entry[4] = cycle
        self.network.fork_wait[link][place] = cycle - entry[4]
        if not entry[3]:
            self.inputs[at].popleft()
        return entry[0]

    def _odd(self, out: int, header: int, cycle: int, link: int, place: int) -> Flit:
        """A flit leaves that is not the first of any input."""
        base, port = out - out % _PORTS, out % _PORTS
        for at in range(base, base + _PORTS):
            entries = self.inputs[at]
            if any(entry[1] == header and entry[3] >> port & 1 for entry in entries):
                while not (entries[0][1] == header and entries[0][3] >> port & 1):
                    self.lost(entries.popleft(), at, cycle)
                return self._take(at, port, cycle, link, place)
        here = [entry for at in range(base, base + _PORTS) for entry in self.inputs[at] if entry[1] == header]
        way = Port(port).name.lower()
        if here:
            self.say(
                cycle, out, f"{self.text(header)} leaves by {way}, where it has no way or has already left", here[0][0].owner
            )
            return Flit(here[0][0].owner)
        if not self.from_before(header, out):
            self.say(
                cycle, out, f"{self.text(header)} leaves by {way} and never came in: doubled, changed, or on a wrong way"
            )
        return Flit(-1)

    def lost(self, entry: list, at: int, cycle: int) -> None:
        flit, header, entered, pending, _ = entry
        ways = ", ".join(port.name.lower() for port in Port if pending >> port & 1)
        if ways and flit.owner >= 0:
            self.say(
                cycle, at,
                f"{self.text(header)} came in by {Port(at % _PORTS).name.lower()} in cycle {entered} and never left by {ways}: "
                "dropped, changed, or on a wrong way", flit.owner,
            )  # fmt: skip


class _Data(_Forks):
    def demanded(self, header: int, router: int, port: Port) -> int:
        x, y = self.tile(router)
        return branches(self.network.mesh, self.area(header), x, y, port)


class _Requests(_Forks):
    def demanded(self, header: int, router: int, port: Port) -> int:
        x, y = self.tile(router)
        edge = self.network.headers[header][self.network.names.index("edge")]
        return 1 << requested(self.pair(header, "x", "y"), Port(edge + 1), x, y)


class _Joins(_Follower):
    """Routers that combine: an entry also has the output it goes to, and the link and place by which it came in."""

    def __init__(self, network: Network, name: str, first: int, problems: list[Problem], pieces: Pieces):
        super().__init__(network, name, first, problems)
        self._pieces = pieces
        self._outputs: dict[tuple[int, int], int] = {}

    def source(self, link: int, place: int, header: int) -> Flit:
        x, y = self.network.links[link].tile
        return Flit(int(self.network.owners[link][place]), 1 << y * self.columns + x)

    def demanded(self, header: int, router: int, port: Port) -> int:
        return joined(self.area(header), self.pair(header, "root_x", "root_y"), *self.tile(router))

    def allows(self, header: int, at: int, out: int) -> bool:
        return bool(self.demand(header, at - at % _PORTS) >> at % _PORTS & 1)

    def _output(self, header: int, router: int) -> int:
        known = self._outputs.get((header, router))
        if known is None:
            root = self.pair(header, "root_x", "root_y")
            known = self._outputs[header, router] = towards(root, *self.tile(router))
        return known

    def entry(self, at: int, flit: Flit, header: int, cycle: int, link: int, place: int) -> list:
        if not self.allows(header, at, 0):
            self.say(
                cycle,
                at,
                f"{self.text(header)} comes in by {Port(at % _PORTS).name.lower()}, which it does not join from",
                flit.owner,
            )
        return [flit, header, cycle, self._output(header, at // _PORTS), link, place]

    def leave(self, out: int, header: int, cycle: int, link: int, place: int) -> Flit:
        base, port = out - out % _PORTS, out % _PORTS
        if port != self._output(header, out // _PORTS):
            ways = Port(port).name.lower(), Port(self._output(header, out // _PORTS)).name.lower()
            self.say(cycle, out, f"{self.text(header)} leaves by {ways[0]} instead of {ways[1]}")
            port = self._output(header, out // _PORTS)
        parts, missing = [], []
        needed = self.demand(header, base)
        for number in range(_PORTS):
            if needed >> number & 1:
                part = self._part(base + number, header, port, cycle)
                if part is None:
                    missing.append(number)
                else:
                    parts.append(part)
        return self._combine(parts, missing, out, header, cycle)

    def _part(self, at: int, header: int, port: int, cycle: int) -> list | None:
        """Take the part of a sum from an input: the first there that goes to this output."""
        entries = self.inputs[at]
        for index, entry in enumerate(entries):
            if entry[3] == port:
                if entry[1] != header or entry[2] >= cycle:
                    break
                del entries[index]
                self.seen[at] = True
                return entry
        if not any(entry[1] == header for entry in entries):
            return None
        while True:  # what stands before it will not be used any more
            index = next(i for i, entry in enumerate(entries) if entry[3] == port or entry[1] == header)
            entry = entries[index]
            del entries[index]
            if entry[1] == header:
                return entry
            self.lost(entry, at, cycle)

    def _combine(self, parts: list[list], missing: list[int], out: int, header: int, cycle: int) -> Flit:
        latest = max((part[2] for part in parts), default=0)
        for part in parts:
            self.network.join_wait[part[4]][part[5]] = latest - part[2]
        owners = [part[0].owner for part in parts if part[0].owner >= 0]
        owner = self._pieces.join(owners)
        whole = not missing and all(part[0].whole for part in parts)
        members = 0
        for part in parts:
            if members & part[0].members:
                self.say(cycle, out, f"{self.text(header)} has a contribution twice", owner)
            members |= part[0].members
        base = out - out % _PORTS
        absent = [number for number in missing if self.from_start or self.seen[base + number]]
        if absent:
            ways = ", ".join(Port(number).name.lower() for number in absent)
            why = "without the part from" if parts else "though nothing came in from"
            self.say(
                cycle, out, f"{self.text(header)} leaves {why} {ways}: dropped, doubled, changed, or for another root", owner
            )
        return Flit(owner, members, whole)

    def lost(self, entry: list, at: int, cycle: int) -> None:
        if entry[0].owner >= 0:
            self.say(
                cycle, at,
                f"{self.text(entry[1])} came in by {Port(at % _PORTS).name.lower()} in cycle {entry[2]} and was never combined: "
                "another part is missing, or it came twice", entry[0].owner,
            )  # fmt: skip


def follow_data(network: Network, first: int, finished: bool, problems: list[Problem]) -> None:
    """Follow the data network, the owners of what tiles and channels put in being known; fills in all other owners."""
    _Data(network, "data", first, problems).run(finished)


def follow_requests(network: Network, first: int, finished: bool, problems: list[Problem]) -> None:
    """Follow the request network, likewise."""
    _Requests(network, "request", first, problems).run(finished)


def follow_reduce(network: Network, first: int, finished: bool, problems: list[Problem], pieces: Pieces) -> None:
    """Follow the reduction network, likewise; pieces that are combined become one transfer."""
    _Joins(network, "reduce", first, problems, pieces).run(finished)
