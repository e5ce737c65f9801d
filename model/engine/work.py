"""Work of known cycles that also needs lines of L1, behind everyone else.

Its L1 accesses take what those before it leave: nothing while the matrix engine reads a chunk, the
other cycles while that one writes a block, less what the networks took. It may be ahead of its
computing by the lines that its buffers hold, which is what short bursts are hidden by.
"""

from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.release import release
from model.engine.tables import CoreEvent, TaskColumn

__all__ = ["change", "renew", "start_work", "worked"]

WORKED, DONE = int(CoreEvent.WORKED), int(CoreEvent.DONE)
CYCLES, LINES, ACTIVE, SPAN = (
    int(c) for c in (TaskColumn.CYCLES, TaskColumn.LINES, TaskColumn.ACTIVE, TaskColumn.SPAN)
)


@compiled
def start_work(s, q, code, t):
    """A command is taken at t."""
    s.queue[q].engine_at = 1e308
    s.queue[q].code = code
    s.queue[q].work_from, s.queue[q].work_used = t, s.tile[q >> 2].used
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
    tile, code = q >> 2, s.queue[q].code
    cycles, lines, span = s.table[code, CYCLES], s.table[code, LINES], s.table[code, SPAN]
    past = t - s.queue[q].work_from
    if past <= 0:
        return
    s.queue[q].work_from = t
    if lines == 0:
        s.queue[q].worked += past
        return
    this = s.queue[q]
    taken = s.tile[tile].used - this.work_used
    this.work_used = s.tile[tile].used
    free = max(0.0, past * _share(s, tile) - taken)
    # Of the lines all but the last, which is a result: it is written at the end, and not ahead.
    per_line = span / lines
    fetched = this.fetched + free * per_line
    early = span - per_line
    if this.worked < cycles - per_line - 0.01:
        fetched = min(fetched, early)
    limit = fetched if fetched < early - 0.01 else cycles - span + fetched
    this.worked = min(this.worked + past, max(limit, this.worked))
    this.fetched = min(fetched, this.worked + s.laws[0].buffer * per_line, float(span))


@compiled
def _promise(s, q, t):
    """Say when the work will be done if nothing changes."""
    code = s.queue[q].code
    cycles, lines, span = s.table[code, CYCLES], s.table[code, LINES], s.table[code, SPAN]
    left = cycles - s.queue[q].worked
    if lines:
        rate = _share(s, q >> 2) * span / lines
        behind = span - s.queue[q].fetched
        if behind > 0 and rate < 1:
            if rate <= 0:
                s.queue[q].version = (s.queue[q].version + 1) & 0xFFFFFF
                return
            left = max(left, behind / rate)
    s.queue[q].version = (s.queue[q].version + 1) & 0xFFFFFF
    push(s, t + max(left, 0.0), WORKED, s.queue[q].version, q)


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
