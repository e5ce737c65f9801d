"""Queues: fetch, loops, waits, commands, and the signals of what is done."""

from model.engine.compiled import compiled
from model.engine.heap import push
from model.engine.matrix import start_product
from model.engine.moves import send_signal, start_move, start_read
from model.engine.release import DRAINS, ENGINE, FULL, HALTED, RUNS, SEMAPHORE, unblock
from model.engine.tables import CoreEvent, TaskColumn, TaskKind
from model.engine.work import start_work

__all__ = ["done", "signal", "step"]

STEP, SIGNAL = int(CoreEvent.STEP), int(CoreEvent.SIGNAL)
OP, REGISTERS = int(TaskColumn.OP), int(TaskColumn.REGISTERS)
WAIT0, COUNT0, WAIT1, COUNT1 = (
    int(c) for c in (TaskColumn.WAIT0, TaskColumn.COUNT0, TaskColumn.WAIT1, TaskColumn.COUNT1)
)
SIGNAL0, SIGNAL1, SIGNAL_PATH = (
    int(c) for c in (TaskColumn.SIGNAL0, TaskColumn.SIGNAL1, TaskColumn.SIGNAL_PATH)
)
RD, RS, IMM = int(TaskColumn.RD), int(TaskColumn.RS), int(TaskColumn.IMM)
HALT, SYNC, LI, ADD, LOOP, END = (
    int(o)
    for o in (TaskKind.HALT, TaskKind.SYNC, TaskKind.LI, TaskKind.ADD, TaskKind.LOOP, TaskKind.END)
)
MATMUL, WORK, READ = int(TaskKind.MATMUL), int(TaskKind.WORK), int(TaskKind.READ)

# Phases of a queue: what it does next.
FETCHED, WAITING, WAITING_AGAIN, ISSUING = 0, 1, 2, 3


@compiled
def step(s, q, t):
    """Queue q goes on at t, from a fetch, a wait or a command that is offered."""
    s.queue[q].blocked = RUNS
    if s.queue[q].phase == FETCHED:
        t = _fetch(s, q, t)
        return
    row = s.table[s.queue[q].pc]
    if s.queue[q].phase != ISSUING:
        t = _wait(s, q, row, t)
        if t < 0:
            return
    op = row[OP]
    if op >= MATMUL:
        _offer(s, q, row, t)
        return
    if (op == HALT or _signals(row)) and s.queue[q].issued:
        s.queue[q].blocked, s.queue[q].ready_at = DRAINS, t
        return
    _execute(s, q, row)
    if _signals(row):
        _send_signals(s, q, row, t)
    if op == HALT:
        s.queue[q].blocked = HALTED
        s.run[0].last = max(s.run[0].last, t)
        return
    s.queue[q].phase = FETCHED
    push(s, t + 1, STEP, 0, q)


@compiled
def _signals(row):
    return row[SIGNAL0] >= 0 or row[SIGNAL1] >= 0


@compiled
def _fetch(s, q, t):
    """Run through what concerns this queue alone, then be there when the next one waits."""
    t = _port(s, q, t)
    while True:
        row = s.table[s.queue[q].pc]
        op = row[OP]
        plain = row[WAIT0] < 0 and row[WAIT1] < 0 and not _signals(row)
        if not plain or op < LI or op > END:
            break
        _execute(s, q, row)
        t = _port(s, q, t + s.laws[0].scalar)
    s.queue[q].phase = WAITING
    at = t + s.laws[0].fetch + s.laws[0].wait * row[REGISTERS]
    if op < MATMUL and row[WAIT0] < 0 and row[WAIT1] < 0:
        at -= 1
    push(s, at, STEP, 0, q)
    return t


@compiled
def _port(s, q, t):
    """When the program memory takes a fetch of t: it takes one of the tile's queues at a time."""
    first, busy = q & -4, True
    while busy:
        busy = False
        for other in range(first, first + 4):
            if other != q and abs(s.queue[other].fetches - t) < s.laws[0].port:
                busy = True
        t += busy * s.laws[0].port
    s.queue[q].fetches = t
    return t


