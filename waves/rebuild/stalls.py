"""The stalls of the matrix arrays, and what they wait for."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isa.geometry import TileXY
from isa.instructions import Opcode, Queue
from programs.text.listing import Listing
from waves.read.recording import EngineActivity, Link, Recording
from waves.rebuild.inspection import Inspection

__all__ = ["MatrixStall", "matrix_stalls"]

LEAST = 8
"""Cycles of a stall that is worth telling."""
SIGNAL_CYCLES = 10
"""Cycles, at most, from the end of an instruction or transfer until a wait for its semaphore is
over.
"""
_CAUSES = {"operand": "operands from L1", "drain": "room for results", "l1": "L1, which others use"}


@dataclass(frozen=True)
class MatrixStall:
    """A time in which an array does not step, between two in which it does.

    Attributes
    ----------
    tile, begin, end
        Where, the first cycle, and the first cycle in which it steps again.
    waits_for
        What most of the time is spent on.
    until
        What was over when the wait was: an instruction of the tile or a transfer to it.
    tiles
        Tiles whose arrays are stalled at this time.
    """

    tile: TileXY
    begin: int
    end: int
    waits_for: str
    until: str
    tiles: int = 1

    @property
    def cycles(self) -> int:
        """How long it is."""
        return self.end - self.begin


def matrix_stalls(inspection: Inspection, most: int) -> list[MatrixStall]:
    """The longest stalls, longest first; of those at the same time in several tiles the longest."""
    recording = inspection.recording
    found = sorted(
        (
            gap
            for (_, queue), engine in recording.engines.items()
            if queue == Queue.MATRIX
            for gap in _gaps(engine)
        ),
        key=lambda gap: gap[2] - gap[1],
        reverse=True,
    )
    told: list[MatrixStall] = []
    for tile, begin, end in found:
        if len(told) == most:
            break
        if not any(stall.begin < end and begin < stall.end for stall in told):
            together = len({other for other, first, last in found if first < end and begin < last})
            told.append(
                MatrixStall(
                    tile, begin, end, *_why(inspection, recording, tile, begin, end), together
                )
            )
    return told


def _gaps(engine: EngineActivity) -> Iterator[tuple[TileXY, int, int]]:
    """Tile, begin and end of the stalls of one array."""
    begins, ends = engine.active["end"][:-1], engine.active["begin"][1:]
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        if end - begin >= LEAST:
            yield engine.tile, begin, end


def _why(
    inspection: Inspection, recording: Recording, tile: TileXY, begin: int, end: int
) -> tuple[str, str]:
    """What takes most of a stall, and what ended that."""
    matrix = recording.engines[tile, Queue.MATRIX]
    shares = {
        text: _overlap(matrix.stalls[cause], begin, end)
        for cause, text in _CAUSES.items()
        if cause in matrix.stalls
    }
    waits = matrix.waits[(matrix.waits["begin"] < end) & (matrix.waits["end"] > begin)]
    for semaphore in np.unique(waits["value"]):
        shares[f"semaphore {semaphore}"] = _overlap(waits[waits["value"] == semaphore], begin, end)
    cause = max(shares, key=lambda text: shares[text])
    if not shares[cause]:
        return "its next instruction", ""
    if not cause.startswith("semaphore"):
        return cause, ""
    semaphore = int(cause.split()[1])
    over = int(waits[waits["value"] == semaphore]["end"].max())
    named = inspection.listing.named(cause) if inspection.listing else cause
    return named, _over_by(inspection, tile, semaphore, over)


def _overlap(runs: NDArray, begin: int, end: int) -> int:
    return int(
        np.clip(np.minimum(runs["end"], end) - np.maximum(runs["begin"], begin), 0, None).sum()
    )


def _over_by(inspection: Inspection, tile: TileXY, semaphore: int, cycle: int) -> str:
    """What ended a wait: a flit that bumped the semaphore just before, else the last instruction of
    the tile that was done.
    """
    for network in ("data", "reduce"):
        traffic = inspection.recording.traffic[Link(network, tile, "eject")]
        bumps = (
            (traffic.header["bump"] == 1)
            & (traffic.header["sem"] == semaphore)
            & (traffic.taken < cycle)
        )
        late = traffic.taken[bumps & (traffic.taken >= cycle - SIGNAL_CYCLES)]
        for transfer in inspection.transfers if len(late) else ():
            if transfer.completed.get(tile) == late[-1]:
                return (
                    f"{transfer.name} from ({transfer.root[0]},{transfer.root[1]}), complete in "
                    f"cycle {late[-1]}"
                )
    ended = []
    for queue in (Queue.VECTOR, Queue.MATRIX, Queue.OUT):
        engine = inspection.recording.engines[tile, queue]
        done = engine.executed["done"]
        ended += [
            (int(one["done"]), _instruction(engine, one, inspection.listing))
            for one in engine.executed[(done < cycle) & (done >= cycle - SIGNAL_CYCLES)]
        ]
    return max(ended, default=(0, ""))[1]


def _instruction(engine: EngineActivity, one: NDArray, listing: Listing | None) -> str:
    """An instruction, with the time it took and how much of it was spent on waiting for L1."""
    issued, done = int(one["issued"]), int(one["done"])
    text = f"{engine.queue.name.lower()} {Opcode(int(one['opcode'])).name}, slot {one['slot']}"
    if listing:
        text += f" ({listing.where(engine.tile, engine.queue, int(one['slot']))})"
    if issued < 0:
        return f"{text}, done in cycle {done}"
    waited = _overlap(engine.stalls["l1"], issued, done) if "l1" in engine.stalls else 0
    return f"{text}, cycles {issued}..{done}, {waited} of them waiting for L1"
