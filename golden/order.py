"""What a program orders, whatever the timing: vector clocks of everything that is sent, by all that certainly comes before.

A wait for a counting semaphore takes counts, not messages. A bump certainly came before a wait if the wait could not be
met without it: if there are fewer other bumps that may come before the wait than counts that are certainly taken by then.
"May come before" are those that come neither after the bump nor after the wait, which depends on what all other waits
order. So what this run did is assumed first (no more can be certain), and whatever does not follow is dropped until all
that is left follows from the rest. It then holds for every run: the first event that broke it would break the count.
"""

from collections import Counter, deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from golden.flows import Bump, Event, Flows, Semaphore, Transfer, Wait
from isa.instructions import Opcode, Queue

__all__ = ["Clock", "Clocks", "settle"]

Clock = NDArray[np.int32]
"""Of each component, how far it certainly was."""


class Clocks:
    """One walk through the events, with the orders that the waits are known to make.

    Parameters
    ----------
    flows
        The events.
    engine
        Called for each instruction of an engine: ``engine(event, clock)``, with what came before it was issued.
    arrival
        Called for each receiver of a transfer: ``arrival(event, transfer, tile, clock)``, with what came before its first
        word; `event` is the last member to be executed. For a STORE, before the first word is written to HBM.
    """

    def __init__(
        self,
        flows: Flows,
        engine: Callable[[Event, Clock], None] | None = None,
        arrival: Callable[[Event, Transfer, tuple[int, int], Clock], None] | None = None,
    ):
        self._flows = flows
        self._engine = engine
        self._arrival = arrival
        self._issued = {component: np.zeros(flows.components, np.int32) for component in flows.queues.values()}
        # The matrix engine begins instructions before earlier ones have completed; the others do not.
        self._done = {
            component: np.zeros(flows.components, np.int32) if queue == Queue.MATRIX else self._issued[component]
            for (_, queue), component in flows.queues.items()
        }
        self._posted: dict[Event, Clock] = {}
        self._coming: dict[Semaphore, deque[Clock]] = {}
        self._gone: dict[Semaphore, int] = {}
        self._kept: dict[tuple[Semaphore, int, int], Clock] = {}
        # Of semaphores that are not simple: what is before each bump and each wait, in the semaphore's columns.
        self._columns = {
            semaphore: np.array([*semaphore.taken, *(flows.occurred[semaphore, i] for i in range(len(semaphore.chains)))])
            for semaphore in flows.semaphores.values()
            if not semaphore.simple
        }
        self._wanted = Counter((wait.semaphore, *bump) for wait in flows.waits() for bump in wait.known.items())
        self._before_bump: dict[Semaphore, list[NDArray[np.int32]]] = {semaphore: [] for semaphore in self._columns}
        self._before_wait: dict[Wait, NDArray[np.int32]] = {}
        flows.forget()

    def walk(self) -> None:
        """Go through all events."""
        for event in self._flows.events:
            self._walk(event)

    def _walk(self, event: Event) -> None:
        component = event.component
        clock, done = self._issued[component], self._done[component]
        for wait in event.waits:
            self._wait(wait, clock)
        if event.drains and done is not clock:
            np.maximum(clock, done, out=clock)
        elif not event.engine and done is not clock:
            return
        if done is not clock:
            if self._engine and event.engine:
                self._engine(event, clock)
            np.maximum(done, clock, out=done)
        else:
            clock[component] = 2 * event.number
            if self._engine and event.engine:
                self._engine(event, clock)
            if event.transfer is not None or event.step.decoded.opcode == Opcode.REDUCE:
                self._posted[event] = clock.copy()
            if event.last:
                self._deliver(event)
        done[component] = 2 * event.number + 1
        if event.transfer is not None and event.step.decoded.opcode == Opcode.PUT:
            done[event.transfer.source.sent] = event.transfer.number
        for bump in event.signals:
            before = done.copy()
            if bump.semaphore.tile != event.step.tile:
                self._follow(before, ("tile", event.step.tile), bump.semaphore.tile)
            self._bump(bump, before)

    def _wait(self, wait: Wait, clock: Clock) -> None:
        semaphore = wait.semaphore
        if semaphore not in self._columns:
            coming, gone = self._coming[semaphore], self._gone.get(semaphore, 0)
            for _ in range(wait.own - gone):
                known = coming.popleft()
            self._gone[semaphore] = wait.own
            np.maximum(clock, known, out=clock)
            return
        self._before_wait[wait] = clock[self._columns[semaphore]]
        for bump in wait.known.items():
            key = semaphore, *bump
            np.maximum(clock, self._kept[key], out=clock)
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._kept[key]

    def _bump(self, bump: Bump, clock: Clock) -> None:
        """A count arrives; `clock` is kept."""
        semaphore, route = bump.semaphore, bump.route
        if not semaphore.waits:
            return
        for ways in (route, route.behind):
            for component, value in ways.happened.items() if ways else ():
                clock[component] = max(clock[component], value)
        if semaphore not in self._columns:
            self._coming.setdefault(semaphore, deque()).append(clock)
            return
        occurred = self._flows.occurred[semaphore, bump.chain]
        clock[occurred] = route.happened[occurred] = bump.index + 1
        self._before_bump[semaphore].append(clock[self._columns[semaphore]])
        if self._wanted[semaphore, bump.chain, bump.index]:
            self._kept[semaphore, bump.chain, bump.index] = clock

    def _follow(self, clock: Clock, port: tuple, tile: tuple[int, int]) -> None:
        """What is sent to a tile now arrives behind all that is known to have entered the network by the same port."""
        for source in self._flows.ports.get(port, ()):
            route = source.routes.get(tile)
            if route is not None and clock[route.arrived] < clock[source.sent]:
                clock[route.arrived] = clock[source.sent]

    def _deliver(self, event: Event) -> None:
        transfer = event.transfer
        assert transfer is not None
        source, members = transfer.source, transfer.members
        issued = [self._posted.pop(member) for member in members.values()]
        before = issued[0] if len(issued) == 1 else np.maximum.reduce(issued)
        port = ("channel", transfer.channel) if transfer.channel is not None else source.port
        for tile, bump in transfer.receivers.items():
            route, clock = source.routes[tile], before.copy()
            clock[route.arrived] = transfer.number - 1
            if event.step.decoded.opcode != Opcode.STORE:
                self._follow(clock, port, tile)
            if self._arrival:
                self._arrival(event, transfer, tile, clock)
            if bump is None:
                continue
            # The last word is behind the last one of each member.
            for member in members.values():
                clock[member.component] = 2 * member.number + 1
            self._follow(clock, port, tile)
            clock[route.arrived] = clock[source.sent] = transfer.number
            self._bump(bump, clock)

    def refute(self) -> bool:
        """Drop the orders of waits that do not follow from the others; False if all of them do."""
        dropped = False
        for semaphore in self._columns:
            before = np.array(self._before_bump[semaphore], np.int32).reshape(len(semaphore.bumps), -1)
            for wait in semaphore.waits:
                dropped |= self._refute(wait, before)
        return dropped

    def _refute(self, wait: Wait, before: NDArray[np.int32]) -> bool:
        """`before`: for each bump, how far each waiting queue and each chain was."""
        queues = list(wait.semaphore.taken)
        taken = wait.own + self._taken_by_others(wait)
        early = before[before[:, queues.index(wait.queue)] < wait.issue][:, len(queues) :]
        spare = len(early) - taken
        known = {}
        for chain, index in wait.known.items():
            # A bump must have `spare` others behind it, itself not counted.
            certain = np.partition(early[:, chain], len(early) - 1 - spare)[len(early) - 1 - spare] if spare >= 0 else 0
            if certain > 0:
                known[chain] = min(index, int(certain) - 1)
        changed, wait.known = known != wait.known, known
        return changed

    def _taken_by_others(self, wait: Wait) -> int:
        """Counts that other queues have certainly taken before."""
        before, total = self._before_wait[wait], 0
        for column, queue in enumerate(wait.semaphore.taken):
            if queue != wait.queue:
                counts = [
                    other.own for other in wait.semaphore.waits if other.queue == queue and other.issue <= before[column]
                ]
                total += max(counts, default=0)
        return total


def settle(flows: Flows, make: Callable[[], Clocks]) -> Clocks:
    """Walk until every order that the waits are said to make follows from the others; gives the last walk.

    `make` gives a new walk through the same flows.
    """
    _assume(flows)
    while True:
        clocks = make()
        clocks.walk()
        if not clocks.refute():
            return clocks


def _assume(flows: Flows) -> None:
    """At most the first bumps to come, as many as are taken by then, are certain: this run shows that those suffice."""
    for semaphore in flows.semaphores.values():
        if semaphore.simple:
            continue
        latest: dict[int, int] = {}
        come = 0
        for wait in semaphore.waits:
            for bump in semaphore.bumps[come : wait.total]:
                latest[bump.chain] = bump.index
            come = max(come, wait.total)
            wait.known = dict(latest)
