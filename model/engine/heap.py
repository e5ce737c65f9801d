"""A binary heap of events: the earliest first, and of two at one time the one with the lower
key.
"""

from model.engine.compiled import compiled

__all__ = ["pop", "push"]


@compiled
def push(s, time, kind, extra, index):
    """Add the event `kind` with its numbers `extra` (below 2^24) and `index` (below 2^32)."""
    key = (kind << 56) | (extra << 32) | index
    heap, at = s.heap, s.run[0].heaped
    if at == len(heap):
        raise MemoryError("more events than the heap holds")
    s.run[0].heaped = at + 1
    while at:
        up = (at - 1) >> 1
        above = heap[up]
        if above.time < time or (above.time == time and above.key <= key):
            break
        heap[at].time, heap[at].key = above.time, above.key
        at = up
    heap[at].time, heap[at].key = time, key


@compiled
def pop(s):
    """Take the first event: its time and its key."""
    heap = s.heap
    first_time, first_key = heap[0].time, heap[0].key
    size = s.run[0].heaped - 1
    s.run[0].heaped = size
    time, key = heap[size].time, heap[size].key
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and _before(heap[down + 1], heap[down]):
            down += 1
        below = heap[down]
        if time < below.time or (time == below.time and key <= below.key):
            break
        heap[at].time, heap[at].key = below.time, below.key
        at = down
    heap[at].time, heap[at].key = time, key
    return first_time, first_key


@compiled
def _before(one, other):
    return one.time < other.time or (one.time == other.time and one.key < other.key)
