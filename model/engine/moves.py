"""What moves: the engines of the load and the out queue, and remote signals."""

from model.engine.arrivals import look
from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.links import ask
from model.engine.release import release
from model.engine.tables import SLOTS, CoreEvent, Slot, TaskColumn, TaskKind
from model.engine.work import take

__all__ = ["gone", "send_signal", "start_move", "start_read"]

DONE = int(CoreEvent.DONE)
OP, ROWS, WORDS, PATH, PATH2, SEM = (
    int(c)
    for c in (
        TaskColumn.OP,
        TaskColumn.ROWS,
        TaskColumn.WORDS,
        TaskColumn.PATH,
        TaskColumn.PATH2,
        TaskColumn.SEM,
    )
)
WRITE, PUT = int(TaskKind.WRITE), int(TaskKind.PUT)
BY_PUT, BY_REQUEST, BY_WRITE, BY_REDUCE = (
    int(slot) for slot in (Slot.PUT, Slot.REQUEST, Slot.WRITE, Slot.REDUCE)
)
LOAD, OUT = 2, 3


@compiled
def gone(s, source, now):
    """A source's train has left it in cycle `now`."""
    if source >= SLOTS * len(s.tile):
        look(s, source - SLOTS * len(s.tile), now + 1.0)
        return
    tile, slot = source // SLOTS, source % SLOTS
    if slot == BY_REQUEST:
        push(s, float(now), DONE, 0, 4 * tile + LOAD)
        release(s, 4 * tile + LOAD, now + 1.0)
    elif slot >= BY_PUT:
        _line_gone(s, tile, now)


@compiled
def send_signal(s, q, path, sem, t):
    """A count for another tile's semaphore."""
    payload = 2 * (sem + 1) + 1
    ask(s, SLOTS * (q >> 2) + (q & 3), s.path_at[path], 1, (payload, payload), t)


@compiled
def start_read(s, q, code, t):
    """Send a request; the engine is free when the network has it."""
    s.queue[q].engine_at = 1e308
    node = s.path_at[s.table[code, PATH2]]
    source = SLOTS * (q >> 2) + BY_REQUEST
    ask(s, source, node, 1, (2 * code, 2 * code), t + s.laws[0].request)


@compiled
def start_move(s, q, code, t):
    """A command of the out queue is taken at t."""
    tile = q >> 2
    s.queue[q].engine_at = 1e308
    s.tile[tile].out_code = code
    s.tile[tile].out_row = s.tile[tile].out_word = 0
    _send_line(s, tile, t + s.laws[0].move)


@compiled
def _send_line(s, tile, t):
    """Send the next line of L1 as a train, from t on."""
    this = s.tile[tile]
    code = this.out_code
    row = s.table[code]
    flits = min(s.laws[0].banks, row[WORDS] - this.out_word)
    last = this.out_row + 1 == row[ROWS] and this.out_word + flits == row[WORDS]
    take(s, tile, flits)
    this.out_word += flits
    source = SLOTS * tile
    if row[OP] == PUT:
        bump = 2 * (row[SEM] + 1) if last else 0
        ask(s, source + BY_PUT, s.path_at[row[PATH]], flits, (0, bump), t)
    elif row[OP] == WRITE:
        payloads = 2 * code, 2 * code + last
        ask(s, source + BY_WRITE, s.path_at[row[PATH2]], flits, payloads, t)
    else:
        payloads = 2 * code, 2 * code + last
        ask(s, source + BY_REDUCE, s.join_of[row[PATH], tile], flits, payloads, t)


@compiled
def _line_gone(s, tile, now):
    this = s.tile[tile]
    row = s.table[this.out_code]
    if this.out_word == row[WORDS]:
        this.out_word = 0
        this.out_row += 1
    if this.out_row < row[ROWS]:
        _send_line(s, tile, now + 1.0)
        return
    q = 4 * tile + OUT
    push(s, float(now), DONE, 0, q)
    release(s, q, now + 1.0)
