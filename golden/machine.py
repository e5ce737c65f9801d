"""Instruction-level machine: the program images of a whole mesh, executed to the last bit and
without any notion of time.

Programs without races give the same bits under every legal order of events. By default each queue
runs as far as it can and everything it sends arrives at once; with a `seed`, queues take turns at
random and whatever is under way arrives when it pleases, in order only where the network keeps
order (from one sender or channel to one receiver). A program whose results depend on the seed has a
race.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from golden.collectives import Contribution, Reductions
from golden.decoding import Image
from golden.engines import run_matrix, run_vector
from golden.errors import GoldenError, GoldenFault
from golden.events import Events
from golden.hbm import GoldenHbmChannel
from golden.races import RaceError, check_races
from golden.recording import RecordingSequencer, Step
from golden.sequencer import GoldenSequencer
from golden.statistics import CollectiveRecord, Statistics
from golden.tile import GoldenL1, GoldenSemaphores
from isa.geometry import Rectangle, TileXY
from isa.image import Program
from isa.instructions import EdgePort, Format, Kind, Opcode, Queue, ReduceOp, kind_of
from isa.machine import Machine
from isa.status import ErrorCode

__all__ = ["GoldenMachine"]

Words = NDArray[np.uint32]
_LINES = 100
"""Blocked queues a deadlock's message lists."""


