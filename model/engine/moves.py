"""What moves: the engines of the load and the out queue, and the HBM channels."""

from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.network import cross, join, leave, send
from model.engine.release import release
from model.engine.tables import RING, WAITING, CoreEvent, TaskColumn, TaskKind

__all__ = ["arrive", "inject", "serve", "start_move", "start_read"]

DONE, INJECT, ARRIVE, SERVE = (
    int(e) for e in (CoreEvent.DONE, CoreEvent.INJECT, CoreEvent.ARRIVE, CoreEvent.SERVE)
)
OP, ROWS, WORDS, PATH, PATH2, CHANNEL, SEM = (
    int(c)
    for c in (
        TaskColumn.OP,
        TaskColumn.ROWS,
        TaskColumn.WORDS,
        TaskColumn.PATH,
        TaskColumn.PATH2,
        TaskColumn.CHANNEL,
        TaskColumn.SEM,
    )
)
WRITE, PUT, REDUCE = int(TaskKind.WRITE), int(TaskKind.PUT), int(TaskKind.REDUCE)
OUT = 3


@compiled
def start_read(s, q, code, t):
    """Send a request; the engine is free when the network has it."""
    at = t + s.laws[0].request
    entered, _, arrival = send(s, s.table[code, PATH2], at, at, 1, -1)
    channel = s.table[code, CHANNEL]
    _pass_channel(s, channel, code, arrival)
    push(s, arrival, ARRIVE, 0, code)
    push(s, entered, DONE, 0, q)
    s.queue[q].engine_at = entered + 1


@compiled
def _pass_channel(s, channel, code, arrival):
    """A read leaves the queue before the channel at once."""
    last = s.path_at[s.table[code, PATH2] + 1] - 1
    leave(s, s.path[last].link, 1, arrival, arrival)


@compiled
def arrive(s, code, t):
    """A read is at its channel."""
    c = s.table[code, CHANNEL]
    size = WAITING
    at = (s.channel[c].first + s.channel[c].count) % size
    if s.channel[c].count == size:
        raise MemoryError("more reads than a channel can have waiting")
    s.channel[c].waiting[at], s.channel[c].arrived[at] = code, t
    s.channel[c].count += 1
    if s.channel[c].count == 1:
        push(s, t + s.laws[0].latency - s.laws[0].send, SERVE, 0, c)


@compiled
def _affordable(s, c, t):
    """When the channel can afford a word, from t on."""
    return max(t, s.channel[c].due - s.laws[0].ahead)


@compiled
def _pay(s, c, t):
    s.channel[c].due = max(t, s.channel[c].due) + s.laws[0].word_cycles


@compiled
def serve(s, c, t):
    """The oldest read sends its next words, a train, or says when."""
    this, send_cycles = s.channel[c], s.laws[0].send
    at = this.first % WAITING
    due = _affordable(s, c, max(t, this.arrived[at] + s.laws[0].latency - send_cycles))
    due = max(due, this.sent[this.sent_count % s.laws[0].output] - send_cycles + 1)
    due = float(int(due) if due == int(due) else int(due) + 1)
    if due > t:
        push(s, due, SERVE, 0, c)
        return
    code = s.channel[c].waiting[at]
    if s.channel[c].serving == 0:
        s.channel[c].serving = s.table[code, ROWS] * s.table[code, WORDS]
    words = min(s.laws[0].burst, s.channel[c].serving)
    last = _fetch_words(s, c, t, words)
    s.channel[c].serving -= words
    s.channel[c].words_read += words
    sem = s.table[code, SEM] if s.channel[c].serving == 0 else -1
    path = s.table[code, PATH]
    entered, _, _ = send(s, path, t + send_cycles, last + send_cycles, words, sem)
    _sent(s, c, s.path[s.path_at[path]].head, entered, words)
    s.run[0].last = max(s.run[0].last, entered)
    if s.channel[c].serving == 0:
        s.channel[c].first += 1
        s.channel[c].count -= 1
        if s.channel[c].count == 0:
            return
    push(s, last + 1, SERVE, 0, c)


