"""Rolling: a flat trace becomes a tree of loops whose iterations differ in their addresses only.

Repeats are found from the inside out. Each round looks for the shortest period at which the list of
nodes repeats three times or more, with addresses that advance by the same amount every time, and
folds each such run into one `Loop`, itself a node whose "addresses" are its trip count and those of
its first iteration. A loop whose trip count changes by a constant from one outer iteration to the
next (a triangular nest) therefore folds like everything else. What is left may fold in twos.

The tree is exact: `programs.common.loops` turns it into instructions, and interpreting those gives
the trace back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.instructions import LOOP_DEPTH, REGISTERS
from programs.common.trace import Op

__all__ = ["Leaf", "Loop", "Node", "Register", "roll", "walk"]

_SEED = 20
_LONGEST = 1024
"""Nodes in a body: longer ones would not fit the program memory."""


class Leaf(NamedTuple):
    """One operation; `vector` holds its addresses."""

    key: int
    vector: tuple[int, ...]
    op: Op


@dataclass(frozen=True, slots=True)
class Loop:
    """`body`, repeated `vector[0]` times; `strides[i]` is added to the vector of node i after each
    iteration.

    The vector holds the trip count, then those of the body's nodes in the first iteration.
    """

    key: int
    vector: tuple[int, ...]
    body: tuple["Node", ...]
    strides: tuple[tuple[int, ...], ...]
    depth: int

    @property
    def trips(self) -> int:
        """Iterations (in the first iteration of any loop around this one)."""
        return self.vector[0]


Node = Leaf | Loop


class Register(NamedTuple):
    """What an address register goes through: ``strides[i]`` is added in each iteration of
    ``loops[i]``, outermost first.

    It is set on entry to ``loops[0]``, to 0 or to what register `start` holds there. The loops are
    named by their place in the tree: the index of each node in its parent's body, from the top.
    """

    loops: tuple[tuple[int, ...], ...]
    strides: tuple[int, ...]
    start: "Register | None" = None


def roll(ops: Sequence[Op]) -> list[Node]:
    """Fold a trace into loops, nested at most `LOOP_DEPTH` deep, each nest with registers
    that fit.
    """
    keys: dict[object, int] = {}
    leaves: dict[int, Leaf] = {}
    nodes: list[Node] = []
    for op in ops:
        # By identity first: most operations are interned, and their hash is long to compute.
        leaf = leaves.get(id(op))
        if leaf is None:
            leaf = leaves[id(op)] = Leaf(keys.setdefault(op.shape, len(keys)), op.at, op)
        nodes.append(leaf)
    while (folded := _fold_runs(nodes, keys)) is not None:
        nodes = folded
    return _fold_pairs(nodes, keys)


def walk(
    loop: Loop, place: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], Node, list[Register | None]]]:
    """List every node below `loop` in order: its place, and the register for each address of a leaf
    or for its trips.
    """
    yield from _walk(loop, place, [()] * len(loop.vector), [])


def _walk(
    loop: Loop,
    place: tuple[int, ...],
    outer: list[tuple[int, ...]],
    around: list[tuple[tuple[int, ...], bool]],
) -> Iterator[tuple[tuple[int, ...], Node, list[Register | None]]]:
    """`outer`: for each element of the loop's vector its strides over the loops `around` (place,
    whether its trips vary).
    """
    around = [*around, (place, any(outer[0]))]
    at = 1
    for i, (node, strides) in enumerate(zip(loop.body, loop.strides, strict=True)):
        inner = [(*outer[at + j], stride) for j, stride in enumerate(strides)]
        at += len(strides)
        own = inner if isinstance(node, Leaf) else inner[:1]
        yield (*place, i), node, [_register(around, chain) for chain in own]
        if isinstance(node, Loop):
            yield from _walk(node, (*place, i), inner, around)


def _register(
    around: list[tuple[tuple[int, ...], bool]], chain: tuple[int, ...]
) -> Register | None:
    """Find the register for an address with these strides over the loops around it.

    A new register, started from the one of the loops outside, begins at each loop with a varying
    trip count: how far such a loop has moved a register at its end is not a constant, so that it
    could not be moved back.
    """
    length = max((i + 1 for i, stride in enumerate(chain) if stride), default=0)
    register: Register | None = None
    begin = 0
    for i in range(1, length + 1):
        if i == length or around[i][1]:
            if any(chain[begin:i]):
                register = Register(
                    tuple(place for place, _ in around[begin:i]), chain[begin:i], register
                )
            begin = i
    return register


def _arrays(nodes: list[Node]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Key of each node, and a linear fingerprint of its vector (equal differences have equal
    differences of prints).
    """
    widest = max((len(node.vector) for node in nodes), default=0)
    weights = np.random.default_rng(_SEED).integers(1, 1 << 62, widest + 1, np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    lengths = np.array([len(node.vector) for node in nodes], np.int64)
    flat = np.array([value for node in nodes for value in node.vector], np.int64).astype(np.uint64)
    ends = np.cumsum(lengths)
    position = np.arange(len(flat)) - np.repeat(ends - lengths, lengths)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(flat * weights[position])])
    return np.array([node.key for node in nodes], np.int64), sums[ends] - sums[ends - lengths]


