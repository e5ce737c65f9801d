"""Multicast, reduction and all-reduce as tile programs: by the network's own collectives, or in
software by unicast PUTs.

Hardware is one PUT to a rectangle, or one REDUCE per member. Software methods run a forwarding tree
(`programs.collectives.trees`) in segments: a tile passes a segment on as soon as it is there, while
the next ones arrive; reductions also work by exchanges (`programs.collectives.exchange`). The
vector engine adds and compares for them. Every transfer bumps a semaphore at its receiver.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from isa.errors import UserError
from isa.geometry import Rectangle, TileXY
from isa.instructions import Format, Opcode, Queue, ReduceOp
from isa.machine import Machine
from programs.collectives.exchange import double, doubling_scratch, halve, halving_scratch
from programs.collectives.trees import TREES, Tree, tree_of
from programs.common.code import Code, Segment

__all__ = [
    "KINDS",
    "METHODS",
    "Collective",
    "Semaphores",
    "emit",
    "exchange_words",
    "methods_of",
    "scratch_words",
    "vector_words",
]

KINDS = ("multicast", "reduce", "allreduce")
METHODS = ("hardware", *TREES, "doubling", "halving")
"""Of these, doubling is for all-reduces, and halving for them and for reductions."""
_MOST_COUNT = 63
"""Largest count that one wait can name."""
_MOST_ELEMENTS = 4095


def methods_of(kind: str) -> tuple[str, ...]:
    """Methods that can do a kind of collective."""
    exchanges = {"multicast": (), "reduce": ("halving",), "allreduce": ("doubling", "halving")}
    return ("hardware", *TREES, *exchanges[kind])


class Semaphores(NamedTuple):
    """Semaphores that a collective uses, the same in every tile. Each is back at its count of
    before when all is done.
    """

    done: int = 0
    """One count at each tile that receives the result, once it is in L1 (a tile that passes it on:
    once it has done so).
    """
    data: int = 1
    """Segments that have arrived and are to be passed on."""
    ready: int = 2
    """Segments that the vector engine has combined and the out engine is to send."""
    credit: int = 3
    """Receive buffers that are free again; used with `slots` only."""
    arrive: tuple[int, ...] = tuple(range(4, 20))
    """Segments that have come from each child to be combined."""


@dataclass(frozen=True)
class Collective:
    """What is to be done, by which method.

    The root's words at `source` go to `target` of all other members (multicast); every member's
    words at `source` are combined at `target` of the root (reduce) or of all members (allreduce).
    In hardware a multicast also writes `target` of a root that is a member; halving leaves parts of
    the result at `target` of all members. `source` is only read.
    """

    kind: str
    method: str
    rectangle: Rectangle
    root: TileXY
    words: int
    source: int
    target: int
    scratch: int = 0
    """First of `scratch_words` words of receive buffers (software reductions)."""
    tag: int = 0
    semaphores: Semaphores = field(default_factory=Semaphores)
    segment: int | None = None
    """Words that a software method passes on at a time; all at once by default."""
    slots: int | None = None
    """Receive buffers per child in a reduction (1, 2 or 4), given back by signals; one per segment
    by default.
    """
    op: ReduceOp = ReduceOp.SUM
    fmt: Format = Format.FP32
    """Format of a hardware reduction; in software it is FP32."""


def vector_words(machine: Machine) -> int:
    """Words that one ADDV or MAXV can take as a row."""
    return _MOST_ELEMENTS // (machine.tile.word_bytes // 4)


def exchange_words(machine: Machine, method: str) -> int:
    """Most words of a collective by an exchange, whose additions are one instruction each; no limit
    for other methods.
    """
    return {"doubling": vector_words(machine), "halving": 2 * vector_words(machine)}.get(
        method, machine.tile.l1_words
    )


def _size(machine: Machine, c: Collective) -> int:
    """Words in a segment."""
    size = min(c.segment or c.words, c.words)
    if c.kind != "multicast":
        size = min(size, vector_words(machine))
    return size


def scratch_words(machine: Machine, c: Collective) -> int:
    """Words of receive buffers that the collective needs in each member's L1."""
    if c.method == "hardware" or c.kind == "multicast":
        return 0
    if c.method == "halving":
        return halving_scratch(c.words)
    if c.method == "doubling":
        return doubling_scratch(len(c.rectangle.tiles()), c.words)
    widest = max(map(len, tree_of(c.method, c.rectangle, c.root).children.values()))
    return widest * _Buffers(c, _size(machine, c)).words


