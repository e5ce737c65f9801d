"""The order of work in a group, the same for all of its tiles: which block of which stream the
matrix engine takes when.

With two streams a and b the matrix queue runs

    QK a0, QK b0, | PV a0, QK a1, PV b0, QK b1, | PV a1, QK a2, ...

straight across the items: while a stream's scores go through the softmax, the engine works on the
other one. With one stream it is QK 0, PV 0, QK 1, PV 1, ... and the engine waits for each softmax.
"""

from collections.abc import Iterator
from typing import NamedTuple

from programs.attention.groups import Item
from programs.attention.mapping import AttentionMapping
from programs.attention.workload import Attention

__all__ = ["Turn", "turns"]


class Turn(NamedTuple):
    """A stream's turn: the rest of its pending block (`values`: PV), then the scores of its next
    one (QK).
    """

    stream: int
    values: "Visit | None"
    scores: "Visit | None"


class Visit(NamedTuple):
    """One block of keys of a stream's row block."""

    item: int
    block: int
    """Column block."""
    first: bool
    """First column block of the row block."""
    last: bool
    """Last column block of the row block."""
    use: int
    """Number of the K and V slices, counted over the group's run."""
    first_user: bool
    """The first stream to use them."""
    last_user: bool
    """The last stream to use them."""


def turns(items: list[Item], mapping: AttentionMapping, workload: Attention) -> Iterator[Turn]:
    """List the turns of a group's run. A stream that sees fewer column blocks than the other one
    pauses until the next item.
    """
    pending: list[Visit | None] = [None] * mapping.streams
    use = -1
    for i, item in enumerate(items):
        blocks = [len(mapping.seen_blocks(workload, block)) if block else 0 for block in item]
        for j in range(max(blocks)):
            present = [stream for stream, count in enumerate(blocks) if j < count]
            for stream in range(mapping.streams):
                visit = None
                if stream in present:
                    first_user = not mapping.paired or stream == present[0]
                    last_user = not mapping.paired or stream == present[-1]
                    use += first_user
                    visit = Visit(i, j, j == 0, j == blocks[stream] - 1, use, first_user, last_user)
                yield Turn(stream, pending[stream], visit)
                pending[stream] = visit
    for stream, visit in enumerate(pending):
        yield Turn(stream, visit, None)