@compiled
def _execute(s, q, row):
    op, registers = row[OP], s.queue[q].registers
    if op == LI:
        registers[row[RD]] = row[IMM]
    elif op == ADD:
        registers[row[RD]] = registers[row[RS]] + row[IMM]
    elif op == LOOP:
        d = s.queue[q].depth
        s.queue[q].loops[d, 0] = s.queue[q].pc + 1
        s.queue[q].loops[d, 1] = row[IMM] + registers[row[RS]]
        s.queue[q].depth = d + 1
    elif op == END:
        d = s.queue[q].depth - 1
        s.queue[q].loops[d, 1] -= 1
        if s.queue[q].loops[d, 1]:
            s.queue[q].pc = s.queue[q].loops[d, 0]
            registers[0] = 0
            return
        s.queue[q].depth = d
    registers[0] = 0
    s.queue[q].pc += 1


@compiled
def _wait(s, q, row, t):
    """Take what is left of both waits, if the semaphores hold them; -1 if the queue is blocked."""
    held = s.tile[q >> 2].semaphores
    if s.queue[q].phase == WAITING:
        if row[WAIT0] >= 0:
            if held[row[WAIT0]] < row[COUNT0]:
                s.queue[q].blocked, s.queue[q].ready_at = SEMAPHORE, t
                return -1.0
            held[row[WAIT0]] -= row[COUNT0]
            t += s.laws[0].wait
        s.queue[q].phase = WAITING_AGAIN
    if row[WAIT1] >= 0:
        if held[row[WAIT1]] < row[COUNT1]:
            s.queue[q].blocked, s.queue[q].ready_at = SEMAPHORE, t
            return -1.0
        held[row[WAIT1]] -= row[COUNT1]
        t += s.laws[0].wait
    s.queue[q].phase = ISSUING
    return t


@compiled
def _offer(s, q, row, t):
    """Hand a command to the engine, or be blocked until it can be."""
    if s.queue[q].issued == s.laws[0].outstanding:
        s.queue[q].blocked, s.queue[q].ready_at = FULL, t
        return
    if s.queue[q].engine_at > t:
        s.queue[q].blocked, s.queue[q].ready_at = ENGINE, t
        if s.queue[q].engine_at < 1e300:
            unblock(s, q, s.queue[q].engine_at)
        return
    code = s.queue[q].pc
    s.queue[q].commands[(s.queue[q].oldest + s.queue[q].issued) & 7] = code
    if s.queue[q].issued == 0:
        s.queue[q].busy -= t
    s.queue[q].issued += 1
    s.queue[q].pc += 1
    s.queue[q].phase = FETCHED
    push(s, t + 1, STEP, 0, q)
    op = row[OP]
    if op == MATMUL:
        start_product(s, q, code, t)
    elif op == WORK:
        start_work(s, q, code, t)
    elif op == READ:
        start_read(s, q, code, t)
    else:
        start_move(s, q, code, t)


@compiled
def done(s, q, t):
    """The oldest command of queue q is done at t."""
    row = s.table[s.queue[q].commands[s.queue[q].oldest]]
    s.queue[q].oldest = (s.queue[q].oldest + 1) & 7
    s.queue[q].issued -= 1
    if s.queue[q].issued == 0:
        s.queue[q].busy += t
    s.run[0].last = max(s.run[0].last, t)
    _send_signals(s, q, row, t)
    if s.queue[q].blocked == FULL:
        unblock(s, q, t + s.laws[0].signal)
    elif s.queue[q].blocked == DRAINS and s.queue[q].issued == 0:
        unblock(s, q, t + s.laws[0].signal + 1)


@compiled
def _send_signals(s, q, row, t):
    tile = q >> 2
    if row[SIGNAL0] >= 0:
        push(s, t + s.laws[0].signal, SIGNAL, row[SIGNAL0], tile)
        t += 1
    if row[SIGNAL1] >= 0:
        if row[SIGNAL_PATH] >= 0:
            send_signal(s, q, row[SIGNAL_PATH], row[SIGNAL1], t + s.laws[0].remote)
        else:
            push(s, t + s.laws[0].signal, SIGNAL, row[SIGNAL1], tile)


@compiled
def signal(s, tile, sem, t):
    """A semaphore has one more, for waits from t on."""
    s.tile[tile].semaphores[sem] += 1
    for q in range(4 * tile, 4 * tile + 4):
        if s.queue[q].blocked == SEMAPHORE:
            row = s.table[s.queue[q].pc]
            if (row[WAIT0] if s.queue[q].phase == WAITING else row[WAIT1]) == sem:
                unblock(s, q, t)
