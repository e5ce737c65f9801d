"""HBM channels: what `hw.memory.channel` does, a word at a time."""

from math import ceil

from model.engine.arrivals import accept, look
from model.engine.compiled import compiled
from model.engine.links import activate, ask
from model.engine.tables import SLOTS, WAITING, TaskColumn

__all__ = ["serve"]

ROWS, WORDS, PATH, SEM = (
    int(c) for c in (TaskColumn.ROWS, TaskColumn.WORDS, TaskColumn.PATH, TaskColumn.SEM)
)
NEVER = 1e308


@compiled
def serve(s, c, t):
    """Read or write a word if that can be done at t, in turns; see again when something can be."""
    this = s.channel[c]
    if t != this.next:
        return
    this.next = NEVER
    reads, writes = _when(s, c)
    first = min(reads, writes)
    if first >= NEVER:
        return
    at = float(ceil(max(t, first, this.due - s.laws[0].ahead)))
    if at > t:
        look(s, c, at)
        return
    if writes <= t and (reads > t or not this.wrote):
        _write(s, c, t)
    else:
        _read(s, c, t)
    this.due = max(t, this.due) + s.laws[0].word_cycles
    s.run[0].last = max(s.run[0].last, t)
    look(s, c, t + 1)


@compiled
def _when(s, c):
    """From when on the channel could read, and write, if it were paid for."""
    this, laws = s.channel[c], s.laws[0]
    room = s.source[SLOTS * len(s.tile) + c].count < laws.output
    reads = writes = NEVER
    if this.count and room:
        reads = this.arrived[this.first % WAITING] + laws.latency - laws.send
    if this.write_count:
        at = this.first_write % WAITING
        payload = this.writes[at]
        if room or not (payload & 1 and s.table[payload >> 1, SEM] >= 0):
            writes = this.came[at] + laws.write
    return reads, writes


@compiled
def _answer(s, c, code, payload, t):
    """A flit goes out."""
    node = s.path_at[s.table[code, PATH]]
    ask(s, SLOTS * len(s.tile) + c, node, 1, (payload, payload), t + s.laws[0].send)


@compiled
def _read(s, c, t):
    this = s.channel[c]
    this.wrote = 0
    code = this.waiting[this.first % WAITING]
    if this.serving == 0:
        this.serving = s.table[code, ROWS] * s.table[code, WORDS]
    this.serving -= 1
    this.words_read += 1
    last = this.serving == 0
    _answer(s, c, code, 2 * (s.table[code, SEM] + 1) if last else 0, t)
    if last:
        this.first += 1
        this.count -= 1
        _next(s, c, t)


@compiled
def _write(s, c, t):
    this = s.channel[c]
    this.wrote = 1
    payload = this.writes[this.first_write % WAITING]
    this.first_write += 1
    this.write_count -= 1
    this.words_written += 1
    sem = s.table[payload >> 1, SEM]
    if payload & 1 and sem >= 0:
        _answer(s, c, payload >> 1, 2 * (sem + 1) + 1, t)
    _next(s, c, t)


@compiled
def _next(s, c, t):
    """There is a place for another request."""
    link = s.channel[c].link
    accept(s, c, t)
    if link >= 0 and s.link[link].wants:
        activate(s, link)
