"""Routers of the reduction network: what `hw.network.reduce_router` does.

A set of inputs is complete when the heads of all their queues belong to one reduction. A router
starts one set a cycle, each in its turn, if the output has room for the result, no result overtakes
another, and the adders are free. The result then is a train of one flit.
"""

from model.engine.compiled import compiled, inlined
from model.engine.links import ask, take_turn, wake
from model.engine.tables import SLOTS, Slot

__all__ = ["join_routers"]

RESULT = int(Slot.RESULT)


@compiled
def join_routers(s, now):
    """Start what can be started, in the routers that are to be looked at. Returns how many queues
    lose their heads.
    """
    run = s.run[0]
    routers, current, popped = run.routers, run.turn & 1, 0
    run.routers = 0
    run.turn += 1
    for i in range(routers):
        tile = s.routers[current, i]
        lowest = _choose(s, tile)
        if lowest >= 0:
            popped = _start(s, tile, lowest, now, popped)
    return popped


@inlined
def _source(s, node):
    return SLOTS * s.node[node].tile + RESULT + s.node[node].port


@inlined
def _choose(s, tile):
    """The lowest input of the set whose turn it is, or -1."""
    this = s.tile[tile]
    ready = 0
    for port in range(5):
        if this.complete >> port & 1:
            source = s.source[_source(s, this.set[port])]
            if source.count < s.laws[0].results_waiting:
                ready |= 1 << port
    return take_turn(this, ready) if ready else -1


@compiled
def _start(s, tile, lowest, now, popped):
    this = s.tile[tile]
    node = this.set[lowest]
    job = s.node[node]
    ready = now + job.extra
    if now < this.free or ready <= this.due:
        wake(s, tile)
        return popped
    queue = s.link[job.feeds[0]]
    payload = queue.flits[queue.first] & 0xFFFFFFFF
    for i in range(job.inputs):
        s.changed[0, popped] = job.feeds[i]
        popped += 1
    this.locked = 0
    this.complete &= ~(1 << lowest)
    this.free, this.due = now + job.each, ready
    job.there = 0
    if this.complete:
        wake(s, tile)
    to = job.parent if job.parent >= 0 else node
    ask(s, _source(s, node), to, 1, (payload, payload), ready)
    return popped
