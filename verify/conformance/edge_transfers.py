"""Transfers one at a time in a whole mesh: a token goes from one to the next when all that has come
is stored.
"""

from itertools import pairwise
from typing import NamedTuple

from isa.geometry import Rectangle, TileXY
from isa.instructions import Opcode, Queue
from verify.conformance.edge_bench import STORED, EdgeBench
from verify.conformance.edge_engines import EdgeInstruction
from verify.conformance.extremes import Extent, extents
from verify.conformance.tile_stores import at

__all__ = ["KEPT", "EdgeTransfer", "emit_transfers", "walk_channels"]

_TOKEN = {Queue.LOAD: 20, Queue.OUT: 21}
"""Semaphores by which a transfer's first queue learns that the one before is through."""
_GO = 22
"""By which the other members of a reduction learn that it begins."""
_BACK = 23
"""Counts what was stored and is read back."""
KEPT = 16
"""Words at the end of every channel that `walk_channels` writes, so that they may be read."""


class EdgeTransfer(NamedTuple):
    """One transfer: who takes part, and where it ends."""

    experiment: EdgeInstruction
    counted: bool
    leader: TileXY
    queue: Queue
    members: tuple[TileXY, ...]
    receivers: tuple[TileXY, ...]


def emit_transfers(bench: EdgeBench, order: list[EdgeTransfer]) -> None:
    """Add them to the programs, behind what is there."""
    if not order:
        return
    _begin(bench, order[0])
    for transfer, following in pairwise([*order, None]):
        assert transfer is not None
        _emit(bench, transfer, following)


def _begin(bench: EdgeBench, first: EdgeTransfer) -> None:
    """All L1s are filled: whoever is first may begin."""
    for tile in bench.tiles:
        bench.adder(tile, Queue.OUT)(Opcode.SYNC, tell=(_TOKEN[first.queue], first.leader))
    lead = bench.adder(first.leader, first.queue)
    lead(Opcode.SYNC, waits=[(_TOKEN[first.queue], len(bench.tiles))])


def _emit(bench: EdgeBench, transfer: EdgeTransfer, following: EdgeTransfer | None) -> None:
    """The transfer, what looks at its result, and the token to the next one."""
    experiment = transfer.experiment
    opcode, f = experiment.opcode, experiment.operands
    lead = bench.adder(transfer.leader, transfer.queue)
    for other in transfer.members:
        if other != transfer.leader:
            lead(Opcode.SYNC, tell=(_GO, other))
    for member in transfer.members:
        add = bench.adder(member, transfer.queue)
        if member != transfer.leader:
            add(Opcode.SYNC, waits=[(_GO, 1)])
        for register, value in experiment.registers.items():
            add(Opcode.LI, rd=register, imm=value)
        add(opcode, **experiment.fields)
        if not transfer.counted:
            # What comes behind it tells that it has come: the same first word, once more.
            add(opcode, **experiment.fields | {"rows": 1, "words": 1, "bump": 1})
    for receiver in transfer.receivers:
        out, arrived = bench.adder(receiver, Queue.OUT), [(f["sem"], 1)]
        name = "local" if opcode == Opcode.LOAD else "remote"
        extent, address = extents(opcode, f, bench.machine.tile)[name], f[name]
        if opcode == Opcode.STORE:
            address, arrived = _read_back(bench, transfer, extent), [(_BACK, 1)]
            extent = extent._replace(pitch=extent.words)
        bench.store(out, address, extent, waits=arrived)
        told = (
            {"tell": (_TOKEN[following.queue], following.leader)} if following is not None else {}
        )
        out(Opcode.SYNC, waits=[(STORED, 1)], **told)
    if following is not None:
        follow = bench.adder(following.leader, following.queue)
        follow(Opcode.SYNC, waits=[(_TOKEN[following.queue], len(transfer.receivers))])


def _read_back(bench: EdgeBench, transfer: EdgeTransfer, extent: Extent) -> int:
    """LOAD what a STORE has written, once it is there; returns where to."""
    f, machine = transfer.experiment.operands, bench.machine
    address = int(bench.rng.integers(0, machine.tile.l1_words - extent.rows * extent.words))
    bench.adder(transfer.leader, Queue.OUT)(Opcode.SYNC, waits=[(f["sem"], 1)], signal=_BACK + 1)
    (x, y), names = transfer.leader, ("remote", "remote_pitch", "rows", "words")
    bench.adder(transfer.leader, Queue.LOAD)(
        Opcode.LOAD,
        **{name: f[name] for name in (*names, "target_x", "target_y", "edge")},
        local=address,
        local_pitch=extent.words if extent.rows > 1 else 0,
        **dict(zip(Rectangle._fields, (x, y, x, y), strict=True)),
        waits=[(_BACK + 1, 1)],
        bump=1,
        sem=_BACK,
    )
    return address


def walk_channels(bench: EdgeBench) -> None:
    """Another word to each address of a channel that is a power of two, to those that differ from
    one of them in one bit, and to the last ones; all are read back when all are there.
    """
    machine = bench.machine
    words = machine.channel_words
    base = 1 << max(1, (words // 8 - 1).bit_length())
    bits = [1 << bit for bit in range(words.bit_length())]
    alone = [bit for bit in bits if base < bit < words]
    spots = [*alone, base, *(base + bit for bit in bits if bit < base), words - KEPT]
    for number, channel in enumerate(machine.channels):
        tile = bench.tiles[number % len(bench.tiles)]
        out, load = bench.adder(tile, Queue.OUT), bench.adder(tile, Queue.LOAD)
        counts = {"bump": 1, **at(channel)}
        for index, spot in enumerate(spots):
            size = KEPT if spot == words - KEPT else 1
            shape = {"rows": 1, "words": size, "remote": spot}
            out(Opcode.STORE, local=index, **shape, **counts, sem=STORED)
        out(Opcode.SYNC, waits=[(STORED, len(spots))], signal=_BACK + 1)
        load(Opcode.SYNC, waits=[(_BACK + 1, 1)])
        x, y = tile
        for index, spot in enumerate(spots):
            size = KEPT if spot == words - KEPT else 1
            load(
                Opcode.LOAD,
                local=256 + index,
                rows=1,
                words=size,
                remote=spot,
                x0=x,
                y0=y,
                x1=x,
                y1=y,
                **counts,
                sem=_BACK,
            )
        block = Extent(0, 1, len(spots) + KEPT - 1)
        bench.store(out, 256, block, waits=[(_BACK, len(spots))])
        out(Opcode.SYNC, waits=[(STORED, 1)])
