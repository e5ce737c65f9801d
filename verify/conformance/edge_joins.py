"""Reductions whose members all send something else, by every set of inputs that a router joins."""

from collections.abc import Iterator
from itertools import product

from isa.geometry import Rectangle, TileXY
from isa.instructions import LAYOUTS, Kind, Opcode, Queue, ReduceOp
from isa.machine import Machine, Mesh
from isa.packets import Port
from isa.routes import reduction_tree
from verify.conformance.edge_bench import EdgeBench
from verify.conformance.edge_engines import EdgeInstruction
from verify.conformance.edge_transfers import EdgeTransfer, emit_transfers
from verify.conformance.shapes import places
from verify.conformance.tile_programs import TileProgram

__all__ = ["join_program", "join_sets", "joining"]

_WORDS = 16
"""Of a part: enough elements that each member has the largest of some."""
_OWN = 14
"""Register of where a tile's part is."""
_SEMAPHORE, _TAG = 3, 9


def join_program(machine: Machine, seed: int, part: slice) -> TileProgram:
    """Programs of all tiles; same arguments: the same."""
    bench = EdgeBench(machine, seed)
    bench.fill()
    for number, tile in enumerate(bench.tiles):
        bench.adder(tile, Queue.OUT)(Opcode.LI, rd=_OWN, imm=number * _WORDS)
    ways = product(ReduceOp, machine.mesh.formats)
    ones = [(*place, *way) for way in ways for place in joining(machine.mesh)]
    emit_transfers(bench, [_reduce(bench, *one) for one in ones[part]])
    return TileProgram(*bench.finish())


def join_sets(rectangle: Rectangle, root: TileXY) -> Iterator[frozenset[Port]]:
    """The sets of inputs, of two and more, that the routers of a reduction join."""
    for inputs, _ in reduction_tree(rectangle, root).values():
        if len(inputs) > 1:
            yield frozenset(inputs)


def joining(mesh: Mesh) -> list[tuple[Rectangle, TileXY]]:
    """Rectangles and roots that bring about every set there can be, as few as are found by taking
    what adds most, the smallest first.
    """
    every = sorted(
        {pair for pairs in places(mesh).values() for pair in pairs},
        key=lambda pair: (len(pair[0].tiles()), pair),
    )
    sets = {pair: set(join_sets(*pair)) for pair in every}
    left, found = set().union(*sets.values()), []
    while left:
        best = max(every, key=lambda pair: len(sets[pair] & left))
        found.append(best)
        left -= sets[best]
    return found


def _reduce(
    bench: EdgeBench, rectangle: Rectangle, root: TileXY, op: ReduceOp, fmt: int
) -> EdgeTransfer:
    tiles = tuple(rectangle.tiles())
    remote = int(
        bench.rng.integers(len(bench.tiles) * _WORDS, bench.machine.tile.l1_words - _WORDS)
    )
    f = {field.name: 0 for field in LAYOUTS[Kind.MOVE]} | {
        "local_reg": _OWN, "remote": remote, "rows": 1, "words": _WORDS, "bump": 1,
        "sem": _SEMAPHORE, "tag": _TAG, "op": int(op), "fmt": int(fmt),
        "target_x": root[0], "target_y": root[1],
        **dict(zip(Rectangle._fields, rectangle, strict=True)),
    }  # fmt: skip
    leader = tiles[int(bench.rng.integers(len(tiles)))]
    made = EdgeInstruction(Opcode.REDUCE, f, {}, f)
    return EdgeTransfer(made, True, leader, Queue.OUT, tiles, (root,))
