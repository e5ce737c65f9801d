"""What a program orders, whatever the timing: vector clocks of everything that is sent, by all that
certainly comes before.

A wait for a counting semaphore takes counts, not messages. When it is met, at least so many bumps
have come as are certainly taken by then, out of all but those that come after the wait. So
something certainly comes before the wait if so many bumps cannot be found that do not come after
it. What comes after a wait depends on what the other waits order: what this run did is assumed
first (no more can be certain), and whatever does not follow is dropped, until all that is left
follows from the rest. That holds for every run: the first event to break it would have to break the
count.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray

from golden.flows import Bump, FlowEvent, Flows, FlowTransfer, Semaphore, Wait
from isa.instructions import Opcode, Queue

__all__ = ["Clock", "Clocks", "settle"]

Clock = NDArray[np.int32]
"""Of each component, how far it certainly was."""


class Clocks:
    """One walk through the events, with the orders that the waits are said to make.

    Parameters
    ----------
    flows
        The events.
    said
        For semaphores with bumps that may come in another order than in this run: what comes before
        each wait. Waits for the others come after the bumps that met them in this run.
    engine
        Called for each instruction of an engine: ``engine(event, clock)``, with what came before it
        was issued.
    arrival
        Called for each receiver of a transfer: ``arrival(event, transfer, tile, clock)``, with what
        came before its first word; `event` is the last member to be executed. For a STORE, before
        the first word is written to HBM.
    """

    def __init__(
        self,
        flows: Flows,
        said: dict[Semaphore, dict[Wait, Clock | None]],
        engine: Callable[[FlowEvent, Clock], None],
        arrival: Callable[[FlowEvent, FlowTransfer, tuple[int, int], Clock], None],
    ):
        self._flows = flows
        self._said = said
        self._engine = engine
        self._arrival = arrival
        self._issued = {
            component: np.zeros(flows.components, np.int32) for component in flows.queues.values()
        }
        # The matrix engine begins instructions before earlier ones have completed; the others do
        # not.
        self._done = {
            component: np.zeros(flows.components, np.int32)
            if queue == Queue.MATRIX
            else self._issued[component]
            for (_, queue), component in flows.queues.items()
        }
        self._posted: dict[FlowEvent, Clock] = {}
        # Bumps under way: of simple semaphores in order; of others those that a wait needs, or all
        # where much is said.
        self._coming: dict[Semaphore, deque[Clock]] = {}
        self._gone: Counter[Semaphore] = Counter()
        self._others = {s for s in flows.semaphores.values() if not s.simple and s.waits}
        unsaid = (
            wait for s in self._others for wait in s.waits if said.get(s, {}).get(wait) is None
        )
        self._needed = Counter(
            (wait.semaphore, *bump) for wait in unsaid for bump in wait.latest.items()
        )
        self._kept: dict[tuple[Semaphore, int, int], Clock] = {}
        self._bumps: dict[Semaphore, list[NDArray[np.int32]]] = {
            semaphore: [] for semaphore in self._others
        }
        self._before: dict[Wait, NDArray[np.int32]] = {}
        self._queues = {semaphore: np.array(list(semaphore.taken)) for semaphore in self._others}

    def walk(self) -> None:
        """Go through all events."""
        for event in self._flows.events:
            self._walk(event)

    def _walk(self, event: FlowEvent) -> None:
        component = event.component
        clock, done = self._issued[component], self._done[component]
        ahead = done is not clock
        for wait in event.waits:
            self._wait(wait, clock)
        if ahead and not event.engine:
            if not event.drains:
                return
            np.maximum(clock, done, out=clock)
        if not ahead:
            clock[component] = 2 * event.number
        if event.engine:
            self._engine(event, clock)
        if event.step.decoded.opcode == Opcode.REDUCE or event.transfer is not None:
            self._posted[event] = clock.copy()
        if event.last:
            self._deliver(event)
        if ahead:
            np.maximum(done, clock, out=done)
        done[component] = 2 * event.number + 1
        if event.step.decoded.opcode == Opcode.PUT:
            assert event.transfer is not None
            done[event.transfer.source.sent] = event.transfer.number
        for bump in event.signals:
            before = done.copy()
            if bump.semaphore.tile != event.step.tile:
                self._follow(before, ("tile", event.step.tile), bump.semaphore.tile)
            self._bump(bump, before)

    def _wait(self, wait: Wait, clock: Clock) -> None:
        semaphore = wait.semaphore
        if semaphore not in self._others:
            coming = self._coming[semaphore]
            for _ in range(wait.own - self._gone[semaphore]):
                before = coming.popleft()
            self._gone[semaphore] = wait.own
            np.maximum(clock, before, out=clock)
            return
        self._before[wait] = clock[self._queues[semaphore]]
        said = self._said.get(semaphore, {}).get(wait)
        if said is not None:
            np.maximum(clock, said, out=clock)
            return
        for bump in wait.latest.items():
            key = semaphore, *bump
            np.maximum(clock, self._kept[key], out=clock)
            self._needed[key] -= 1
            if not self._needed[key]:
                del self._kept[key]

    def _bump(self, bump: Bump, clock: Clock) -> None:
        """A count arrives; `clock` is kept."""
        semaphore = bump.semaphore
        if not semaphore.waits:
            return
        if semaphore not in self._others:
            self._coming.setdefault(semaphore, deque()).append(clock)
            return
        self._bumps[semaphore].append(
            clock if semaphore in self._said else clock[self._queues[semaphore]]
        )
        if self._needed[semaphore, bump.chain, bump.index]:
            self._kept[semaphore, bump.chain, bump.index] = clock

    def _follow(self, clock: Clock, port: Hashable, tile: tuple[int, int]) -> None:
        """What is sent to a tile now arrives behind all that is known to have entered the network
        by the same port.
        """
        for source in self._flows.ports.get(port, ()):
            arrived = source.arrived.get(tile)
            if arrived is not None and clock[arrived] < clock[source.sent]:
                clock[arrived] = clock[source.sent]

    def _deliver(self, event: FlowEvent) -> None:
        transfer = event.transfer
        assert transfer is not None
        source, members = transfer.source, transfer.members
        issued = [self._posted.pop(member) for member in members.values()]
        before = issued[0] if len(issued) == 1 else np.maximum.reduce(issued)
        port = ("channel", transfer.channel) if transfer.channel is not None else source.port
        for tile, bump in transfer.receivers.items():
            arrived, clock = source.arrived[tile], before.copy()
            clock[arrived] = transfer.number - 1
            if event.step.decoded.opcode != Opcode.STORE:
                self._follow(clock, port, tile)
            self._arrival(event, transfer, tile, clock)
            if bump is None:
                continue
            # The last word is behind the last one of each member.
            for member in members.values():
                clock[member.component] = 2 * member.number + 1
            self._follow(clock, port, tile)
            clock[arrived] = clock[source.sent] = transfer.number
            self._bump(bump, clock)

    def refute(self) -> bool:
        """Say less of waits, where what is said does not follow; False if all of it does."""
        less = False
        for semaphore in self._others:
            bumps, queues = np.array(self._bumps[semaphore]), list(semaphore.taken)
            if semaphore in self._said:
                for wait in semaphore.waits:
                    early = bumps[bumps[:, wait.queue] < wait.issue]
                    taken = self._taken(wait)
                    # At least `taken` of them have come; at worst, of each component those that
                    # were least far.
                    certain = np.partition(early, taken - 1, axis=0)[taken - 1]
                    before = self._said[semaphore][wait]
                    less |= before is None or not np.array_equal(before, certain)
                    self._said[semaphore][wait] = certain
            elif any(
                np.count_nonzero(bumps[:, queues.index(wait.queue)] < wait.issue)
                > self._taken(wait)
                for wait in semaphore.waits
            ):
                # Some come after no wait that would tell them apart. The next walk keeps what is
                # before each.
                self._said[semaphore] = dict.fromkeys(semaphore.waits)
                less = True
        return less

    def _taken(self, wait: Wait) -> int:
        """Counts that have certainly been taken when the wait is met, its own included."""
        taken = wait.own
        for before, queue in zip(self._before[wait], wait.semaphore.taken, strict=True):
            if queue != wait.queue:
                counts = [
                    other.own
                    for other in wait.semaphore.waits
                    if other.queue == queue and other.issue <= before
                ]
                taken += max(counts, default=0)
        return taken


def settle(make: Callable[[dict], Clocks]) -> None:
    """Walk until all that is said of waits follows; ``make(said)`` gives a new walk through the
    same events.
    """
    said: dict[Semaphore, dict[Wait, Clock | None]] = {}
    while True:
        clocks = make(said)
        clocks.walk()
        if not clocks.refute():
            return
