"""The networks, a cycle at a time.

This is what `hw.network.router` does. A link moves a flit a cycle into the queue behind it, if that
had room at the beginning of the cycle; those that ask for it are served in turns, and one that was
chosen stays so until it has gone. A flit at the head of its queue asks for all links that it needs,
and leaves when it has had each. What is blocked costs nothing: a link is looked at when somebody
new asks for it, and when a flit leaves the queue behind it.

All that moves in a cycle is chosen first, from how things stood at its beginning.
"""

from model.engine.arrivals import arrive_at_channel, arrive_at_root, arrive_at_tile
from model.engine.compiled import compiled, inlined
from model.engine.joins import join_routers
from model.engine.links import activate, choose, pop, pop_train, push_flit, settle, wake
from model.engine.tables import SLOTS, LinkKind, Slot

__all__ = ["cycle"]

FORK, CHANNEL, ROOT = int(LinkKind.FORK), int(LinkKind.CHANNEL), int(LinkKind.ROOT)
RESULT = int(Slot.RESULT)


@compiled
def cycle(s):
    """One cycle. Returns how many sources are in `entered`: their trains have gone."""
    run = s.run[0]
    now = run.cycle
    run.earliest = now + 1
    popped = join_routers(s, now)
    moves = _choose_all(s, now)
    for i in range(popped):
        pop(s, s.changed[0, i])
    left = 0
    for i in range(moves):
        left = _move(s, i, now, left)
    for i in range(popped):
        settle(s, s.changed[0, i])
    for i in range(moves):
        link, before = s.move[i, 0], s.move[i, 1]
        settle(s, link)
        if before >= 0:
            settle(s, before)
    if moves:
        run.last = max(run.last, float(now))
        run.events += moves
    run.cycle = now + 1
    return left


@inlined
def _choose_all(s, now):
    """Who takes which link. Returns how many do."""
    run = s.run[0]
    links, current = run.links, run.lap & 1
    run.links = 0
    run.lap += 1
    moves = 0
    for i in range(links):
        link = s.active[current, i]
        port = choose(s, link, now)
        if port >= 0:
            s.move[moves, 0], s.move[moves, 1] = link, port
            moves += 1
    return moves


@inlined
def _move(s, i, now, left):
    """Take a flit through a link; keep the queue that has lost it, or -1."""
    link, port = s.move[i, 0], s.move[i, 1]
    this = s.link[link]
    this.locked = 0
    feeder = this.feeder[port]
    s.move[i, 1] = -1
    if feeder >= 0:
        before, node = s.link[feeder], this.node[port]
        payload = before.flits[before.first] & 0xFFFFFFFF
        this.wants &= ~(1 << port)
        before.pending &= ~(1 << (node - before.needs))
        if before.pending == 0:
            pop(s, feeder)
            s.move[i, 1] = feeder
    else:
        node, payload, over = pop_train(s, -1 - feeder, port)
        if over:
            left = _gone(s, -1 - feeder, left)
    if this.wants:
        activate(s, link)
    _deliver(s, link, node, payload, now)
    return left


@inlined
def _gone(s, source, left):
    """A train has: a result's router may have room for another one, others want to know."""
    if source < SLOTS * len(s.tile) and source % SLOTS >= RESULT:
        if s.tile[source // SLOTS].complete:
            wake(s, source // SLOTS)
        return left
    s.entered[left] = source
    return left + 1


@inlined
def _deliver(s, link, node, payload, now):
    kind = s.link[link].kind
    if kind == FORK and s.path[node].tile >= 0:
        arrive_at_tile(s, link, s.path[node].tile, (0, node), payload, now)
    elif kind == CHANNEL:
        arrive_at_channel(s, link, payload, now)
    elif kind == ROOT:
        arrive_at_root(s, link, node, payload, now)
    else:
        push_flit(s, link, node, payload)
