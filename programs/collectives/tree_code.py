"""Software collectives over a forwarding tree (`programs.collectives.trees`), in segments: a tile
passes a segment on as soon as it is there, while the next ones arrive.
"""

from functools import partial

from isa.errors import UserError
from isa.geometry import TileXY
from isa.instructions import Opcode, Queue, ReduceOp
from programs.collectives.collective import Collective, put_fields
from programs.collectives.trees import Tree
from programs.common.code import Code, Segment

__all__ = ["Buffers", "broadcast", "combine"]

_MOST_COUNT = 63
"""Largest count that one wait can name."""


def broadcast(code: Code, c: Collective, tree: Tree, size: int, *, result: bool = False) -> None:
    """Pass segments down the tree. With `result` the root sends what it combines, as it is
    ready.
    """
    s = c.semaphores
    inside = set(c.rectangle.tiles())

    def serve(tile: TileXY, children: tuple[TileXY, ...]) -> None:
        root = tile == tree.root
        base = c.source if root and not result else c.target
        wait = [(s.ready if root else s.data, 1)] if result or not root else []

        def step(segment: Segment) -> None:
            for child in children:
                leaf = not tree.children[child]
                finished = segment.last and child == children[-1] and tile in inside
                code.add(
                    tile,
                    Queue.OUT,
                    Opcode.PUT,
                    waits=wait if child == children[0] else [],
                    signal=s.done if finished else None,
                    bump=int(segment.last or not leaf),
                    sem=s.done if leaf else s.data,
                    **put_fields(
                        c,
                        child,
                        segment.words,
                        base + segment.at,
                        c.target + segment.at,
                        segment.register,
                    ),
                )

        code.segments(tile, Queue.OUT, c.words, size, step)

    for tile, children in tree.children.items():
        if children:
            serve(tile, children)


class Buffers:
    """Where a child's segments arrive: one buffer per segment, or `slots` of them in turn."""

    def __init__(self, c: Collective, size: int):
        self._c, self._size = c, size
        self.words = min(c.slots * size, c.words) if c.slots else c.words
        self.slots = c.slots if c.slots and c.slots * size < c.words else None

    def place(self, child: int, segment: Segment) -> tuple[int, int]:
        """L1 word and register of a segment of the child of this number."""
        base = self._c.scratch + child * self.words
        if self.slots:
            return base + segment.index % self.slots * self._size, 0
        return base + segment.at, segment.register


def combine(code: Code, c: Collective, tree: Tree, size: int, *, pass_on: bool) -> None:
    """Combine segments up the tree: the vector engine adds what arrives, the out engine sends it to
    the parent.

    The sum grows in the first child's buffer, at the root in `target`; there `pass_on` announces
    every segment to the out engine.
    """
    s, parents, inside = c.semaphores, tree.parent(), set(c.rectangle.tiles())
    buffers = Buffers(c, size)
    order = {tile: children[::-1] for tile, children in tree.children.items()}
    single = c.words <= size

    def arrival(tile: TileXY, child: TileXY) -> tuple[int, tuple[int, int] | None]:
        """Semaphore that the child bumps, and what to wait for before its words are used, if
        anything is left to.
        """
        children = order[tile]
        index, groups = children.index(child), min(len(s.arrive), len(children))
        if groups < len(children) and not single:
            raise UserError(
                f"{len(children)} children in segments need as many semaphores, there are "
                f"{len(s.arrive)}"
            )
        mine = [
            i
            for i in range(len(children))
            if i * groups // len(children) == index * groups // len(children)
        ]
        if len(mine) > _MOST_COUNT:
            raise UserError(f"{len(mine)} children cannot share one of {len(s.arrive)} semaphores")
        semaphore = s.arrive[index * groups // len(children)]
        return semaphore, (semaphore, len(mine)) if index == mine[0] else None

    def add(tile: TileXY, segment: Segment) -> None:
        root, children = tile == tree.root, order[tile]
        own: tuple[int, int] = (c.source + segment.at, segment.register)
        for i, child in enumerate(children):
            last = i == len(children) - 1
            b = buffers.place(i, segment)
            d = (c.target + segment.at, segment.register) if root else buffers.place(0, segment)
            wait = arrival(tile, child)[1]
            # Below the root the first child's buffer holds the sum until it has been sent.
            free = buffers.slots is not None and (root or i > 0)
            signal = None
            if last:
                signal = s.ready if pass_on or not root else s.done if segment.last else None
            code.add(
                tile,
                Queue.VECTOR,
                Opcode.ADDV if c.op == ReduceOp.SUM else Opcode.MAXV,
                waits=[wait] if wait else [],
                signal=signal,
                tell=(s.credit, child) if free else None,
                d=d[0],
                d_reg=d[1],
                a=own[0],
                a_reg=own[1],
                b=b[0],
                b_reg=b[1],
                m=1,
                n=segment.words * code.machine.tile.word_bytes // 4,
                ldd=1,
                lda=1,
            )
            own = d

    def send(tile: TileXY, segment: Segment) -> None:
        parent, children = parents[tile], order[tile]
        waits = [(s.ready, 1)] if children else []
        at = buffers.place(0, segment) if children else (c.source + segment.at, segment.register)
        free = (s.credit, children[0]) if children and buffers.slots else None
        if parent not in inside:
            to, semaphore, bump = (c.target + segment.at, segment.register), s.done, segment.last
        else:
            to, semaphore, bump = (
                buffers.place(order[parent].index(tile), segment),
                arrival(parent, tile)[0],
                True,
            )
            if buffers.slots:
                waits.append((s.credit, 1))
        if buffers.slots and parent in inside and segment.index < buffers.slots:
            waits.pop()  # the first buffers are free
        fields = put_fields(c, parent, segment.words, at[0], to[0]) | {
            "local_reg": at[1],
            "remote_reg": to[1],
        }
        code.add(
            tile,
            Queue.OUT,
            Opcode.PUT,
            waits=waits,
            tell=free,
            bump=int(bump),
            sem=semaphore,
            **fields,
        )

    def drain(tile: TileXY) -> None:
        """Take the credits that came back after the last segment."""
        count = min(buffers.slots or 0, -(-c.words // size))
        if count and parents[tile] in inside:
            code.add(tile, Queue.OUT, Opcode.SYNC, waits=[(s.credit, count)])

    first = buffers.slots or 0
    for tile, children in order.items():
        if children and tile in inside:
            code.segments(
                tile,
                Queue.VECTOR,
                c.words,
                size,
                partial(add, tile),
                first=first,
            )
        if tile in parents:
            code.segments(
                tile,
                Queue.OUT,
                c.words,
                size,
                partial(send, tile),
                first=first,
            )
            drain(tile)
