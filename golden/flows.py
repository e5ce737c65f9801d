"""What a run's instructions sent to each other: transfers, signals, and the semaphores that count
them.

Everything that is numbered here has a **component** of a vector clock: a queue's instructions, what
comes from one sender to one tile, what was sent at all. Components count from 1; 0 is "not yet".
"""

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from golden.recording import Step
from isa.geometry import Rectangle, TileXY
from isa.instructions import EdgePort, Kind, Opcode, Queue
from isa.machine import Machine

__all__ = ["Bump", "FlowEvent", "FlowTransfer", "Flows", "Semaphore", "Wait"]


@dataclass(slots=True, eq=False)
class Semaphore:
    """A semaphore with all its bumps, in the order in which they came in this run, and all its
    waits.
    """

    tile: TileXY
    number: int
    bumps: list["Bump"] = field(default_factory=list)
    waits: list["Wait"] = field(default_factory=list)
    chains: dict[Hashable, int] = field(default_factory=dict)
    """Where bumps come from, numbered: those of one chain always come in one order."""
    lengths: list[int] = field(default_factory=list)
    """Bumps of each chain."""
    taken: dict[int, int] = field(default_factory=dict)
    """Counts taken by each queue, by component."""

    @property
    def simple(self) -> bool:
        """One source and one queue that waits: the n-th bump is always the same."""
        return len(self.chains) < 2 and len(self.taken) < 2


@dataclass(slots=True, eq=False)
class Bump:
    """One count for a semaphore."""

    semaphore: Semaphore
    chain: int
    index: int
    """In its chain, from 0."""


@dataclass(slots=True, eq=False)
class Wait:
    """A wait for a semaphore, with all that the queue takes from it until then."""

    semaphore: Semaphore
    queue: int
    """Component of the queue."""
    issue: int
    """Value of that component from the wait on."""
    own: int
    """Counts taken by this queue so far, this wait included."""
    total: int
    """Counts taken by anybody so far in this run."""
    latest: dict[int, int] = field(default_factory=dict)
    """Of each chain, the last of as many bumps as are taken by anybody so far."""


@dataclass(slots=True, eq=False)
class FlowSource:
    """One sender of transfers, in order, through a port into the network."""

    sent: int
    """Component that counts what has entered the network, or was read from HBM."""
    port: Hashable
    arrived: dict[TileXY, int] = field(default_factory=dict)
    """Component that counts what has arrived in a tile, for each receiver."""
    count: int = 0


@dataclass(slots=True, eq=False)
class FlowTransfer:
    """What a LOAD, STORE, PUT or REDUCE moves; it is under way once the last of its `members` was
    executed.
    """

    number: int
    """Of its source, from 1."""
    source: FlowSource
    members: dict[TileXY, "FlowEvent"]
    receivers: dict[TileXY, Bump | None]
    channel: int | None = None


@dataclass(slots=True, eq=False)
class FlowEvent:
    """A step, and what it waits for and sends."""

    step: Step
    component: int
    """Of its queue."""
    number: int
    """In its queue, from 1: it is issued at 2n and complete at 2n + 1."""
    waits: list[Wait] = field(default_factory=list)
    signals: list[Bump] = field(default_factory=list)
    transfer: FlowTransfer | None = None
    """The one that this step is a member of."""
    last: bool = False
    """The last member of the transfer to be executed."""

    @property
    def engine(self) -> bool:
        """Whether an engine executes it."""
        return self.step.decoded.kind != Kind.SCALAR

    @property
    def drains(self) -> bool:
        """Whether it waits for all that its queue has issued."""
        return not self.engine and (
            bool(self.step.decoded.signals) or self.step.decoded.opcode == Opcode.HALT
        )


