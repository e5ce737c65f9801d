"""Follows every flit through the routers: what comes out of a router must have come in, on the way
that its header demands.

The state of a router's inputs is kept as the recording goes by. What does not fit is a problem at
that router and cycle, and the walk goes on with what is seen. A window that begins in the middle of
a run begins with flits in the routers that nobody saw come in; they leave an input before all that
did.
"""

from collections import deque

from isa.geometry import Rectangle
from isa.packets import Port
from waves.read.recording import Recording
from waves.rebuild.inspection import Problem
from waves.rebuild.network import NetworkFlits, describe

__all__ = ["PORTS", "Follower"]

PORTS = len(Port)


class Follower:
    """What following has in common, on any network.

    Inputs and outputs of routers are numbered ``tile * 5 + port``; an entry of an input is a list
    of the owner of a flit (the number of its message, -1: unknown), its header, the cycle in which
    it came in and what the subclass keeps.
    """

    name: str
    """Of the network."""

    def __init__(self, network: NetworkFlits, recording: Recording, problems: list[Problem]):
        self.network, self.problems = network, problems
        self.columns = network.mesh.columns
        self.from_start, self.last = recording.first == 0, recording.last
        self.over = recording.over
        self.inputs: list[deque] = [deque() for _ in range(network.mesh.tiles * PORTS)]
        self.seen = [self.from_start] * len(self.inputs)
        """Whether all that was in this input when the window began has left: something that came in
        later has, or it ran dry.
        """
        self.excused = [0] * len(self.inputs)
        """Flits that left and were taken to have been in this input when the window began."""
        self.room = PORTS * recording.facts.fifo_depth
        """Copies of flits that an input can have held: each leaves by several outputs."""
        self.now = recording.first
        self._demands: dict[tuple[int, int], int] = {}
        self._leaves = [self._end(end) for end in network.leaves]
        self._enters = [self._end(end) for end in network.enters]
        self.offers = {
            self._leaves[link]
            for link, taken in enumerate(network.taken)
            if len(taken) and taken[-1] in (-1, recording.last)
        }
        """Outputs that offer a flit in the last cycle."""

    def run(self) -> None:
        """Go through the recording; if the run is over, nothing may be left in a router."""
        network = self.network
        for takes in network.cycles():
            self.now = takes[0][0]
            arriving = []
            for cycle, link, place, header in takes:
                leaves, enters = self._leaves[link], self._enters[link]
                if leaves is None:
                    owner = int(network.owners[link][place])
                else:
                    owner = network.owners[link][place] = self.leave(
                        leaves, header, cycle, link, place
                    )
                if enters is not None:
                    arriving.append((enters, owner, header, cycle, link, place))
            for enters, owner, header, cycle, link, place in arriving:
                self.inputs[enters].append(self.entry(enters, owner, header, cycle, link, place))
        for at, entries in enumerate(self.inputs):
            for place, entry in enumerate(entries):
                if self.over or self.vanished(entry, at, place):
                    self.lost(entry, at)

    def demand(self, header: int, at: int) -> int:
        """What the header demands at an input, kept once it is known."""
        known = self._demands.get((header, at))
        if known is None:
            known = self._demands[header, at] = self.demanded(header, at // PORTS, Port(at % PORTS))
        return known

    def tile(self, router: int) -> tuple[int, int]:
        """Its position."""
        return router % self.columns, router // self.columns

    def area(self, header: int) -> Rectangle:
        """The rectangle of a header."""
        names, fields = self.network.names, self.network.headers[header]
        return Rectangle(*(fields[names.index(name)] for name in Rectangle._fields))

    def pair(self, header: int, x: str, y: str) -> tuple[int, int]:
        """Two of its fields."""
        names = self.network.names
        return self.network.headers[header][names.index(x)], self.network.headers[header][
            names.index(y)
        ]

    def say(self, cycle: int, at: int, header: int, what: str, owner: int = -1) -> None:
        """Note a problem with a flit."""
        text = f"{self.name} network: {describe(self.name, self.network.named(header))} {what}"
        self.problems.append(
            Problem(
                cycle,
                self.tile(at // PORTS),
                text,
                message=owner if owner >= 0 else None,
                alike=f"{self.name} {at} {what}",
            )
        )

    def from_before(self, header: int, out: int) -> bool:
        """Whether a flit that nobody saw come in can have been in this router when the window
        began.
        """
        base = out - out % PORTS
        for at in range(base, base + PORTS):
            if self.may_hold(at) and self.allows(header, at, out % PORTS):
                self.excused[at] += 1
                return True
        return False

    def may_hold(self, at: int) -> bool:
        """Whether an input can still hold a flit from before the window: there must be room for it
        besides the others.
        """
        return (
            not self.seen[at] and self.excused[at] < self.room and len(self.inputs[at]) < self.room
        )

    def _end(self, end) -> int | None:
        if end is None:
            return None
        (x, y), port = end
        return (y * self.columns + x) * PORTS + port

    # What the networks differ in.

    def demanded(self, header: int, router: int, port: Port) -> int:
        """A mask over `Port` of what the header demands of a flit at this input of a router."""
        raise NotImplementedError

    def allows(self, header: int, at: int, out: int) -> bool:
        """Whether a flit at this input can leave by this output."""
        raise NotImplementedError

    def entry(self, at: int, owner: int, header: int, cycle: int, link: int, place: int) -> list:
        """What is kept of a flit that comes in."""
        raise NotImplementedError

    def leave(self, out: int, header: int, cycle: int, link: int, place: int) -> int:
        """Owner of what leaves by an output, which must be in this router."""
        raise NotImplementedError

    def lost(self, entry: list, at: int) -> None:
        """Note that what came in never left."""
        raise NotImplementedError

    def vanished(self, entry: list, at: int, place: int) -> bool:
        """Whether what is left at the end of the window cannot be there any more; `place` counts
        from the first of the input.
        """
        raise NotImplementedError
