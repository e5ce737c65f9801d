"""What every engine did, as tracks: runs of equal values that cover the window without gaps."""

import numpy as np
from numpy.typing import NDArray

from isa.instructions import Opcode
from isa.status import QueueState
from waves.read.recording import EngineActivity, Recording

__all__ = ["CAUSES", "CLASSES", "RUNNING", "class_of", "lane", "runs", "spans", "stalls", "state"]

CLASSES: dict[str, tuple[Opcode, ...]] = {
    "matmul": (Opcode.MATMUL,),
    "elementwise": (
        Opcode.FILL,
        Opcode.COPY,
        Opcode.ADDV,
        Opcode.MAXV,
        Opcode.MULV,
        Opcode.SCALE,
        Opcode.RECIP,
    ),
    "exponential": (Opcode.EXP, Opcode.EXPD),
    "row maximum": (Opcode.ROWMAX,),
    "load": (Opcode.LOAD,),
    "store": (Opcode.STORE,),
    "put": (Opcode.PUT,),
    "reduce": (Opcode.REDUCE,),
}
"""Classes of engine instructions that a picture tells apart."""

CAUSES = ("operand", "drain", "network", "l1", "semaphore")
"""Why an engine does not move; bit i of a value of `stalls` is cause i."""

RUNNING = len(QueueState)
"""Values of `lane` from here on are instructions of a class."""

WAITING = (QueueState.WAIT0, QueueState.WAIT1)


def class_of(opcode: int) -> int:
    """Index of an opcode's class; of one that no engine executes, the number of classes."""
    return next(
        (index for index, opcodes in enumerate(CLASSES.values()) if opcode in opcodes), len(CLASSES)
    )


def spans(
    engine: EngineActivity, recording: Recording
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From begin up to but not including end, the cycles of each instruction in the window, until
    the next one begins.

    Of several that were under way when the window begins, only the last one is left with any.
    """
    issued, done = (
        engine.executed["issued"].astype(np.int64),
        engine.executed["done"].astype(np.int64),
    )
    begin = np.where(issued < 0, recording.first, issued)
    end = np.where(done < 0, recording.last, done) + 1
    end[:-1] = np.minimum(end[:-1], begin[1:])
    return begin, end


def lane(engine: EngineActivity, recording: Recording) -> NDArray[np.int32]:
    """What to show of an engine, shape (cycles,): RUNNING + class of its instruction, or else its
    sequencer's state.
    """
    shown = _painted(
        recording, engine.states["begin"], engine.states["end"], engine.states["value"]
    )
    begin, end = spans(engine, recording)
    classes = np.array(
        [RUNNING + class_of(int(opcode)) for opcode in engine.executed["opcode"]], np.int32
    )
    running = _painted(recording, begin, end, classes)
    return np.where(running > 0, running, shown)


def state(engine: EngineActivity, recording: Recording) -> NDArray[np.int32]:
    """State of an engine's sequencer + 8 * semaphore waited for, shape (cycles,)."""
    states = _painted(
        recording, engine.states["begin"], engine.states["end"], engine.states["value"]
    )
    semaphores = _painted(
        recording, engine.waits["begin"], engine.waits["end"], engine.waits["value"]
    )
    return states + len(QueueState) * np.where(np.isin(states, WAITING), semaphores, 0)


def stalls(engine: EngineActivity, recording: Recording) -> NDArray[np.int32]:
    """Bits of CAUSES, shape (cycles,). A semaphore is a cause where the engine has nothing else to
    do.
    """
    found = np.zeros(recording.cycles, np.int32)
    for cause, held in engine.stalls.items():
        found |= _painted(recording, held["begin"], held["end"], held["value"]) << CAUSES.index(
            cause
        )
    return found | np.isin(lane(engine, recording), WAITING).astype(np.int32) << CAUSES.index(
        "semaphore"
    )


def runs(values: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Index at which each run of equal values begins, and its value."""
    begin = np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
    return begin, values[begin]


def _painted(
    recording: Recording, begin: NDArray, end: NDArray, values: NDArray
) -> NDArray[np.int32]:
    """Values by cycle of the window, 0 where none is given; the spans are in order and do not
    overlap.
    """
    steps = np.zeros(recording.cycles + 1, np.int32)
    np.add.at(steps, np.clip(begin.astype(np.int64) - recording.first, 0, recording.cycles), values)
    np.add.at(
        steps,
        np.clip(end.astype(np.int64) - recording.first, 0, recording.cycles),
        -values.astype(np.int32),
    )
    return np.cumsum(steps[:-1], dtype=np.int32)
