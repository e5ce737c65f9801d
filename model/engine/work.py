"""Work of known cycles that also needs lines of L1, behind everyone else.

Its L1 accesses take what those before it leave: nothing while the matrix engine reads a chunk, the
other cycles while that one writes a block, less what the networks took. It may be ahead of its
computing by the lines that its buffers hold, which is what short bursts are hidden by.
"""

from model.engine.compiled import compiled, inlined
from model.engine.heap import push
from model.engine.release import release
from model.engine.tables import CoreEvent, TaskColumn

__all__ = ["change", "renew", "start_work", "take", "worked"]

WORKED, DONE = int(CoreEvent.WORKED), int(CoreEvent.DONE)
LONG, NEVER = 1e9, 1e18
CYCLES, LINES, ACTIVE, SPAN, WIDE = (
    int(c)
    for c in (
        TaskColumn.CYCLES,
        TaskColumn.LINES,
        TaskColumn.ACTIVE,
        TaskColumn.SPAN,
        TaskColumn.WIDE,
    )
)


@inlined
def take(s, tile, words):
    """Who comes before the engines takes words: each loses a cycle if it needs a bank of these, as
    lines of two lengths at any place do by the chance (a + b - 1) / banks.
    """
    this, banks = s.tile[tile], s.laws[0].banks
    this.used += min(1.0, (words + this.wide - 1) / banks)
    this.taken += min(1.0, (words + this.work_wide - 1) / banks)


@compiled
def start_work(s, q, code, t):
    """A command is taken at t."""
    s.queue[q].engine_at = 1e308
    s.queue[q].code = code
    s.queue[q].work_from, s.queue[q].work_taken = t, s.tile[q >> 2].taken
    if s.table[code, LINES]:
        s.tile[q >> 2].work_wide = s.table[code, WIDE] / 100 * s.laws[0].banks
    s.queue[q].fetched = s.queue[q].worked = 0.0
    s.queue[q].active += s.table[code, ACTIVE]
    _promise(s, q, t)


@compiled
def change(s, tile, t):
    """The share of L1 that the matrix engine takes is about to change at t."""
    for q in range(4 * tile, 4 * tile + 4):
        if s.queue[q].code >= 0 and s.table[s.queue[q].code, LINES]:
            _progress(s, q, t)


@compiled
def renew(s, tile, t):
    """It has changed."""
    for q in range(4 * tile, 4 * tile + 4):
        if s.queue[q].code >= 0 and s.table[s.queue[q].code, LINES]:
            _promise(s, q, t)


@compiled
def _share(s, tile):
    """What the matrix engine leaves of the L1."""
    if s.tile[tile].burst:
        return 0.0
    return max(0.0, 1.0 - s.tile[tile].drains / s.laws[0].pieces)


@compiled
def _progress(s, q, t):
    """Both amounts, in cycles of the work, at t."""
    tile, code, this = q >> 2, s.queue[q].code, s.queue[q]
    past = t - this.work_from
    if past <= 0:
        return
    this.work_from = t
    if s.table[code, LINES] == 0:
        this.worked += past
        return
    taken = s.tile[tile].taken - this.work_taken
    this.work_taken = s.tile[tile].taken
    rate = max(0.0, past * _share(s, tile) - taken) / past
    _run(s, q, rate * s.table[code, SPAN] / s.table[code, LINES], past)


@compiled
def _run(s, q, rate, past):
    """Go on for a time in which lines come at one rate, in cycles of the work: compute behind what
    is read, but for the last line; compute to its end; read or write that one. Returns the time
    that is left when all is done, negative if it is not.
    """
    this, code = s.queue[q], s.queue[q].code
    cycles, span = s.table[code, CYCLES], s.table[code, SPAN]
    line = span / s.table[code, LINES]
    early, end, ahead = span - line, cycles - line, s.laws[0].buffer * line
    if this.fetched < early:
        needs = (early - this.fetched) / rate if rate > 0 else NEVER
        needs = min(max(needs, early - ahead - this.worked), past)
        this.fetched = min(early, this.fetched + rate * needs)
        this.worked = max(this.worked, min(this.worked + needs, this.fetched))
        this.fetched = min(this.fetched, this.worked + ahead)
        past -= needs
    if this.worked < end and past > 0:
        needs = min(end - this.worked, past)
        this.worked += needs
        past -= needs
    if past <= 0:
        return -1.0
    needs = max((span - this.fetched) / rate if rate > 0 else NEVER, cycles - this.worked)
    this.fetched = min(float(span), this.fetched + rate * past)
    this.worked = min(this.worked + past, cycles - span + this.fetched)
    return past - needs


@compiled
def _promise(s, q, t):
    """Say when the work will be done if nothing changes."""
    this, code = s.queue[q], s.queue[q].code
    left = s.table[code, CYCLES] - this.worked
    if s.table[code, LINES]:
        fetched, worked = this.fetched, this.worked
        rate = _share(s, q >> 2) * s.table[code, SPAN] / s.table[code, LINES]
        left = LONG - _run(s, q, rate, LONG)
        this.fetched, this.worked = fetched, worked
    this.version = (this.version + 1) & 0xFFFFFF
    if left <= LONG:
        push(s, t + max(left, 0.0), WORKED, this.version, q)


@compiled
def worked(s, q, version, t):
    """The work should be done."""
    if version != s.queue[q].version or s.queue[q].code < 0:
        return
    _progress(s, q, t)
    if s.queue[q].worked < s.table[s.queue[q].code, CYCLES] - 0.01:
        _promise(s, q, t)
        return
    s.queue[q].code = -1
    push(s, t, DONE, 0, q)
    release(s, q, t)
