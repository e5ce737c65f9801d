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

from golden.decoding import Image
from golden.engines import run_matrix, run_vector
from golden.errors import GoldenError, GoldenFault
from golden.events import Events
from golden.races import RaceError, check_races
from golden.recording import RecordingSequencer, Step
from golden.sequencer import GoldenSequencer
from golden.statistics import Statistics
from golden.transfers import Transfers, Words, fault_at, name_of
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Kind, Opcode, Queue, kind_of
from isa.machine import Machine
from isa.status import ErrorCode

__all__ = ["GoldenMachine"]

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
        self._events = Events(seed)
        self._statistics = Statistics()
        self._transfers = Transfers(machine, hbm, self._events, self._statistics)
        self._sequencers: list[GoldenSequencer] = []
        self._steps: list[Step] | None = [] if races else None
        for tile, image in images.items():
            if tile not in self._transfers.l1:
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
        return {tile: l1.bytes for tile, l1 in self._transfers.l1.items()}

    @property
    def hbm(self) -> list[Words]:
        """Words of each channel as a (words, link_bits / 32) array, grown to the highest word
        written.
        """
        return [channel.words for channel in self._transfers.channels]

    @property
    def semaphores(self) -> dict[TileXY, list[int]]:
        """Semaphore counts of each tile."""
        return {tile: semaphores.counts for tile, semaphores in self._transfers.semaphores.items()}

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
        self._statistics.hbm_words_read = [
            channel.words_read for channel in self._transfers.channels
        ]
        self._statistics.hbm_words_written = [
            channel.words_written for channel in self._transfers.channels
        ]
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
        take = self._transfers.semaphores[tile].take
        make = (
            GoldenSequencer
            if self._steps is None
            else partial(RecordingSequencer, steps=self._steps)
        )
        return [
            make(
                tile=tile,
                queue=queue,
                image=memory,
                take=take,
                execute=self._execute,
                signal=self._transfers.signal,
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
                raise fault_at(sequencer, fault) from None
            if decoded is None:
                assert sequencer.blocked
                wake = partial(self._events.ready, partial(self._run_queue, sequencer))
                self._transfers.semaphores[sequencer.tile].call(sequencer.blocked[0], wake)
                return
            counted[decoded.opcode] += 1
            count += 1

    def _check_finished(self) -> None:
        stuck = [sequencer for sequencer in self._sequencers if not sequencer.halted]
        pending = self._transfers.reductions.pending()
        if not stuck and not pending:
            self._transfers.reductions.check_order()
            return
        lines = []
        for sequencer in stuck[:_LINES]:
            assert sequencer.blocked
            semaphore, count = sequencer.blocked
            present = self._transfers.semaphores[sequencer.tile].counts[semaphore]
            lines.append(
                f"{name_of(sequencer)}: waits for semaphore {semaphore} >= {count}, has {present}"
            )
        if len(stuck) > _LINES:
            lines.append(f"and {len(stuck) - _LINES} more")
        summary = (
            f"deadlock: {len(stuck)} of {len(self._sequencers)} queues wait for ever"
            if stuck
            else "unfinished reductions"
        )
        raise GoldenError(ErrorCode.NONE, "\n".join([summary, *lines, *pending]))

    def _execute(self, sequencer: GoldenSequencer, opcode: Opcode, f: dict[str, int]) -> None:
        kind = kind_of(opcode)
        l1 = self._transfers.l1[sequencer.tile]
        if kind == Kind.MATRIX:
            self._statistics.macs += run_matrix(l1, f)
        elif kind == Kind.VECTOR:
            run_vector(l1, opcode, f, self.machine.tile)
        elif opcode == Opcode.LOAD:
            self._transfers.load(sequencer, f)
        else:
            data = l1.read_words(f["local"], f["local_pitch"], f["rows"], f["words"])
            t = self._transfers
            send = {Opcode.STORE: t.store, Opcode.PUT: t.put, Opcode.REDUCE: t.reduce}[opcode]
            send(sequencer, f, data)
