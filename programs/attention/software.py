"""Collectives of one tile in software: unicast PUTs along forwarding trees
(`programs.collectives.trees`), and the vector engine combines.

What keeps the tiles in order, beyond what `programs.attention.queues` and
`programs.attention.forward` say:

* A tile sends its part of a maximum after it got the last one, which its parent made from all its
  children's parts. So the parent has read what the next part overwrites, and has sent the last
  maximum on to this child.
* Parts of O go up the tree in segments, through two buffers in every parent that its children use
  in turn: the parent adds child by child, segment by segment, and whoever sends the next but one is
  told that a buffer is free. The first two of an item need not be told: their senders have got a
  maximum of this item, for which the parent contributed after the last item's sums.
* Nothing waits in a circle. Sums go segment by segment and, in each, the tree in postorder: all
  that a child sends, and then its parent's addition, in the order of its additions. Maxima go up in
  postorder, and then down in preorder. Sums are in the first phase of a turn and maxima in the
  second one (`programs.attention.forward`), in all tiles.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from isa.instructions import Opcode, Queue
from programs.attention.assignment import Forward
from programs.attention.schedule import Visit
from programs.attention.tile import TAGS, TileCode
from programs.attention.tree_positions import TreePosition
from programs.common.ranges import blocks
from programs.common.trace import Ref, Signal

__all__ = ["SoftwareCollectives"]

Waits = Sequence[tuple[int, int]]


class _Receiver(NamedTuple):
    """A child of this tile in a tree, or its parent (None), and the semaphore that is bumped
    there.
    """

    tree: str
    child: int | None
    semaphore: str
    slot: int


class _Sent(NamedTuple):
    """`rows` of `words` words, `pitch` words apart, from L1 word `local` to `remote`."""

    local: int
    remote: int
    rows: int
    words: int
    tag: int
    pitch: int = 0


class SoftwareCollectives:
    """Adds collectives to a tile's traces, without multicasts and reductions of the network
    (`programs.attention.network.Network`).
    """

    def __init__(self, tile: TileCode):
        assert tile.assignment.positions is not None
        self._tile, self._positions = tile, tile.assignment.positions
        self._vector, self._out = tile.traces[Queue.VECTOR].add, tile.traces[Queue.OUT].add

    # A slice of k, v or q, to all tiles that share it.

    def receivers(self, name: str, index: int) -> dict[str, Any]:
        """Where a LOAD delivers, and what it bumps there."""
        kind = "in" if name in self._tile.mapping.forwards else "full"
        return {
            **self._tile.here(),
            "bump": 1,
            "sem": self._tile.semaphores(f"{name}_{kind}", index),
        }

    def pass_on(self, forward: Forward) -> None:
        """Send a slice that has arrived to the tile's children in its tree."""
        sem, (name, index) = self._tile.semaphores, (forward.name, forward.slot)
        at, pitch = self._tile.buffer(name, index)
        # Nobody overwrites it before all tiles have used it, hence have got it: this tile need not
        # wait for its own PUTs.
        self._out(
            Opcode.SYNC,
            waits=[(sem(f"{name}_in", index), 1)],
            signals=[Signal(sem(f"{name}_full", index))],
        )
        for child, relays in enumerate(getattr(self._positions, name).children):
            self._put(
                _Receiver(name, child, f"{name}_{('in' if relays else 'full')}", index),
                _Sent(
                    at,
                    at,
                    forward.rows,
                    pitch,
                    TAGS[name.upper()] + (index if name == "q" else 0),
                    pitch=pitch,
                ),
            )

    # The maximum of each row, to all tiles of the row.

    def own_maximum(self, s: int) -> list[Signal]:
        """Signals of the instruction that makes this tile's part: a leaf sends it as it is."""
        return (
            []
            if self._positions.maximum.children
            else [Signal(self._tile.semaphores("max_local", s))]
        )

    def share_maximum(self, s: int, rows: int) -> None:
        """All-reduce, from `local_maximum` to `maximum`: up the tree with MAXV, and down."""
        sem, layout, place = self._tile.semaphores, self._tile.layout, self._positions.maximum
        stream, words = layout.streams[s], self._tile.vector_words(rows)
        ready = [(sem("max_local", s), 1)]
        for child in _combined(place):
            last = child == 0
            self._vector(
                Opcode.MAXV,
                waits=self._arrivals(child, len(place.children)),
                signals=[Signal(sem("max_local", s))] if last else [],
                d=stream.maximum if place.number is None and last else stream.local_maximum,
                a=stream.local_maximum,
                b=layout.maxima[child],
                m=1,
                n=rows,
            )
        if place.number is not None:
            arrival = self._arrival(place.number, place.siblings)
            self._put(
                _Receiver("maximum", None, "max_in", arrival),
                _Sent(stream.local_maximum, layout.maxima[place.number], 1, words, TAGS["MAX"] + s),
                waits=ready,
            )
            ready = []
            if place.children:
                self._out(
                    Opcode.SYNC,
                    waits=[(sem("max_down", s), 1)],
                    signals=[Signal(sem("max_full", s))],
                )
        for child, relays in enumerate(place.children):
            self._put(
                _Receiver("maximum", child, "max_down" if relays else "max_full", s),
                _Sent(stream.maximum, stream.maximum, 1, words, TAGS["MAX"] + s),
                waits=ready,
            )
            ready = []

    def shared_maximum(self, s: int) -> Waits:
        """What the vector engine waits for before it uses `maximum`; at the root it has made it
        itself.
        """
        return (
            []
            if self._positions.maximum.number is None
            else [(self._tile.semaphores("max_full", s), 1)]
        )

    def _arrival(self, child: int, children: int) -> int:
        """Which of the semaphores `max_in` a child bumps: they are shared out in the order in which
        parts are combined.
        """
        groups = min(children, self._tile.semaphores.most_arrivals)
        return (children - 1 - child) * groups // children

    def _arrivals(self, child: int, children: int) -> Waits:
        """What to wait for before a child's part is used: all that share its semaphore, and nothing
        if that was done before.
        """
        mine = [
            other
            for other in range(children)
            if self._arrival(other, children) == self._arrival(child, children)
        ]
        return (
            [(self._tile.semaphores("max_in", self._arrival(child, children)), len(mine))]
            if child == mine[-1]
            else []
        )

    # The sum of O and of the row sums, at the root.

    def sum_out(self, s: int, visit: Visit, rows: int) -> None:
        """Sum O and the row sums, which lie directly below it: every tile adds its children's sums
        to its own, in place.
        """
        tile, sem, layout, place = (
            self._tile,
            self._tile.semaphores,
            self._tile.layout,
            self._positions.total,
        )
        start, end = layout.running_sums(s, rows), layout.streams[s].out + rows * layout.acc_pitch
        children, root = len(place.children), place.number is None
        own = [(sem("o_local", s), 1 if visit.first else 2)]
        segments = blocks(end - start, layout.segment)
        for number, segment in enumerate(segments):
            at, last = start + segment.start, number == len(segments) - 1
            for i, child in enumerate(_combined(place)):
                message = number * children + i
                signals = [] if root or child else [Signal(sem("o_sum", s))]
                if message + 2 < len(segments) * children:
                    next_but_one = children - 1 - (message + 2) % children
                    signals.append(Signal(sem("o_credit", s), self._at("total", next_but_one)))
                self._vector(
                    Opcode.ADDV,
                    waits=[(sem("o_in", message % 2), 1), *own],
                    signals=signals,
                    d=at,
                    a=at,
                    b=layout.parts[message % 2],
                    m=1,
                    n=segment.size * tile.layout.word_elements,
                )
                own = []
            if place.number is not None:
                message = number * place.siblings + place.siblings - 1 - place.number
                ready = [(sem("o_sum", s), 1)] if children else own
                own = []
                self._put(
                    _Receiver("total", None, "o_in", message % 2),
                    _Sent(at, layout.parts[message % 2], 1, segment.size, TAGS["SUM"] + s),
                    waits=[*ready, *([(sem("o_credit", s), 1)] if message > 1 else [])],
                    signals=[Signal(sem("o_free", s))] if last else [],
                )

    def summed_out(self, s: int) -> Waits:
        """What the root's vector engine waits for before it divides: nothing, it has added up
        itself.
        """
        return []

    # Small things.

    def _put(
        self,
        to: _Receiver,
        sent: _Sent,
        *,
        waits: Waits = (),
        signals: Iterable[Signal] = (),
    ) -> None:
        """Send words to a child or to the parent, and bump a semaphore there."""
        x, y = self._at(to.tree, to.child)
        self._out(
            Opcode.PUT,
            waits=waits,
            signals=signals,
            local=sent.local,
            local_pitch=sent.pitch,
            remote=sent.remote,
            remote_pitch=sent.pitch,
            rows=sent.rows,
            words=sent.words,
            x0=x,
            x1=x,
            y0=y,
            y1=y,
            bump=1,
            sem=self._tile.semaphores(to.semaphore, to.slot),
            tag=sent.tag,
        )

    def _at(self, tree: str, child: int | None) -> tuple[Ref, Ref]:
        """Column and row of a child, or of the parent (None)."""
        name = f"{tree}.{'parent' if child is None else child}"
        return Ref(f"{name}.x"), Ref(f"{name}.y")


def _combined(place: TreePosition) -> range:
    """Children in the order in which what they bring is combined, the one that is served first
    last.
    """
    return range(len(place.children) - 1, -1, -1)