@compiled
def _fetch_words(s, c, t, words):
    """Pay for words, the first of which is fetched at t; returns when the last one is."""
    for i in range(words):
        if i:
            output = s.laws[0].output
            room = s.channel[c].sent[(s.channel[c].sent_count + i) % output]
            t = max(_affordable(s, c, t + 1), room - s.laws[0].send + 1)
            t = float(int(t) if t == int(t) else int(t) + 1)
        _pay(s, c, t)
    return t


@compiled
def _sent(s, c, first, last, words):
    """Words left the queue before the network, the first at `first`, the last at `last`."""
    step = (last - first) / (words - 1) if words > 1 else 0.0
    for i in range(words):
        s.channel[c].sent[s.channel[c].sent_count % s.laws[0].output] = first + i * step
        s.channel[c].sent_count += 1


@compiled
def start_move(s, q, code, t):
    """A command of the out queue is taken at t."""
    tile = q >> 2
    s.queue[q].engine_at = 1e308
    s.tile[tile].out_code = code
    s.tile[tile].out_row = s.tile[tile].out_word = 0
    push(s, t + s.laws[0].move, INJECT, 0, tile)


@compiled
def inject(s, tile, t):
    """Send the next train."""
    row = s.table[s.tile[tile].out_code]
    flits = min(s.laws[0].train, row[WORDS] - s.tile[tile].out_word)
    last_word = s.tile[tile].out_word + flits == row[WORDS]
    last = last_word and s.tile[tile].out_row + 1 == row[ROWS]
    sem = row[SEM] if last else -1
    if row[OP] == WRITE:
        end = _write(s, row, t, flits, sem)
    elif row[OP] == PUT:
        end, _, _ = send(s, row[PATH], t, t + flits - 1, flits, sem)
    else:
        end = _contribute(s, tile, row, t, (flits, sem))
        if end < 0:
            return
    s.tile[tile].used += max(1.0, flits / s.laws[0].banks)
    s.tile[tile].out_word += flits
    if last_word:
        s.tile[tile].out_word = 0
        s.tile[tile].out_row += 1
    s.run[0].last = max(s.run[0].last, end)
    if last:
        s.tile[tile].out_at = end
        push(s, end, DONE, 0, 4 * tile + OUT)
        release(s, 4 * tile + OUT, end + 1)
    else:
        push(s, end + 1, INJECT, 0, tile)


@compiled
def _write(s, row, t, flits, sem):
    """To a channel, which has a place in its queue again when it has written."""
    c = row[CHANNEL]
    entered, head, tail = send(s, row[PATH2], t, t + flits - 1, flits, -1)
    first = at = 0.0
    for i in range(flits):
        came = head + (tail - head) * i / (flits - 1) if flits > 1 else head
        at = _affordable(s, c, came + s.laws[0].write)
        _pay(s, c, at)
        first = at if i == 0 else first
    s.channel[c].words_written += flits
    leave(s, s.path[s.path_at[row[PATH2] + 1] - 1].link, flits, first, at)
    s.run[0].last = max(s.run[0].last, at)
    if sem >= 0:
        send(s, row[PATH], at + s.laws[0].send, at + s.laws[0].send, 1, sem)
    return entered


@compiled
def _contribute(s, tile, row, t, train):
    """Into a reduction, or wait (-1) for the join of what this member has sent."""
    flits, sem = train
    c = row[PATH]
    node, root = s.join_of[c, tile], s.join_at[c]
    ahead = s.node[node].entered - s.node[node].joined
    if ahead and (ahead + 1) * flits > s.laws[0].join + 2:
        s.tile[tile].out_waits, s.tile[tile].out_at = node, t
        return -1.0
    r = s.node[node].entered % RING
    s.node[root].sem[r], s.node[root].turn[r] = sem, row[PATH2]
    x, y = cross(s, s.tile[tile].inject[2], t, t + flits - 1, flits)
    leave(s, s.tile[tile].inject[2], flits, x, y)
    join(s, node, x + s.laws[0].hop, y + s.laws[0].hop, flits)
    return y
