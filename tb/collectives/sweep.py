"""Which collectives are measured: shapes, lengths, methods and segment sizes, and how they share
runs of the mesh.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from isa.geometry import Rectangle, TileXY
from isa.machine import Machine
from programs.collectives.collective import (
    KINDS,
    Collective,
    exchange_words,
    methods_of,
    vector_words,
)
from programs.collectives.emit import emit
from programs.collectives.trees import Tree, tree_of
from programs.common.code import Code
from tb.collectives.series import Item, SeriesLane

__all__ = [
    "LENGTHS",
    "SHAPES",
    "Best",
    "SweepCandidate",
    "best",
    "candidates",
    "estimate",
    "lanes_of",
    "runs",
]

SHAPES: dict[str, tuple[int, int]] = {
    "row2": (2, 1),
    "row4": (4, 1),
    "row8": (8, 1),
    "4x4": (4, 4),
    "8x8": (8, 8),
}
"""Columns and rows of each set of tiles; the root is its south-west tile."""
LENGTHS = tuple(1 << i for i in range(12))
"""Words, that is flits, of a collective."""
START, GAP, ADD = 6, 2, 12
"""Cycles, about: from a segment's arrival to its first flit at the next tile; between two PUTs;
around an addition. They only choose which segment sizes are tried, and how runs are filled.
"""
TRIED = 3
_TAGS, _SLOTS, _WORDS = 240, 1900, 20_000
"""What a lane has: tags, instruction slots and L1 words for results."""
_ITEM_SLOTS = 16
"""Instructions around an item: barrier, pauses and the wait for its end."""


def estimate(kind: str, method: str, shape: str, words: int, size: int) -> float:
    """About how many cycles a software collective takes, without contention between its own
    transfers.
    """
    columns, rows = SHAPES[shape]
    count = -(-words // size)
    if method == "doubling":
        steps = (columns * rows - 1).bit_length()
        return steps * (1.5 * words + START + ADD) + columns + rows
    if method == "halving":
        # Transfers over a distance of n tiles share links n to 1, and have 1/n of the words.
        steps = (columns * rows - 1).bit_length()
        return steps * (words / 2 + 2 * START + ADD) + 1.5 * words + columns + rows
    widest, first = _path(method, shape, size, kind != "multicast")
    period = widest * (size + GAP)
    if kind == "multicast":
        return first + (count - 1) * period + columns + rows
    once = first + (count - 1) * max(period, widest * (size / 2 + ADD)) + widest * size / 2
    if kind == "reduce":
        return once
    return (
        once + _path(method, shape, size, False)[0] * words + _path(method, shape, size, False)[1]
    )


@cache
def _path(method: str, shape: str, size: int, adding: bool) -> tuple[int, float]:
    """Children of the tile that has most, and the cycles of one segment from root to leaves."""
    columns, rows = SHAPES[shape]
    tree: Tree = tree_of(method, Rectangle(0, 0, columns - 1, rows - 1), (0, 0))
    each = size + GAP + (size / 2 if adding else 0)

    def below(tile: TileXY) -> float:
        extra = START + (ADD if adding else 0)
        return max(
            (i * (size + GAP) + each + extra + below(c) for i, c in enumerate(tree.children[tile])),
            default=0,
        )

    return max(map(len, tree.children.values())), below(tree.root)


def _sizes(
    kind: str, method: str, shape: str, words: int, most: int, tried: int
) -> list[int | None]:
    """Segment sizes worth trying: the best ones by estimate among the powers of two and all at
    once.
    """
    if method in ("hardware", "doubling", "halving") or (
        method == "unicast" and kind == "multicast"
    ):
        return [None]
    count = 255
    sizes = {words, *(1 << i for i in range(1, 12) if 1 << i < words)}
    possible = [
        size
        for size in sizes
        if size <= (words if kind == "multicast" else most) and -(-words // size) <= count
    ]
    columns, rows = SHAPES[shape]
    if method == "unicast" and columns * rows > 16:
        return [words] if words <= most else []
    possible.sort(key=lambda size: estimate(kind, method, shape, words, size))
    return list(possible[:tried])


@dataclass(frozen=True)
class SweepCandidate:
    """An item with its estimated cycles and the instruction slots it takes in the busiest tile."""

    cost: float
    slots: int
    item: Item


def candidates(
    machine: Machine,
    shape: str,
    *,
    lengths: Sequence[int] = LENGTHS,
    tried: int = TRIED,
    software_to: int = LENGTHS[-1],
    slowest: float = 8,
) -> list[SweepCandidate]:
    """All items of a shape, for a lane at the mesh's south-west corner.

    Parameters
    ----------
    tried
        Segment sizes to try for each software method.
    software_to
        Longest message of the software methods.
    slowest
        Software methods estimated to take so many times the cycles of the best one are left out.
    """
    columns, rows = SHAPES[shape]
    rectangle = Rectangle(0, 0, columns - 1, rows - 1)
    most, found = vector_words(machine), []
    for kind in KINDS:
        for words in lengths:
            costs: dict[tuple[str, int | None], float] = {("hardware", None): words + 40.0}
            for method in methods_of(kind)[1:] if words <= software_to else ():
                if words > exchange_words(machine, method) or (
                    method == "halving" and words < columns * rows
                ):
                    continue
                if method == "comb" and rows == 1:
                    continue  # the comb of a row is a chain
                for size in _sizes(kind, method, shape, words, most, tried):
                    costs[method, size] = estimate(kind, method, shape, words, size or words)
            fastest = min(
                (cost for (method, _), cost in costs.items() if method != "hardware"), default=0.0
            )
            for (method, size), cost in costs.items():
                if method == "hardware" or cost <= slowest * fastest:
                    c = Collective(kind, method, rectangle, (0, 0), words, 0, 0, segment=size)
                    marked = (kind == "reduce" and method != "halving") or method == "doubling"
                    item = Item((shape, kind, method, words, size), (c,), marked=marked)
                    found.append(SweepCandidate(cost + 80, _ITEM_SLOTS + _slots(machine, c), item))
    return found


def lanes_of(shape: str, machine: Machine, rows: Iterable[int] | None = None) -> list[TileXY]:
    """South-west tiles of all places where the shape fits side by side, in the given rows of the
    mesh.
    """
    width, height = SHAPES[shape]
    usable = sorted(range(machine.mesh.rows) if rows is None else rows)
    return [
        (x, y)
        for y in usable[::height]
        if y + height - 1 in usable
        for x in range(0, machine.mesh.columns - width + 1, width)
    ]


def runs(
    machine: Machine, shapes: dict[str, Iterable[int] | None], **options
) -> list[list[SeriesLane]]:
    """Fill runs: each shape in its rows of the mesh, items spread over its lanes so that all take
    about as long.

    Every lane begins with a marked multicast, from which the cycles between a result and its mark
    are learnt.
    """
    filled: list[list[SeriesLane]] = []
    for shape, rows in shapes.items():
        places = lanes_of(shape, machine, rows)
        rest = sorted(candidates(machine, shape, **options), key=lambda candidate: -candidate.cost)
        number = 0
        while rest:
            if number == len(filled):
                filled.append([])
            lanes = [_Filling(shape, place) for place in places]
            rest = [
                candidate
                for candidate in rest
                if not min(lanes, key=lambda lane: lane.cost).take(candidate)
            ]
            filled[number] += [lane.lane for lane in lanes if lane.cost]
            number += 1
    return filled


class _Filling:
    """A lane and what it still has room for."""

    def __init__(self, shape: str, at: TileXY):
        columns, rows = SHAPES[shape]
        self._at = at
        self._rectangle = Rectangle(*at, at[0] + columns - 1, at[1] + rows - 1)
        first = Collective("multicast", "hardware", self._rectangle, at, 1, 0, 0)
        self.lane = SeriesLane(self._rectangle, [Item((shape, at, "mark"), (first,), marked=True)])
        self.cost, self._slots, self._words = 0.0, 3 * _ITEM_SLOTS, 1

    def take(self, candidate: SweepCandidate) -> bool:
        """Add the item, moved to this lane, if program memory, tags and L1 suffice."""
        item = candidate.item
        words = sum(c.words for c in item.collectives)
        full = (
            self._slots + candidate.slots > _SLOTS
            or len(self.lane.items) >= _TAGS
            or self._words + words > _WORDS
        )
        if not full:
            moved = tuple(
                replace(c, rectangle=self._rectangle, root=self._at) for c in item.collectives
            )
            self.lane.items.append(replace(item, collectives=moved))
            self.cost += candidate.cost
            self._slots += candidate.slots
            self._words += words
        return not full


@cache
def _slots(machine: Machine, c: Collective) -> int:
    """Most instructions that the collective takes in a tile."""
    code = Code(machine)
    emit(code, c)
    return max(map(code.slots, c.rectangle.tiles()))


@dataclass(frozen=True)
class Best:
    """The fastest way of a method: cycles, and the segment size it took."""

    cycles: int
    segment: int | None


def best(timings: dict[tuple, int]) -> dict[tuple[str, str, str, int], Best]:
    """Of every shape, kind, method and length the fastest segment size; keys that are not of a
    sweep are left out.
    """
    found: dict[tuple[str, str, str, int], Best] = {}
    for key, cycles in timings.items():
        if len(key) != 5:
            continue
        name, segment = key[:4], key[4]
        if name not in found or cycles < found[name].cycles:
            found[name] = Best(cycles, segment)
    return found
