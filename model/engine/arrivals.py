"""Where flits leave the networks: words and counts at a tile, requests at a channel.

A data flit's payload is twice the semaphore that it bumps, counted from 1 (0: none), and 1 more if
it carries no word. Of all others it is twice the row of the instruction, and 1 more on the last.
"""

from model.engine.compiled import compiled, inlined
from model.engine.heap import push
from model.engine.links import pop, push_flit
from model.engine.tables import WAITING, CoreEvent, TaskColumn, TaskKind
from model.engine.work import take

__all__ = ["accept", "arrive_at_channel", "arrive_at_root", "arrive_at_tile", "look"]

SIGNAL, SERVE = int(CoreEvent.SIGNAL), int(CoreEvent.SERVE)
OP, PATH2, CHANNEL, SEM = (
    int(c) for c in (TaskColumn.OP, TaskColumn.PATH2, TaskColumn.CHANNEL, TaskColumn.SEM)
)
WRITE = int(TaskKind.WRITE)


@inlined
def arrive_at_tile(s, link, tile, stream, payload, now):
    """A flit of a stream from network 0 (data) or 1 (reductions). Words of one stream are written
    together up to a line, or when one bumps a semaphore, or when another stream comes, or when none
    comes for a while. A bump waits for the words before it: it takes a cycle more if these are of
    another stream, and the link stops when the two places behind it are full.
    """
    this, (w, number), laws = s.tile[tile], stream, s.laws[0]
    at = max(now, this.ejects[w])
    if this.held[w] and at - this.came[w] > laws.patience:
        take(s, tile, this.held[w])
        this.held[w] = 0
    late = 0
    if this.held[w] and (payload & 1 or this.stream[w] != number):
        late = laws.flush if payload >> 1 else 0
        take(s, tile, this.held[w])
        this.held[w] = 0
    if payload & 1 == 0:
        this.stream[w] = number
        this.held[w] += 1
        if payload or this.held[w] == laws.banks:
            take(s, tile, this.held[w])
            this.held[w] = 0
    this.came[w] = at + late
    this.ejects[w] = at + late + laws.flush
    if this.ejects[w] > now + 2:
        s.link[link].free = now + 2
    s.run[0].last = max(s.run[0].last, at + late + laws.ejected)
    if payload >> 1:
        push(s, at + late + laws.eject, SIGNAL, (payload >> 1) - 1, tile)


@inlined
def arrive_at_root(s, link, node, payload, now):
    """A result: into the tile, or back into the data network."""
    row = s.table[payload >> 1]
    bump = 2 * (row[SEM] + 1) if payload & 1 else 0
    if row[PATH2] >= 0:
        push_flit(s, link, s.path_at[row[PATH2]], bump)
    else:
        arrive_at_tile(s, link, s.node[node].tile, (1, node), bump, now)


@compiled
def arrive_at_channel(s, link, payload, now):
    """A read, or a word to write."""
    c = s.table[payload >> 1, CHANNEL]
    if s.channel[c].link >= 0:
        push_flit(s, link, 0, payload)
        accept(s, c, now)
    else:
        _keep(s, c, payload, now)


@compiled
def accept(s, c, now):
    """The controller takes what waits in the network's queue, in order, while it has places."""
    link = s.channel[c].link
    if link < 0:
        return
    queue = s.link[link]
    while queue.level:
        payload = queue.flits[queue.first] & 0xFFFFFFFF
        writes = s.table[payload >> 1, OP] == WRITE
        held = s.channel[c].write_count if writes else s.channel[c].count
        if held >= (s.laws[0].writes if writes else s.laws[0].reads):
            return
        pop(s, link)
        _keep(s, c, payload, now)


@compiled
def _keep(s, c, payload, now):
    this, code = s.channel[c], payload >> 1
    if max(this.count, this.write_count) == WAITING:
        raise MemoryError("more requests than a channel can have waiting")
    if s.table[code, OP] == WRITE:
        at = (this.first_write + this.write_count) % WAITING
        this.writes[at], this.came[at] = payload, now
        this.write_count += 1
        look(s, c, now + s.laws[0].write)
    else:
        at = (this.first + this.count) % WAITING
        this.waiting[at], this.arrived[at] = code, now
        this.count += 1
        look(s, c, now + s.laws[0].latency - s.laws[0].send)


@compiled
def look(s, c, time):
    """A channel has a reason to see what it can do, at `time`."""
    if time < s.channel[c].next:
        s.channel[c].next = time
        push(s, time, SERVE, 0, c)