class GoldenMachine:
    """A mesh of tiles with their programs, and the HBM channels.

    Parameters
    ----------
    machine
        The description all tiles share.
    images
        Program (or image as 256-bit words) of each tile (x, y); a tile that is not named has
        nothing to do.
    hbm
        Contents of each channel, in the order of ``machine.channels``, as bytes or 32-bit words;
        copied. What is beyond an array, up to the channel's capacity, is 0.
    seed
        None, or the seed of a random order of events.
    races
        Look for data races after the run, see `golden.races`. Does not depend on the seed.
    """

    def __init__(
        self,
        machine: Machine,
        images: Mapping[TileXY, Program | list[int]],
        hbm: Sequence[NDArray[np.unsignedinteger]],
        *,
        seed: int | None = None,
        races: bool = False,
    ):
        self.machine = machine
        channels = machine.channels
        if len(hbm) != len(channels):
            raise ValueError(
                f"hbm must hold {len(channels)} arrays, one per channel, not {len(hbm)}"
            )
        self._channels = [
            GoldenHbmChannel(machine, contents, f"hbm[{index}]")
            for index, contents in enumerate(hbm)
        ]
        self._channel_at = {(c.x, c.y, EdgePort[c.edge.upper()]): c.index for c in channels}
        tiles = [(x, y) for y in range(machine.mesh.rows) for x in range(machine.mesh.columns)]
        self._l1 = {tile: GoldenL1(machine.tile) for tile in tiles}
        self._semaphores = {tile: GoldenSemaphores(machine.tile) for tile in tiles}
        self._reductions = Reductions()
        self._events = Events(seed)
        self._sequencers: list[GoldenSequencer] = []
        self._statistics = Statistics()
        self._steps: list[Step] | None = [] if races else None
        for tile, image in images.items():
            if tile not in self._l1:
                raise ValueError(
                    f"images must name tiles of the {machine.mesh.columns}x{machine.mesh.rows} "
                    f"mesh, not {tile}"
                )
            self._sequencers += self._boot(tile, image)
        for sequencer in self._sequencers:
            self._events.ready(partial(self._run_queue, sequencer))

    @property
    def l1(self) -> dict[TileXY, NDArray[np.uint8]]:
        """L1 of each tile, as bytes."""
        return {tile: l1.bytes for tile, l1 in self._l1.items()}

    @property
    def hbm(self) -> list[Words]:
        """Words of each channel as a (words, link_bits / 32) array, grown to the highest word
        written.
        """
        return [channel.words for channel in self._channels]

    @property
    def semaphores(self) -> dict[TileXY, list[int]]:
        """Semaphore counts of each tile."""
        return {tile: semaphores.counts for tile, semaphores in self._semaphores.items()}

    @property
    def waiting(self) -> set[tuple[TileXY, Queue, int]]:
        """Queues that wait for a semaphore, with the slot of the instruction that does."""
        return {(s.tile, s.queue, s.pc) for s in self._sequencers if s.blocked}

    @property
    def steps(self) -> list[Step]:
        """What was executed so far, in order, of a run that looks for races."""
        return [] if self._steps is None else self._steps

    @property
    def statistics(self) -> Statistics:
        """What was counted so far."""
        self._statistics.hbm_words_read = [channel.words_read for channel in self._channels]
        self._statistics.hbm_words_written = [channel.words_written for channel in self._channels]
        return self._statistics

    def run(self) -> Statistics:
        """Run until all queues have halted and nothing is under way.

        Raises
        ------
        GoldenError
            With the error code the hardware would show, or NONE if the queues that have not halted
            wait for ever.
        RaceError
            If races are looked for, and there are any.
        """
        self._events.run()
        self._check_finished()
        if self._steps is not None and (races := check_races(self.machine, self._steps)):
            raise RaceError(races)
        return self.statistics

    def _boot(self, tile: TileXY, image: Program | list[int]) -> list[GoldenSequencer]:
        try:
            memory = Image(image, self.machine, tile)
        except GoldenFault as fault:
            raise GoldenError(fault.code, fault.text, tile=tile, detail=fault.detail) from None
        take = self._semaphores[tile].take
        make = (
            GoldenSequencer
            if self._steps is None
            else partial(RecordingSequencer, steps=self._steps)
        )
        return [
            make(
                machine=self.machine,
                tile=tile,
                queue=queue,
                image=memory,
                take=take,
                execute=self._execute,
                signal=self._signal,
            )
            for queue in Queue
        ]

    def _run_queue(self, sequencer: GoldenSequencer, most: int | None) -> None:
        """Run a queue until it halts or waits, or for `most` instructions."""
        count = 0
        counted = self._statistics.instructions
        while not sequencer.halted:
            if count == most:
                self._events.ready(partial(self._run_queue, sequencer))
                return
            try:
                decoded = sequencer.step()
            except GoldenFault as fault:
                raise _at(sequencer, fault) from None
            if decoded is None:
                assert sequencer.blocked
                wake = partial(self._events.ready, partial(self._run_queue, sequencer))
                self._semaphores[sequencer.tile].call(sequencer.blocked[0], wake)
                return
            counted[decoded.opcode] += 1
            count += 1

    def _check_finished(self) -> None:
        stuck = [sequencer for sequencer in self._sequencers if not sequencer.halted]
        pending = self._reductions.pending()
        if not stuck and not pending:
            self._reductions.check_order()
            return
        lines = []
        for sequencer in stuck[:_LINES]:
            assert sequencer.blocked
            semaphore, count = sequencer.blocked
            present = self._semaphores[sequencer.tile].counts[semaphore]
            lines.append(
                f"{_name(sequencer)}: waits for semaphore {semaphore} >= {count}, has {present}"
            )
        if len(stuck) > _LINES:
            lines.append(f"and {len(stuck) - _LINES} more")
        summary = (
            f"deadlock: {len(stuck)} of {len(self._sequencers)} queues wait for ever"
            if stuck
            else "unfinished reductions"
        )
        raise GoldenError(ErrorCode.NONE, "\n".join([summary, *lines, *pending]))

    def _bump(self, tile: TileXY, semaphore: int, sender: str) -> None:
        try:
            self._semaphores[tile].bump(semaphore)
        except GoldenFault as fault:
            raise GoldenError(
                fault.code, f"{fault.text}, bumped by {sender}", tile=tile, detail=fault.detail
            ) from None

    def _signal(self, sequencer: GoldenSequencer, semaphore: int, remote: TileXY | None) -> None:
        sender = _name(sequencer)
        if remote is None:
            self._bump(sequencer.tile, semaphore, sender)
        else:
            self._events.send(
                ("data", sequencer.tile, remote), partial(self._bump, remote, semaphore, sender)
            )

    def _execute(self, sequencer: GoldenSequencer, opcode: Opcode, f: dict[str, int]) -> None:
        kind = kind_of(opcode)
        l1 = self._l1[sequencer.tile]
        if kind == Kind.MATRIX:
            self._statistics.macs += run_matrix(l1, f)
        elif kind == Kind.VECTOR:
            run_vector(l1, opcode, f, self.machine.tile)
        elif opcode == Opcode.LOAD:
            self._load(sequencer, f)
        else:
            data = l1.read_words(f["local"], f["local_pitch"], f["rows"], f["words"])
            serve = {Opcode.STORE: self._store, Opcode.PUT: self._put, Opcode.REDUCE: self._reduce}[
                opcode
            ]
            serve(sequencer, f, data)

    def _load(self, sequencer: GoldenSequencer, f: dict[str, int]) -> None:
        target = f["target_x"], f["target_y"]
        channel = self._channel_at[*target, EdgePort(f["edge"])]
        rectangle, where = _rectangle(f), (f["local"], f["local_pitch"])
        place = _Place(sequencer)

        def serve() -> None:
            try:
                data = self._channels[channel].read(
                    f["remote"], f["remote_pitch"], f["rows"], f["words"]
                )
            except GoldenFault as fault:
                raise _at(place, fault) from None
            self._deliver(("channel", channel), rectangle.tiles(), *where, data, f, _name(place))

        self._count("load", f, target, rectangle)
        self._events.send(("read", sequencer.tile, channel), serve)

    def _store(self, sequencer: GoldenSequencer, f: dict[str, int], data: Words) -> None:
        channel = self._channel_at[f["target_x"], f["target_y"], EdgePort(f["edge"])]
        place = _Place(sequencer)

        def serve() -> None:
            try:
                self._channels[channel].write(f["remote"], f["remote_pitch"], data)
            except GoldenFault as fault:
                raise _at(place, fault) from None
            if f["bump"]:
                path = "channel", channel, place.tile
                self._events.send(path, partial(self._bump, place.tile, f["sem"], _name(place)))

        # A channel keeps writes in a queue apart from reads: only the acknowledgement orders the
        # two.
        self._events.send(("write", sequencer.tile, channel), serve)

    def _put(self, sequencer: GoldenSequencer, f: dict[str, int], data: Words) -> None:
        rectangle, where = _rectangle(f), (f["remote"], f["remote_pitch"])
        self._count("put", f, sequencer.tile, rectangle)
        self._deliver(
            ("data", sequencer.tile), rectangle.tiles(), *where, data, f, _name(sequencer)
        )

    def _reduce(self, sequencer: GoldenSequencer, f: dict[str, int], data: Words) -> None:
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
            semaphore=f["sem"] if f["bump"] else None,
        )
        result = self._reductions.post(sequencer.tile, header, data)
        if result is not None:
            self._count("allreduce" if header.turn else "reduce", f, root, rectangle, header.op)
            receivers = rectangle.tiles() if header.turn else [root]
            sender = f"reduction tag {header.tag}"
            path = "turned" if header.turn else "reduced", root
            self._deliver(path, receivers, header.remote, header.pitch, result, f, sender)

    def _deliver(
        self,
        path: tuple,
        tiles: list[TileXY],
        address: int,
        pitch: int,
        data: Words,
        f: dict[str, int],
        sender: str,
    ) -> None:
        """Send rows of words to each receiver, and the bump behind them."""

        def arrive(tile: TileXY) -> None:
            try:
                self._l1[tile].write_words(address, pitch, data)
            except GoldenFault as fault:
                raise GoldenError(
                    fault.code, f"{fault.text}, sent by {sender}", tile=tile, detail=fault.detail
                ) from None
            if f["bump"]:
                self._bump(tile, f["sem"], sender)

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


class _Place:
    """Where an instruction was issued, for messages after the sequencer has moved on."""

    def __init__(self, sequencer: GoldenSequencer):
        self.tile, self.queue, self.pc = sequencer.tile, sequencer.queue, sequencer.pc


def _at(place: GoldenSequencer | _Place, fault: GoldenFault) -> GoldenError:
    return GoldenError(
        fault.code, fault.text, tile=place.tile, queue=place.queue, pc=place.pc, detail=fault.detail
    )


def _rectangle(f: dict[str, int]) -> Rectangle:
    return Rectangle(f["x0"], f["y0"], f["x1"], f["y1"])


def _name(place: GoldenSequencer | _Place) -> str:
    (x, y), queue = place.tile, place.queue.name.lower()
    return f"tile ({x},{y}) queue {queue} pc {place.pc}"
