"""The networks: trains of flits through links, along trees, and into joins.

A train is up to `Laws.train` flits that follow each other. It is taken along its whole path when it
enters the network: each link serves it when it is free, not before it is there, and not before the
queue behind the link has room for it. Trains take a link in the order of their entries, but one
that is there earlier may use the gap that another, still on its way, left before itself.
"""

from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.tables import RING, TRAINS, CoreEvent

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
    this.behind, this.in_gap = this.cleared, 0
    if head >= this.free:
        if head - this.free > this.gap_to - this.gap_from or this.gap_to < head - GAP:
            this.gap_from, this.gap_to = this.free, head
            this.gap_cleared = this.cleared
        this.free = head + flits
    elif max(head, this.gap_from) + flits <= this.gap_to:
        head = max(head, this.gap_from)
        this.gap_from = head + flits
        this.behind, this.in_gap = this.gap_cleared, 1
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
        if s.link[link].in_gap:
            s.link[link].gap_cleared = max(s.link[link].gap_cleared, last)
        else:
            s.link[link].cleared = max(s.link[link].cleared, last)


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
            node.asked = x
        else:
            before = s.path[start + node.parent]
            ready = max(before.head + hop, s.link[before.link].behind + 1)
            x, y = cross(s, node.link, ready, max(before.tail + hop, ready + flits - 1), flits)
            node.asked = before.asked + hop
            before.gone_last = y if x > before.gone else max(before.gone_last, y)
            before.gone = max(before.gone, x)
        node.head, node.tail = x, y
        if node.tile >= 0:
            write(s, node.tile, path, (node.asked, y, flits), sem)
            if sem >= 0:
                push(s, y + eject, SIGNAL, sem, node.tile)
    for j in range(start, end):
        node = s.path[j]
        if node.gone >= 0:
            leave(s, node.link, flits, node.gone, node.gone_last)
    return s.path[start].tail, s.path[end - 1].head, s.path[end - 1].tail


@compiled
def write(s, tile, stream, train, sem):
    """Count the lines of L1 that a train takes at its tile: words of one stream are written
    together up to a line, or when the last one bumps a semaphore, or when another stream comes.
    """
    this, banks = s.tile[tile], s.laws[0].banks
    flits = train[2]
    w = 0 if stream >= 0 else 1
    if this.stream[w] != stream:
        if this.held[w]:
            before = (this.trains[w] - 1) % TRAINS
            part = min(1 - this.held[w] / banks, this.train_alone[w, before])
            this.train_alone[w, before] -= part
            this.used += part
        this.held[w] = 0
        this.stream[w] = stream
    this.held[w] = (this.held[w] + flits) % banks
    lines = flits / banks
    if sem >= 0 and this.held[w]:
        lines += 1 - this.held[w] / banks
        this.held[w] = 0
    this.used += lines + _apart(this, w, stream, train, max(0.0, flits - lines))


@compiled
def _apart(this, w, stream, train, alone):
    """Lines that it takes more, up to `alone`, because words of trains that are there together take
    turns.
    """
    head, tail, flits = train
    more = 0.0
    for i in range(TRAINS):
        first, last = this.train_from[w, i], this.train_to[w, i]
        if last < head or first > tail or this.train_of[w, i] == stream:
            continue
        both = min(tail, last) - max(head, first) + 1
        new = flits * both / (tail - head + 1)
        old = this.train_flits[w, i] * both / (last - first + 1)
        turns = min(new, old)
        split = min(turns * this.train_share[w, i], this.train_alone[w, i])
        this.train_alone[w, i] -= split
        more += split
        split = min(turns * alone / flits, alone)
        alone -= split
        more += split
    at = this.trains[w] % TRAINS
    this.train_of[w, at], this.train_from[w, at], this.train_to[w, at] = stream, head, tail
    this.train_flits[w, at], this.train_alone[w, at] = flits, alone
    this.train_share[w, at] = alone / flits
    this.trains[w] += 1
    return more


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
        write(s, tile, -1 - node, (x, y, flits), sem)
        if sem >= 0:
            push(s, y + s.laws[0].eject, SIGNAL, sem, tile)