def emit(code: Code, c: Collective) -> None:
    """Append the collective to the programs of the tiles that take part.

    Raises
    ------
    UserError
        If there is no such kind or method, the rectangle or the root is not in the mesh, the words
        do not fit L1, or the method cannot do it with the semaphores it has.
    """
    _check(code.machine, c)
    if c.method == "hardware":
        _hardware(code, c)
    elif c.rectangle.tiles() == [c.root]:
        # Nobody to talk to: the tile hands the words to itself.
        code.add(
            c.root,
            Queue.OUT,
            Opcode.PUT,
            **_put(c, c.root, c.words, c.source, c.target),
            bump=1,
            sem=c.semaphores.done,
        )
    elif c.method == "doubling":
        double(code, c, _put)
    elif c.method == "halving":
        halve(code, c, _put)
    else:
        tree, size = tree_of(c.method, c.rectangle, c.root), _size(code.machine, c)
        if c.kind == "multicast":
            _broadcast(code, c, tree, size)
        else:
            _combine(code, c, tree, size, pass_on=c.kind == "allreduce")
            if c.kind == "allreduce":
                _broadcast(code, c, tree, size, result=True)


def _check(machine: Machine, c: Collective) -> None:
    if c.kind not in KINDS:
        raise UserError(f"collective must be one of {', '.join(KINDS)}, not {c.kind!r}")
    if c.method not in methods_of(c.kind):
        raise UserError(
            f"method of a {c.kind} must be one of {', '.join(methods_of(c.kind))}, not {c.method!r}"
        )
    mesh, (x0, y0, x1, y1) = machine.mesh, c.rectangle
    if not (0 <= x0 <= x1 < mesh.columns and 0 <= y0 <= y1 < mesh.rows):
        raise UserError(
            f"rectangle {c.rectangle} must be in the {mesh.columns}x{mesh.rows} mesh and not empty"
        )
    if not (0 <= c.root[0] < mesh.columns and 0 <= c.root[1] < mesh.rows):
        raise UserError(f"root {c.root} must be in the {mesh.columns}x{mesh.rows} mesh")
    if c.method != "hardware" and c.kind == "allreduce" and c.root not in c.rectangle.tiles():
        raise UserError(
            f"root {c.root} of a software all-reduce must be in its rectangle {c.rectangle}"
        )
    if c.slots not in (None, 1, 2, 4):
        raise UserError(
            f"receive buffers per child must be 1, 2, 4 or one per segment, not {c.slots}"
        )
    end = max(c.source + c.words, c.target + c.words, c.scratch + scratch_words(machine, c))
    if c.words < 1 or end > machine.tile.l1_words:
        raise UserError(
            f"a collective of {c.words} words needs L1 up to word {end}, there are "
            f"{machine.tile.l1_words}"
        )
    most = exchange_words(machine, c.method)
    if c.words > most:
        raise UserError(f"recursive {c.method} takes at most {most} words at a time, not {c.words}")
    segments = -(-c.words // _size(machine, c))
    if c.method != "hardware" and segments >= 1 << machine.tile.semaphore_bits:
        raise UserError(
            f"{segments} segments overflow a semaphore of {machine.tile.semaphore_bits} bits: use "
            "longer ones"
        )


def _put(
    c: Collective, to: TileXY, words: int, local: int, remote: int, register: int = 0
) -> dict[str, Any]:
    """Operands of a unicast PUT of one row."""
    return {
        "local": local,
        "remote": remote,
        "local_reg": register,
        "remote_reg": register,
        "rows": 1,
        "words": words,
        "x0": to[0],
        "y0": to[1],
        "x1": to[0],
        "y1": to[1],
        "tag": c.tag,
    }


def _hardware(code: Code, c: Collective) -> None:
    x0, y0, x1, y1 = c.rectangle
    fields: dict[str, Any] = {
        "local": c.source,
        "remote": c.target,
        "rows": 1,
        "words": c.words,
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "bump": 1,
        "sem": c.semaphores.done,
        "tag": c.tag,
    }
    if c.kind == "multicast":
        code.add(c.root, Queue.OUT, Opcode.PUT, **fields)
        return
    fields |= {
        "target_x": c.root[0],
        "target_y": c.root[1],
        "op": c.op,
        "fmt": c.fmt,
        "turn": int(c.kind == "allreduce"),
    }
    for tile in c.rectangle.tiles():
        code.add(tile, Queue.OUT, Opcode.REDUCE, **fields)


def _broadcast(code: Code, c: Collective, tree: Tree, size: int, *, result: bool = False) -> None:
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
                    **_put(
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


class _Buffers:
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


def _combine(code: Code, c: Collective, tree: Tree, size: int, *, pass_on: bool) -> None:
    """Combine segments up the tree: the vector engine adds what arrives, the out engine sends it to
    the parent.

    The sum grows in the first child's buffer, at the root in `target`; there `pass_on` announces
    every segment to the out engine.
    """
    s, parents, inside = c.semaphores, tree.parent(), set(c.rectangle.tiles())
    buffers = _Buffers(c, size)
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
        fields = _put(c, parent, segment.words, at[0], to[0]) | {
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
