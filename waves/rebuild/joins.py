"""Follows flits through routers that combine them, and finds out whose contributions a result is
made of.
"""

from isa.packets import Port
from isa.routes import joined, mask_of, towards
from waves.read.recording import Recording
from waves.rebuild.follow import PORTS, Follower
from waves.rebuild.inspection import Problem
from waves.rebuild.messages import Messages
from waves.rebuild.network import NetworkFlits

__all__ = ["follow_reduce"]


class _Joins(Follower):
    """An entry also has the output that the flit goes to, and the link and place by which it came
    in.
    """

    name = "reduce"

    def __init__(
        self,
        network: NetworkFlits,
        recording: Recording,
        problems: list[Problem],
        messages: Messages,
    ):
        super().__init__(network, recording, problems)
        self.room = recording.facts.fifo_depth + recording.facts.joins_in_flight
        self._messages = messages
        self._outputs: dict[tuple[int, int], int] = {}

    def demanded(self, header: int, router: int, port: Port) -> int:
        root = self.pair(header, "root_x", "root_y")
        return mask_of(joined(self.tile(router), self.area(header), root))

    def allows(self, header: int, at: int, out: int) -> bool:
        return bool(self.demand(header, at - at % PORTS) >> at % PORTS & 1)

    def _output(self, header: int, router: int) -> int:
        known = self._outputs.get((header, router))
        if known is None:
            root = self.pair(header, "root_x", "root_y")
            known = self._outputs[header, router] = towards(self.tile(router), root)
        return known

    def entry(self, at: int, owner: int, header: int, cycle: int, link: int, place: int) -> list:
        if not self.allows(header, at, 0):
            self.say(
                cycle, at, header, f"comes in by {_name(at)}, which it does not join from", owner
            )
        return [owner, header, cycle, self._output(header, at // PORTS), link, place]

    def leave(self, out: int, header: int, cycle: int, link: int, place: int) -> int:
        base, port = out - out % PORTS, out % PORTS
        if port != self._output(header, out // PORTS):
            self.say(
                cycle,
                out,
                header,
                f"leaves by {_name(out)} instead of {_name(self._output(header, out // PORTS))}",
            )
            port = self._output(header, out // PORTS)
        parts, missing = [], []
        needed = self.demand(header, base)
        for number in range(PORTS):
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
            index = next(
                i for i, entry in enumerate(entries) if entry[3] == port or entry[1] == header
            )
            entry = entries[index]
            del entries[index]
            if entry[1] == header:
                return entry
            self.lost(entry, at)

    def _combine(
        self, parts: list[list], missing: list[int], out: int, header: int, cycle: int
    ) -> int:
        latest = max((part[2] for part in parts), default=0)
        for part in parts:
            self.network.join_wait[part[4]][part[5]] = latest - part[2]
        owner = self._messages.join(part[0] for part in parts if part[0] >= 0)
        base = out - out % PORTS
        absent = [number for number in missing if not self._excuse(base + number)]
        if absent:
            ways = ", ".join(_name(number) for number in absent)
            why = "without the part from" if parts else "though nothing came in from"
            self.say(
                cycle,
                out,
                header,
                f"leaves {why} {ways}: dropped, doubled, changed, or for another root",
                owner,
            )
        return owner

    def _excuse(self, at: int) -> bool:
        """Whether the part that is missing from an input can have been there when the
        window began.
        """
        excused = self.may_hold(at)
        self.excused[at] += excused
        return excused

    def lost(self, entry: list, at: int) -> None:
        what = (
            f"comes in by {_name(at)} and is never combined: another part is missing, or it came "
            "twice"
        )
        self.say(entry[2], at, entry[1], what, entry[0])

    def vanished(self, entry: list, at: int, place: int) -> bool:
        return False  # it may well wait for the others


def follow_reduce(
    network: NetworkFlits, recording: Recording, problems: list[Problem], messages: Messages
) -> None:
    """Follow the reduction network, the owners of what tiles put in being known; messages that are
    combined become one transfer.
    """
    _Joins(network, recording, problems, messages).run()


def _name(at: int) -> str:
    return Port(at % PORTS).name.lower()
