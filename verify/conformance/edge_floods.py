"""What arrives at a tile from all sides at once, faster than it can be taken: counts that find no
room, and words that the L1 refuses for long.
"""

from collections.abc import Callable

from isa.geometry import Rectangle, TileXY
from isa.instructions import Opcode, Queue
from isa.machine import Machine
from isa.routes import hops
from verify.conformance.edge_bench import STORED, EdgeBench
from verify.conformance.extremes import Extent
from verify.conformance.tile_programs import TileProgram
from verify.conformance.tile_stores import at

__all__ = ["flood_program"]

_COUNTS, _AT_ONCE = 24, 4
"""Of a sender: what all of them bring fits a semaphore; and without a loop's END between them."""
_RESULTS, _SIGNALS = 1, 5
"""First semaphores of counts: from reductions, one for each side; from signals."""
_ROUNDS, _BEFORE, _PATIENCE, _PARTS = 8, 90, 24, 160
"""Of the words that L1 refuses: how often; cycles before the first one, and from there to the
second one; and rows of a channel that keep their bank meanwhile.
"""
_DONE, _GO, _BEGIN = 12, 13, 14
"""Semaphores of those rounds: what has come, and the next one; and of the queues of a tile, that
they may begin, one each.
"""
_FROM, _TO = 0, 256
"""Words of L1: what is sent, and where the first of the rows go; the two words go to the middle."""


def flood_program(machine: Machine, seed: int, _: slice) -> TileProgram:
    """Programs of all tiles about the tile in the middle: counts by both networks at once, from all
    sides, in the longest row that there is; then words for one bank.
    """
    bench, pair = EdgeBench(machine, seed), machine.tile.l1_words // 2
    bench.fill()
    mesh = machine.mesh
    middle = (mesh.columns // 2, mesh.rows // 2)
    beside = [tile for tile in bench.tiles if hops(tile, middle) == 1]
    bench.meet(Queue.OUT)
    _counts(bench, middle, beside, pair)
    bench.meet(Queue.OUT)
    if beside:
        _refused(bench, middle, beside[0], pair)
        out = bench.adder(middle, Queue.OUT)
        bench.store(out, pair, Extent(0, 1, 2 * _ROUNDS))
        out(Opcode.SYNC, waits=[(STORED, 1)])
    return TileProgram(*bench.finish())


def _counts(bench: EdgeBench, middle: TileXY, beside: list[TileXY], pair: int) -> None:
    """Every neighbour sends words that are each a reduction with a count; all other queues of all
    tiles send signals.
    """
    others = (Queue.MATRIX, Queue.VECTOR, Queue.LOAD)
    for tile in bench.tiles:
        for queue in others:
            bench.adder(tile, Queue.OUT)(Opcode.SYNC, signal=_BEGIN + queue)
            bench.adder(tile, queue)(Opcode.SYNC, waits=[(_BEGIN + queue, 1)])
    for number, tile in enumerate(tile for tile in bench.tiles if tile != middle):
        semaphore = _SIGNALS + number % (_DONE - _SIGNALS)
        for queue in others:
            _repeat(
                bench.adder(tile, queue), [(Opcode.SYNC, {"tell": (semaphore, middle)})] * _AT_ONCE
            )
    for side, tile in enumerate(beside):
        fields = _reduction(tile, middle, _RESULTS + side)
        add = bench.adder(tile, Queue.OUT)
        _repeat(add, [(Opcode.REDUCE, fields | {"remote": pair - 1 - side})] * _AT_ONCE)


def _repeat(add: Callable, code: list[tuple[Opcode, dict]]) -> None:
    add(Opcode.LOOP, imm=_COUNTS // _AT_ONCE)
    for opcode, fields in code:
        add(opcode, **fields)
    add(Opcode.END)


def _reduction(member: TileXY, root: TileXY, semaphore: int) -> dict[str, int]:
    """Of one member, one word, with a count; each member has a tag of its own."""
    rectangle = Rectangle(*member, *member)
    return {
        **dict(zip(Rectangle._fields, rectangle, strict=True)),
        "target_x": root[0], "target_y": root[1], "local": _FROM, "rows": 1, "words": 1,
        "bump": 1, "sem": semaphore, "tag": 16 + semaphore,
    }  # fmt: skip


def _refused(bench: EdgeBench, middle: TileXY, member: TileXY, pair: int) -> None:
    """A neighbour sends two words that follow each other, the second one long after the first.
    Meanwhile a channel sends rows of one word for the first one's bank, a word in every cycle, so
    that L1 takes neither before they end. Every round the second one comes later.
    """
    banks, hub = bench.machine.tile.l1_banks, bench.adder(middle, Queue.OUT)
    load, add = bench.adder(middle, Queue.LOAD), bench.adder(member, Queue.OUT)
    rows, channel = min(_PARTS, (pair - _TO) // banks - 1), bench.machine.channels[0]
    hub(Opcode.LOOP, imm=_ROUNDS)
    hub(Opcode.SYNC, signal=_BEGIN + Queue.LOAD, tell=(_GO, member))
    hub(Opcode.SYNC, waits=[(_DONE, 2)])
    hub(Opcode.END)
    load(Opcode.LOOP, imm=_ROUNDS)
    load(Opcode.SYNC, waits=[(_BEGIN + Queue.LOAD, 1)])
    load(
        Opcode.LOAD, local=_TO, local_pitch=banks, remote=0, remote_pitch=1, rows=rows, words=1,
        bump=1, sem=_DONE, tag=3, **at(channel),
        **dict(zip(Rectangle._fields, (*middle, *middle), strict=True)),
    )  # fmt: skip
    load(Opcode.END)
    fields = _reduction(member, middle, _DONE) | {"remote_reg": 2}
    for register, value in ((1, _PATIENCE), (2, 0), (3, _BEFORE)):
        add(Opcode.LI, rd=register, imm=value // 3)
    add(Opcode.LOOP, imm=_ROUNDS)
    add(Opcode.SYNC, waits=[(_GO, 1)])
    add(Opcode.LOOP, rs=3)
    add(Opcode.END)
    add(Opcode.REDUCE, **fields | {"bump": 0, "remote": pair})
    add(Opcode.LOOP, rs=1)
    add(Opcode.END)
    add(Opcode.REDUCE, **fields | {"remote": pair + 1})
    add(Opcode.ADD, rd=1, rs=1, imm=1)
    add(Opcode.ADD, rd=2, rs=2, imm=banks)
    add(Opcode.END)
