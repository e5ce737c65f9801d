"""The matrix engine: chunks of operands, steps, and blocks that are filled and drained.

A product is cut like hw.matrix cuts it: for each block of columns, block of rows and chunk of k, a
row of A each, then the lines of B; two chunks may be there at once; two banks of accumulators take
the blocks in turn, and each is written while the other one computes.
"""

from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.release import release
from model.engine.tables import WINDOWS, CoreEvent, TaskColumn
from model.engine.work import change, renew

__all__ = ["begin_chunk", "drain", "loaded", "start_product"]

CHUNK, LOADED, DRAIN, DONE = (
    int(e) for e in (CoreEvent.CHUNK, CoreEvent.LOADED, CoreEvent.DRAIN, CoreEvent.DONE)
)
M, N, K, FLAGS = int(TaskColumn.M), int(TaskColumn.N), int(TaskColumn.K), int(TaskColumn.FLAGS)
TRANSPOSED, ACCUMULATE = 1, 2


@compiled
def start_product(s, q, code, t):
    """A command is taken at t."""
    tile = q >> 2
    s.queue[q].engine_at = 1e308
    s.tile[tile].product = code
    s.tile[tile].at_column = s.tile[tile].at_row = s.tile[tile].at_step = 0
    push(s, max(t + 1, s.tile[tile].steps_before + 1), CHUNK, 0, tile)


@compiled
def _sizes(s, tile):
    """Rows, columns and steps of the chunk."""
    row, laws = s.table[s.tile[tile].product], s.laws[0]
    return (
        min(laws.rows, row[M] - s.tile[tile].at_row),
        min(laws.width, row[N] - s.tile[tile].at_column),
        min(laws.width, row[K] - s.tile[tile].at_step),
    )


@compiled
def begin_chunk(s, tile, t):
    """A buffer is free: read the chunk's lines from the next cycle on."""
    rows, columns, _ = _sizes(s, tile)
    change(s, tile, t)
    s.tile[tile].burst = 1
    s.tile[tile].wide = _words(s, tile, False)
    renew(s, tile, t)
    s.tile[tile].chunk_from = t
    if s.tile[tile].at_step == 0:
        _fill(s, tile, rows, columns)
    s.tile[tile].chunk_used = s.tile[tile].used + _written(s, tile, t) - s.tile[tile].rest
    push(s, t + rows + _first_lines(s, tile, columns), LOADED, 0, tile)


