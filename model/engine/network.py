"""The networks: trains of flits through links, along trees, and into joins.

A train is up to `Laws.train` flits that follow each other. It is taken along its whole path when it
enters the network: each link serves it when it is free, not before it is there, and not before the
queue behind the link has room for it. Trains take a link in the order of their entries, but one
that is there earlier may use the gap that another, still on its way, left before itself.
"""

from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.tables import RING, CoreEvent

__all__ = ["cross", "join", "leave", "send"]

GAP = 64
"""Cycles after which a gap is of no use any more."""
SIGNAL, INJECT = int(CoreEvent.SIGNAL), int(CoreEvent.INJECT)


@compiled
def cross(s, link, head, tail, flits):
    """Take a train through a link, its first flit not before `head`, its last not before `tail`.

    Returns when its first and its last flit are in the queue behind the link.
    """
    this = s.link[link]
    depth, count = this.depth, this.count
    if depth:
        head = max(head, this.left[count % depth] + 1)
        tail = max(tail, this.left[(count + flits - 1) % depth] + 1)
    if head >= this.free:
        if head - this.free > this.gap_to - this.gap_from or this.gap_to < head - GAP:
            this.gap_from, this.gap_to = this.free, head
        this.free = head + flits
    elif max(head, this.gap_from) + flits <= this.gap_to:
        head = max(head, this.gap_from)
        this.gap_from = head + flits
    else:
        head = this.free
        this.free = head + flits
    this.count = count + flits
    return head, max(tail, head + flits - 1)


@compiled
def leave(s, link, flits, first, last):
    """The train that last came to the queue behind a link has left it, from `first` to `last`."""
    depth = s.link[link].depth
    if depth:
        count = s.link[link].count - flits
        step = (last - first) / (flits - 1) if flits > 1 else 0.0
        for i in range(flits):
            s.link[link].left[(count + i) % depth] = first + i * step


@compiled
def _behind(s, link, arrival, flits):
    """When the queue behind a link is rid of what came before a train that came at `arrival`."""
    depth = s.link[link].depth
    if depth == 0 or arrival < s.link[link].last:
        return 0.0
    return s.link[link].left[(s.link[link].count - flits - 1) % depth] + 1


@compiled
def send(s, path, head, tail, flits, sem):
    """Take a train along a path; its last flit bumps `sem` of every tile on it, if it is not -1.

    Returns when its last flit has entered the network, and when its first one and its last one are
    at the path's last node.
    """
    start, end = s.path_at[path], s.path_at[path + 1]
    hop, eject = s.laws[0].hop, s.laws[0].eject
    for j in range(start, end):
        node = s.path[j]
        node.gone = -1.0
        if node.parent < 0:
            x, y = cross(s, node.link, head, tail, flits)
        else:
            before = s.path[start + node.parent]
            ready = max(before.head + hop, _behind(s, before.link, before.head, flits))
            x, y = cross(s, node.link, ready, max(before.tail + hop, ready + flits - 1), flits)
            before.gone_last = y if x > before.gone else max(before.gone_last, y)
            before.gone = max(before.gone, x)
        node.head, node.tail = x, y
        if node.tile >= 0:
            write(s, node.tile, path, flits, sem)
            if sem >= 0:
                push(s, y + eject, SIGNAL, sem, node.tile)
    for j in range(start, end):
        node = s.path[j]
        if node.gone >= 0:
            leave(s, node.link, flits, node.gone, node.gone_last)
            s.link[node.link].last = max(s.link[node.link].last, node.head)
    return s.path[start].tail, s.path[end - 1].head, s.path[end - 1].tail


@compiled
def write(s, tile, stream, flits, sem):
    """Count the lines of L1 that a train takes at its tile: words of one stream are written
    together up to a line, or when the last one bumps a semaphore, or when another stream comes.
    """
    this, banks = s.tile[tile], s.laws[0].banks
    w = 0 if stream >= 0 else 1
    if this.stream[w] != stream:
        this.used += 1 if this.held[w] else 0
        this.held[w] = 0
        this.stream[w] = stream
    held = this.held[w] + flits
    this.used += held // banks
    this.held[w] = held % banks
    if sem >= 0 and this.held[w]:
        this.used += 1
        this.held[w] = 0


@compiled
def join(s, node, head, tail, flits):
    """A train of a member's own is at its router, from `head` to `tail`: join what can be."""
    _arrive(s, node, s.node[node].entered, head, tail, flits)
    s.node[node].entered += 1
    s.work[0] = node
    waiting = 1
    while waiting:
        waiting -= 1
        at = s.work[waiting]
        while _can_join(s, at):
            _join_one(s, at)
            parent = s.node[at].parent
            if parent >= 0:
                s.work[waiting] = parent
                waiting += 1
            for i in range(4):
                child = s.node[at].children[i]
                if child >= 0:
                    s.work[waiting] = child
                    waiting += 1


@compiled
def _arrive(s, node, train, head, tail, flits):
    r = train % RING
    if s.node[node].seen[r] == 0:
        s.node[node].head[r], s.node[node].tail[r] = head, tail
    else:
        s.node[node].head[r] = max(s.node[node].head[r], head)
        s.node[node].tail[r] = max(s.node[node].tail[r], tail)
    s.node[node].flits[r] = flits
    s.node[node].seen[r] += 1


@compiled
def _can_join(s, node):
    train = s.node[node].joined
    if s.node[node].seen[train % RING] < s.node[node].inputs:
        return False
    parent = s.node[node].parent
    flits = s.node[node].flits[train % RING]
    return parent < 0 or (train - s.node[parent].joined) * flits < s.laws[0].join


@compiled
def _join_one(s, node):
    train = s.node[node].joined
    r = train % RING
    tile, flits, each = s.node[node].tile, s.node[node].flits[r], s.node[node].each
    head = max(s.node[node].head[r], s.tile[tile].router_free)
    tail = max(s.node[node].tail[r], head + (flits - 1) * each)
    s.tile[tile].router_free = head + flits * each
    s.node[node].seen[r] = 0
    s.node[node].joined = train + 1
    if s.tile[tile].out_waits == node:
        s.tile[tile].out_waits = -1
        push(s, max(s.tile[tile].out_at, head + 1), INJECT, 0, tile)
    extra = s.node[node].extra
    x, y = cross(s, s.node[node].link, head + extra, tail + extra, flits)
    parent = s.node[node].parent
    if parent >= 0:
        _arrive(s, parent, train, x + s.laws[0].hop, y + s.laws[0].hop, flits)
        return
    sem, turn = s.node[node].sem[r], s.node[node].turn[r]
    if turn >= 0:
        send(s, turn, x + s.laws[0].turn, y + s.laws[0].turn, flits, sem)
    else:
        write(s, tile, -1 - node, flits, sem)
        if sem >= 0:
            push(s, y + s.laws[0].eject, SIGNAL, sem, tile)