def _fold_runs(nodes: list[Node], keys: dict[object, int]) -> list[Node] | None:
    """Fold all runs of three or more iterations at the shortest period that has any; None if there
    is none.
    """
    key, prints = _arrays(nodes)
    n = len(nodes)
    for period in range(1, min(n // 3, _LONGEST) + 1):
        equal = key[period:] == key[:-period]
        if np.count_nonzero(equal) < 2 * period:
            continue
        step = prints[period:] - prints[:-period]
        affine = equal[:-period] & equal[period:] & (step[period:] == step[:-period])
        runs = [
            (start, start + length + 2 * period) for start, length in _true_runs(affine, period)
        ]
        if runs and (folded := _fold(nodes, keys, period, runs)):
            return folded
    return None


def _fold_pairs(nodes: list[Node], keys: dict[object, int]) -> list[Node]:
    """Fold equal neighbours, the longest first."""
    key, _ = _arrays(nodes)
    for period in range(min(len(nodes) // 2, _LONGEST), 1, -1):
        equal = key[period:] == key[:-period]
        if np.count_nonzero(equal) < period:
            continue
        runs = [(start, start + 2 * period) for start, _ in _true_runs(equal, period)]
        if runs and (folded := _fold(nodes, keys, period, runs)):
            nodes = folded
            key, _ = _arrays(nodes)
    return nodes


def _true_runs(mask: NDArray[np.bool_], least: int) -> Iterator[tuple[int, int]]:
    """(start, length) of each maximal run of True that is at least `least` long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        if end - start >= least:
            yield int(start), int(end - start)


def _fold(
    nodes: list[Node], keys: dict[object, int], period: int, runs: list[tuple[int, int]]
) -> list[Node] | None:
    """Replace each run [start, end) that is worth it by a loop over `period` nodes."""
    folded: list[Node] = []
    done = 0
    for start, end in runs:
        start = max(start, done)
        trips = (end - start) // period
        loop = _loop(nodes[start : start + 2 * period], trips, keys) if trips > 1 else None
        if loop is not None:
            folded += nodes[done:start]
            folded.append(loop)
            done = start + trips * period
    return [*folded, *nodes[done:]] if done else None


def _loop(twice: list[Node], trips: int, keys: dict[object, int]) -> Loop | None:
    """Make a loop that begins with these two iterations; None if it does not pay or is beyond the
    hardware.
    """
    period = len(twice) // 2
    body = tuple(twice[:period])
    depth = 1 + max(node.depth if isinstance(node, Loop) else 0 for node in body)
    if depth > LOOP_DEPTH:
        return None
    strides = tuple(
        tuple(b - a for a, b in zip(first.vector, second.vector, strict=True))
        for first, second in zip(body, twice[period:], strict=True)
    )
    if len({stride for move in strides for stride in move}) > REGISTERS:
        return None
    vector = (trips, *(value for node in body for value in node.vector))
    key = keys.setdefault((tuple(node.key for node in body), strides), len(keys))
    loop = Loop(key, vector, body, strides, depth)
    if _cost(loop) >= trips * sum(map(_cost, body)) or _registers(loop) >= REGISTERS:
        return None
    return loop


def _cost(node: Node) -> int:
    """Instructions of a node by itself."""
    if isinstance(node, Leaf):
        return 1
    moves = {stride for strides in node.strides for stride in strides if stride}
    return 2 + len(moves) + sum(map(_cost, node.body))


def _registers(loop: Loop) -> int:
    """Count the registers a nest needs."""
    found: set[Register] = set()
    for _, _, registers in walk(loop, ()):
        for register in registers:
            while register is not None:
                found.add(register)
                register = register.start
    return len(found)
