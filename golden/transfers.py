"""What leaves a tile: loads, stores, puts, reductions, and signals to others."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.collectives import Contribution, Reductions
from golden.errors import GoldenError, GoldenFault
from golden.events import Events
from golden.hbm import GoldenHbmChannel
from golden.sequencer import GoldenSequencer
from golden.statistics import CollectiveRecord, Statistics
from golden.tile import GoldenL1, GoldenSemaphores
from isa.geometry import Rectangle, TileXY
from isa.instructions import EdgePort, Format, ReduceOp
from isa.machine import Machine

__all__ = ["Transfers", "Words", "fault_at", "name_of"]

Words = NDArray[np.uint32]


class _Rows(NamedTuple):
    """Rows of words on their way, and the semaphore they bump."""

    address: int
    pitch: int
    data: Words
    semaphore: int | None
    sender: str
    """For messages."""


class Transfers:
    """The memories of a mesh, and what moves words between them.

    Parameters
    ----------
    machine
        The description all tiles share.
    hbm
        Contents of each channel.
    events
        Delivers what is sent.
    statistics
        Takes the collectives.
    """

    def __init__(
        self,
        machine: Machine,
        hbm: Sequence[NDArray[np.unsignedinteger]],
        events: Events,
        statistics: Statistics,
    ):
        channels = machine.channels
        if len(hbm) != len(channels):
            raise ValueError(
                f"hbm must hold {len(channels)} arrays, one per channel, not {len(hbm)}"
            )
        self.channels = [
            GoldenHbmChannel(machine, contents, f"hbm[{index}]")
            for index, contents in enumerate(hbm)
        ]
        tiles = [(x, y) for y in range(machine.mesh.rows) for x in range(machine.mesh.columns)]
        self.l1 = {tile: GoldenL1(machine.tile) for tile in tiles}
        self.semaphores = {tile: GoldenSemaphores(machine.tile) for tile in tiles}
        self.reductions = Reductions()
        self._channel_at = {(c.x, c.y, EdgePort[c.edge.upper()]): c.index for c in channels}
        self._events, self._statistics = events, statistics

    def signal(self, sequencer: GoldenSequencer, semaphore: int, remote: TileXY | None) -> None:
        """Bump a semaphore of the tile, or of another one."""
        sender = name_of(sequencer)
        if remote is None:
            self._bump(sequencer.tile, semaphore, sender)
        else:
            self._events.send(
                ("data", sequencer.tile, remote), partial(self._bump, remote, semaphore, sender)
            )

    def load(self, sequencer: GoldenSequencer, f: dict[str, int]) -> None:
        """Ask a channel for rows of words, which go to a rectangle of tiles."""
        target = f["target_x"], f["target_y"]
        channel = self._channel_at[*target, EdgePort(f["edge"])]
        rectangle, place = _rectangle(f), _Place(sequencer)

        def serve() -> None:
            try:
                data = self.channels[channel].read(
                    f["remote"], f["remote_pitch"], f["rows"], f["words"]
                )
            except GoldenFault as fault:
                raise fault_at(place, fault) from None
            rows = _Rows(f["local"], f["local_pitch"], data, _semaphore(f), name_of(place))
            self._deliver(("channel", channel), rectangle.tiles(), rows)

        self._count("load", f, target, rectangle)
        self._events.send(("read", sequencer.tile, channel), serve)

    def store(self, sequencer: GoldenSequencer, f: dict[str, int], data: Words) -> None:
        """Send rows of words to a channel."""
        channel = self._channel_at[f["target_x"], f["target_y"], EdgePort(f["edge"])]
        place = _Place(sequencer)

        def serve() -> None:
            try:
                self.channels[channel].write(f["remote"], f["remote_pitch"], data)
            except GoldenFault as fault:
                raise fault_at(place, fault) from None
            if f["bump"]:
                path = "channel", channel, place.tile
                self._events.send(path, partial(self._bump, place.tile, f["sem"], name_of(place)))

        # A channel keeps writes in a queue apart from reads: only the acknowledgement orders the
        # two.
        self._events.send(("write", sequencer.tile, channel), serve)

    def put(self, sequencer: GoldenSequencer, f: dict[str, int], data: Words) -> None:
        """Send rows of words to a rectangle of tiles."""
        rectangle = _rectangle(f)
        self._count("put", f, sequencer.tile, rectangle)
        rows = _Rows(f["remote"], f["remote_pitch"], data, _semaphore(f), name_of(sequencer))
        self._deliver(("data", sequencer.tile), rectangle.tiles(), rows)

    def reduce(self, sequencer: GoldenSequencer, f: dict[str, int], data: Words) -> None:
        """Contribute rows of words to a reduction; the last member's sends the result."""
        rectangle, root = _rectangle(f), (f["target_x"], f["target_y"])
        header = Contribution(
            rectangle=rectangle,
            root=root,
            tag=f["tag"],
            op=ReduceOp(f["op"]),
            fmt=Format(f["fmt"]),
            turn=bool(f["turn"]),
            rows=f["rows"],
            words=f["words"],
            remote=f["remote"],
            pitch=f["remote_pitch"] if f["rows"] > 1 else 0,
            semaphore=_semaphore(f),
        )
        result = self.reductions.post(sequencer.tile, header, data)
        if result is not None:
            self._count("allreduce" if header.turn else "reduce", f, root, rectangle, header.op)
            receivers = rectangle.tiles() if header.turn else [root]
            sender = f"reduction tag {header.tag}"
            path = "turned" if header.turn else "reduced", root
            rows = _Rows(header.remote, header.pitch, result, header.semaphore, sender)
            self._deliver(path, receivers, rows)

    def _deliver(self, path: tuple, tiles: list[TileXY], rows: _Rows) -> None:
        """Send rows of words to each receiver, and the bump behind them."""

        def arrive(tile: TileXY) -> None:
            try:
                self.l1[tile].write_words(rows.address, rows.pitch, rows.data)
            except GoldenFault as fault:
                raise GoldenError(
                    fault.code,
                    f"{fault.text}, sent by {rows.sender}",
                    tile=tile,
                    detail=fault.detail,
                ) from None
            if rows.semaphore is not None:
                self._bump(tile, rows.semaphore, rows.sender)

        for tile in tiles:
            self._events.send((*path, tile), partial(arrive, tile))

    def _count(
        self,
        kind: str,
        f: dict[str, int],
        root: TileXY,
        rectangle: Rectangle,
        op: ReduceOp | None = None,
    ) -> None:
        if op is not None or len(rectangle.tiles()) > 1:
            name = None if op is None else op.name.lower()
            self._statistics.collectives.append(
                CollectiveRecord(f["tag"], kind, name, root, rectangle, f["rows"] * f["words"])
            )

    def _bump(self, tile: TileXY, semaphore: int, sender: str) -> None:
        try:
            self.semaphores[tile].bump(semaphore)
        except GoldenFault as fault:
            raise GoldenError(
                fault.code, f"{fault.text}, bumped by {sender}", tile=tile, detail=fault.detail
            ) from None


class _Place:
    """Where an instruction was issued, for messages after the sequencer has moved on."""

    def __init__(self, sequencer: GoldenSequencer):
        self.tile, self.queue, self.pc = sequencer.tile, sequencer.queue, sequencer.pc


def fault_at(place: GoldenSequencer | _Place, fault: GoldenFault) -> GoldenError:
    """What a fault of an instruction is in the machine."""
    return GoldenError(
        fault.code, fault.text, tile=place.tile, queue=place.queue, pc=place.pc, detail=fault.detail
    )


def _semaphore(f: dict[str, int]) -> int | None:
    return f["sem"] if f["bump"] else None


def _rectangle(f: dict[str, int]) -> Rectangle:
    return Rectangle(f["x0"], f["y0"], f["x1"], f["y1"])


def name_of(place: GoldenSequencer | _Place) -> str:
    """An instruction in messages."""
    (x, y), queue = place.tile, place.queue.name.lower()
    return f"tile ({x},{y}) queue {queue} pc {place.pc}"