class Flows:
    """All events of a run, in its order.

    Attributes
    ----------
    events, semaphores, queues
        What there is; for a queue, its component.
    ports
        Sources by the port by which they enter a network.
    components
        How many there are, 0 included, which nothing uses.
    """

    def __init__(self, machine: Machine, steps: Sequence[Step]):
        self.components = 1
        self.semaphores: dict[tuple[TileXY, int], Semaphore] = {}
        self.queues: dict[tuple[TileXY, Queue], int] = {}
        self._channel_at = {(c.x, c.y, EdgePort[c.edge.upper()]): c.index for c in machine.channels}
        self._numbers: dict[int, int] = {}
        self._sources: dict[Hashable, FlowSource] = {}
        self.ports: dict[Hashable, list[FlowSource]] = {}
        self._posted: dict[Hashable, dict[TileXY, deque[FlowEvent]]] = {}
        self.events = [self._event(step) for step in steps]
        for semaphore in self.semaphores.values():
            _set_latest(semaphore)

    def _component(self) -> int:
        self.components += 1
        return self.components - 1

    def _event(self, step: Step) -> FlowEvent:
        place = step.tile, step.queue
        component = self.queues.get(place) or self.queues.setdefault(place, self._component())
        number = self._numbers[component] = self._numbers.get(component, 0) + 1
        event = FlowEvent(step, component, number)
        for semaphore, count in step.decoded.waits:
            event.waits.append(self._wait(self._semaphore(step.tile, semaphore), event, count))
        if step.decoded.kind == Kind.MOVE:
            self._move(event)
        for semaphore, remote in step.decoded.signals:
            to = remote or step.tile
            event.signals.append(self._bump(to, semaphore, ("signal", component)))
        return event

    def _semaphore(self, tile: TileXY, number: int) -> Semaphore:
        key = tile, number
        return self.semaphores.get(key) or self.semaphores.setdefault(key, Semaphore(tile, number))

    def _wait(self, semaphore: Semaphore, event: FlowEvent, count: int) -> Wait:
        taken = semaphore.taken
        own = taken[event.component] = taken.get(event.component, 0) + count
        wait = Wait(semaphore, event.component, 2 * event.number, own, sum(taken.values()))
        semaphore.waits.append(wait)
        return wait

    def _bump(self, tile: TileXY, number: int, chain: Hashable) -> Bump:
        semaphore = self._semaphore(tile, number)
        index = semaphore.chains.setdefault(chain, len(semaphore.lengths))
        if index == len(semaphore.lengths):
            semaphore.lengths.append(0)
        bump = Bump(semaphore, index, semaphore.lengths[index])
        semaphore.lengths[index] += 1
        semaphore.bumps.append(bump)
        return bump

    def _source(self, key: Hashable, port: Hashable) -> FlowSource:
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = FlowSource(self._component(), port)
            self.ports.setdefault(port, []).append(source)
        source.count += 1
        return source

    def _move(self, event: FlowEvent) -> None:
        """Find the transfer that a step belongs to."""
        step, f = event.step, event.step.operands
        tile, opcode = step.tile, step.decoded.opcode
        rectangle, target = (
            Rectangle(f["x0"], f["y0"], f["x1"], f["y1"]),
            (f["target_x"], f["target_y"]),
        )
        members, channel = {tile: event}, None
        if opcode in (Opcode.LOAD, Opcode.STORE):
            channel = self._channel_at[*target, EdgePort(f["edge"])]
        if opcode == Opcode.LOAD:
            source, receivers = (
                self._source(("load", tile, channel), ("channel", channel)),
                rectangle.tiles(),
            )
        elif opcode == Opcode.STORE:
            # The receiver is the sender, which gets the acknowledgement.
            source, receivers = (
                self._source(("store", tile, channel), ("written", tile, channel)),
                [tile],
            )
        elif opcode == Opcode.PUT:
            source, receivers = self._source(("put", tile), ("tile", tile)), rectangle.tiles()
        else:
            posted = self._posted.setdefault((rectangle, target, f["tag"]), {})
            posted.setdefault(tile, deque()).append(event)
            if any(not posted.get(member) for member in rectangle.tiles()):
                return
            members = {member: posted[member].popleft() for member in rectangle.tiles()}
            # A result that turns goes into the data network at the root.
            port = ("tile", target) if f["turn"] else ("reduced", rectangle, target)
            source = self._source(("reduce", rectangle, target, f["turn"]), port)
            receivers = rectangle.tiles() if f["turn"] else [target]
        bumps: dict[TileXY, Bump | None] = {}
        for receiver in receivers:
            arrived = source.arrived.get(receiver) or source.arrived.setdefault(
                receiver, self._component()
            )
            bumps[receiver] = (
                self._bump(receiver, f["sem"], ("transfer", arrived)) if f["bump"] else None
            )
        transfer = FlowTransfer(source.count, source, members, bumps, channel)
        for member in members.values():
            member.transfer = transfer
        event.last = True


def _set_latest(semaphore: Semaphore) -> None:
    """Fill in `Wait.latest`."""
    latest: dict[int, int] = {}
    come = 0
    for wait in semaphore.waits:
        for bump in semaphore.bumps[come : wait.total]:
            latest[bump.chain] = bump.index
        come = max(come, wait.total)
        wait.latest = dict(latest)
