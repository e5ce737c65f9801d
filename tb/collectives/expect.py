"""What a collective must leave in every receiver's L1, bit for bit, from the words of its members;
no programs involved.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from golden.arithmetic import add, maximum
from golden.reduction import combine
from isa.geometry import Rectangle, TileXY
from isa.instructions import ReduceOp
from programs.collectives.collective import Collective
from programs.collectives.trees import Tree, tree_of

__all__ = ["expected", "receivers"]

Floats = NDArray[np.float32]


def receivers(c: Collective) -> list[TileXY]:
    """Tiles whose `target` holds the result afterwards."""
    members = c.rectangle.tiles()
    if c.kind == "reduce":
        return [c.root]
    if c.kind == "multicast" and c.method != "hardware" and len(members) > 1:
        return [tile for tile in members if tile != c.root]
    return members


def expected(c: Collective, sources: Mapping[TileXY, Floats]) -> dict[TileXY, Floats]:
    """The result at each receiver. `sources` holds at least the collective's words of each tile, as
    FP32.
    """
    if c.kind == "multicast":
        result = sources[c.root]
    else:
        members = {tile: sources[tile] for tile in c.rectangle.tiles()}
        if c.method == "hardware":
            result = combine(members, Rectangle(*c.rectangle), c.root, c.op)
        elif c.method in ("doubling", "halving"):
            result = _doubled(list(members.values()), c.op)
        else:
            result = _up(tree_of(c.method, c.rectangle, c.root), members, c.op)
    return dict.fromkeys(receivers(c), result)


def _join(op: ReduceOp, a: Floats, b: Floats) -> Floats:
    return add(a, b) if op == ReduceOp.SUM else maximum(a, b)


def _up(tree: Tree, members: Mapping[TileXY, Floats], op: ReduceOp) -> Floats:
    """A tile adds its children's results to its own words, the child that is served last first."""

    def value(tile: TileXY) -> Floats:
        results = [value(child) for child in reversed(tree.children[tile])]
        if tile not in members:
            return results[0]
        total = members[tile]
        for result in results:
            total = _join(op, total, result)
        return total

    return value(tree.root)


def _doubled(values: list[Floats], op: ReduceOp) -> Floats:
    """Tiles beyond a power of two are added to their partners, then neighbours pairwise, pairs of
    pairs and so on.
    """
    power = 1 << (len(values).bit_length() - 1)
    values = [
        _join(op, value, values[i + power]) if i + power < len(values) else value
        for i, value in enumerate(values[:power])
    ]
    while len(values) > 1:
        values = [_join(op, a, b) for a, b in zip(values[0::2], values[1::2], strict=True)]
    return values[0]