@compiled
def _words(s, tile, of_b):
    """Words of a line of A, of B."""
    _, columns, steps = _sizes(s, tile)
    flags, laws = s.table[s.tile[tile].product, FLAGS], s.laws[0]
    across = columns if of_b and not flags & TRANSPOSED else steps
    narrow = flags >> (3 if of_b else 2) & 1
    return -(-across // ((laws.width // laws.banks) << narrow))


@compiled
def _first_lines(s, tile, columns):
    """Lines of B that the first step needs."""
    transposed = s.table[s.tile[tile].product, FLAGS] & TRANSPOSED
    return min(s.laws[0].columns, columns) if transposed else 1


@compiled
def loaded(s, tile, all_of_it, t):
    """The first step's last line, or the chunk's, should be granted at t, unless others took cycles
    meanwhile.
    """
    taken = s.tile[tile].used + _written(s, tile, t) - s.tile[tile].chunk_used
    if taken >= 1:
        whole = int(taken)
        s.tile[tile].chunk_used += whole
        push(s, t + whole, LOADED, all_of_it, tile)
        return
    if all_of_it:
        s.tile[tile].rest = taken
        _end_chunk(s, tile, t)
        return
    s.tile[tile].chunk_first = t
    change(s, tile, t)
    s.tile[tile].wide = _words(s, tile, True)
    renew(s, tile, t)
    _, columns, steps = _sizes(s, tile)
    lines = columns if s.table[s.tile[tile].product, FLAGS] & TRANSPOSED else steps
    push(s, t + lines - _first_lines(s, tile, columns), LOADED, 1, tile)


@compiled
def _end_chunk(s, tile, t):
    """The last line is granted."""
    change(s, tile, t)
    s.tile[tile].burst = 0
    renew(s, tile, t)
    q, row = 4 * tile, s.table[s.tile[tile].product]
    rows, columns, steps = _sizes(s, tile)
    last = s.tile[tile].at_step + steps == row[K]
    _compute(s, tile, t, (columns, steps), row[FLAGS] & TRANSPOSED)
    end = s.tile[tile].steps_end
    final = _advance(s, tile, row)
    if last:
        _finish(s, tile, rows, columns, final)
    if final:
        release(s, q, t + 1)
    else:
        push(s, max(t + 1, s.tile[tile].steps_before + 1), CHUNK, 0, tile)
    s.run[0].last = max(s.run[0].last, end)


@compiled
def _halves(s, columns):
    return 2 if 2 * columns > s.laws[0].width else 1


@compiled
def _fill(s, tile, rows, columns):
    """When the bank of a new block is prepared, and the lines that this takes."""
    this, laws, bank = s.tile[tile], s.laws[0], s.tile[tile].block & 1
    at = max(this.chunk_from + 1, this.filled + 1)
    if s.table[this.product, FLAGS] & ACCUMULATE:
        cycles = rows * _halves(s, columns) * laws.pieces
        at = max(at, this.drain_from[bank] + laws.pieces)
        end = max(at + cycles, this.emptied[bank] + 1)
        _occupy(s, tile, (at, end), cycles / laws.pieces)
        at = end + laws.filling
    else:
        at = max(at, this.emptied[bank] + 1)
    this.filled = at
    this.bank_ready = at + 1


@compiled
def _compute(s, tile, t, sizes, transposed):
    """The steps of a chunk whose last line was granted at t."""
    columns, steps = sizes
    laws = s.laws[0]
    groups = -(-columns // laws.columns)
    each = max(groups, laws.pipeline)
    start = max(s.tile[tile].chunk_first + laws.first, s.tile[tile].steps_end + 1)
    if s.tile[tile].at_step == 0:
        start = max(start, s.tile[tile].bank_ready)
    whole = t + laws.first
    if transposed:
        end = max(start + steps * each - 1, whole + (steps - 1) * each + each - groups)
    else:
        end = max(start + steps * each - 1, whole + each - 1)
    s.tile[tile].steps_before = s.tile[tile].steps_end
    s.tile[tile].steps_end = end
    s.tile[tile].matrix_active += steps * groups


@compiled
def _advance(s, tile, row):
    """On to the next chunk; whether there is none."""
    laws = s.laws[0]
    s.tile[tile].at_step += laws.width
    if s.tile[tile].at_step < row[K]:
        return False
    s.tile[tile].at_step = 0
    s.tile[tile].at_row += laws.rows
    if s.tile[tile].at_row < row[M]:
        return False
    s.tile[tile].at_row = 0
    s.tile[tile].at_column += laws.width
    return s.tile[tile].at_column >= row[N]


@compiled
def _finish(s, tile, rows, columns, final):
    """Write the results of a block whose steps have their end."""
    laws, bank = s.laws[0], s.tile[tile].block & 1
    groups = -(-columns // laws.columns)
    start = s.tile[tile].steps_end - max(0, laws.pipeline - groups) + laws.results
    start = max(start, s.tile[tile].emptied[1 - bank] + 1)
    cycles = rows * _halves(s, columns) * laws.pieces
    s.tile[tile].drain_from[bank] = start
    s.tile[tile].emptied[bank] = start + cycles - 1
    s.tile[tile].block += 1
    _occupy(s, tile, (start, start + cycles), cycles / laws.pieces)
    if final:
        push(s, start + cycles, DONE, 0, 4 * tile)


@compiled
def _occupy(s, tile, window, lines):
    """Results or initial values go through the engine's port."""
    this, (start, end) = s.tile[tile], window
    at = this.windows % WINDOWS
    this.window_past += this.window_lines[at]
    this.window_from[at], this.window_to[at] = start, end
    this.window_lines[at] = lines
    this.windows += 1
    push(s, start, DRAIN, 1, tile)
    push(s, end, DRAIN, 0, tile)


@compiled
def _written(s, tile, t):
    """Their lines up to t: they come before operands."""
    this = s.tile[tile]
    lines = this.window_past
    for i in range(WINDOWS):
        first, last = this.window_from[i], this.window_to[i]
        if t >= last:
            lines += this.window_lines[i]
        elif t > first:
            lines += this.window_lines[i] * (t - first) / (last - first)
    return lines


@compiled
def drain(s, tile, begins, t):
    """A block begins or ends to be written."""
    change(s, tile, t)
    s.tile[tile].drains += 1 if begins else -1
    renew(s, tile, t)
