"""Links, the queues behind them, and the sources that put trains of flits into the networks."""

from math import ceil

from model.engine.compiled import compiled, inlined
from model.engine.tables import ASKING, DEEPEST, TRAINS, LinkKind

__all__ = ["activate", "ask", "choose", "due", "pop", "pop_train", "push_flit", "settle"]
__all__ += ["take_turn", "wake"]

CHANNEL, JOIN, ROOT = int(LinkKind.CHANNEL), int(LinkKind.JOIN), int(LinkKind.ROOT)


@inlined
def activate(s, link):
    """Look at a link in the next cycle in which anything may move."""
    run = s.run[0]
    if s.link[link].lap != run.lap:
        s.link[link].lap = run.lap
        s.active[run.lap & 1, run.links] = link
        run.links += 1


@inlined
def wake(s, tile):
    """Likewise at the router of the reduction network."""
    run = s.run[0]
    if s.tile[tile].turn != run.turn:
        s.tile[tile].turn = run.turn
        s.routers[run.turn & 1, run.routers] = tile
        run.routers += 1


@compiled
def due(s, time):
    """Something will want to move at `time`."""
    run = s.run[0]
    at = max(ceil(time), run.earliest)
    if run.links + run.routers == 0 or at < run.cycle:
        run.cycle = at


@compiled
def ask(s, source, node, flits, payloads, time):
    """A source has a train for the way that begins with a node, from `time` on."""
    this = s.source[source]
    if this.count == TRAINS:
        raise MemoryError("more trains than a source can have waiting")
    due(s, time)
    at = (this.first + this.count) % TRAINS
    this.count += 1
    this.node[at], this.flits[at] = node, flits
    this.payload[at, 0], this.payload[at, 1] = payloads
    this.at[at] = ceil(time)
    link = s.link[this.link]
    link.wants |= 1 << this.port
    link.feeder[this.port] = -1 - source
    activate(s, this.link)


@inlined
def pop_train(s, source, port):
    """Take a flit: its node and its payload, and whether its train is over."""
    this = s.source[source]
    at = this.first
    this.flits[at] -= 1
    over = this.flits[at] == 0
    node, payload = this.node[at], this.payload[at, 1 if over else 0]
    if over:
        this.first = (at + 1) % TRAINS
        this.count -= 1
        if this.count == 0:
            s.link[this.link].wants &= ~(1 << port)
    return node, payload, over


@inlined
def take_turn(this, wants):
    """The input whose turn it is: the one that was chosen and has not gone yet, else the first of
    those that want it behind the one that was chosen last (`hw.network.arbiter`).
    """
    chosen = this.locked
    if chosen == 0:
        preferred = wants & this.after
        if preferred == 0:
            preferred = wants
        chosen = preferred & -preferred
        this.locked = chosen
        this.after = chosen ^ -chosen
    port = 0
    while chosen >> port != 1:
        port += 1
    return port


@inlined
def choose(s, link, now):
    """The input that takes a link in this cycle, or -1."""
    this = s.link[link]
    wants = this.wants
    if this.mixed:
        for port in range(ASKING):
            if wants >> port & 1 and this.feeder[port] < 0:
                source = s.source[-1 - this.feeder[port]]
                if source.at[source.first] > now:
                    wants &= ~(1 << port)
        if wants != this.wants:
            activate(s, link)
    if wants == 0:
        return -1
    if this.free > now:
        activate(s, link)
        return -1
    port = take_turn(this, wants)
    return -1 if this.depth and this.level >= this.depth else port


@inlined
def push_flit(s, link, node, payload):
    """A flit is in the queue behind a link, from the next cycle on."""
    this = s.link[link]
    if this.level == DEEPEST:
        raise MemoryError("more flits than a queue holds")
    this.flits[(this.first + this.level) % DEEPEST] = node << 32 | payload
    this.level += 1


@inlined
def pop(s, link):
    """The head of a queue has left."""
    this = s.link[link]
    this.first = (this.first + 1) % DEEPEST
    this.level -= 1
    this.armed = 0


@inlined
def settle(s, link):
    """A queue has changed: its new head asks for what it needs, and there may be room."""
    this = s.link[link]
    if this.wants and (this.depth == 0 or this.level < this.depth):
        activate(s, link)
    if this.level == 0 or this.armed or this.kind == CHANNEL:
        return
    this.armed = 1
    node = this.flits[this.first] >> 32
    if this.kind == JOIN:
        _arrive(s, node)
        return
    if this.kind == ROOT:
        first, count = node, 1
    else:
        first, count = s.path[node].child, s.path[node].children
    this.needs, this.pending = first, (1 << count) - 1
    for child in range(first, first + count):
        ahead = s.path[child].link
        needed = s.link[ahead]
        needed.wants |= 1 << this.port
        needed.feeder[this.port], needed.node[this.port] = link, child
        activate(s, ahead)


@inlined
def _arrive(s, node):
    """One more input of a join."""
    this = s.node[node]
    this.there += 1
    if this.there == this.inputs:
        router = s.tile[this.tile]
        router.complete |= 1 << this.first
        router.set[this.first] = node
        wake(s, this.tile)
