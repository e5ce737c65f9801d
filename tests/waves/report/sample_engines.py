"""What an engine of the made-up inspection did."""

import numpy as np

from isa.instructions import OPCODES_OF, Opcode, Queue
from isa.status import QueueState
from waves.read.recording import EXECUTED, RUN, EngineActivity


def engine_activity(
    rng: np.random.Generator, cycles: int, tile: tuple[int, int], queue: Queue
) -> EngineActivity:
    """Instructions of random length, waits before some of them, and the stalls of its kind."""
    executed, states, waits, active, at = [], [], [], [], 0
    length = {Queue.MATRIX: 90, Queue.VECTOR: 40}.get(queue, 60)
    causes = {
        Queue.MATRIX: ["operand", "drain", "l1"],
        Queue.VECTOR: ["l1"],
        Queue.OUT: ["network", "l1"],
    }.get(queue, [])
    stalls: dict[str, list] = {cause: [] for cause in causes}
    while at < cycles:
        wait = int(rng.integers(0, 50)) * int(rng.random() < 0.4)
        begin = at + 3 + wait
        end = begin + int(rng.integers(length // 3, length))
        states += [
            (at, at + 3, QueueState.FETCH),
            (at + 3, begin, QueueState.WAIT0),
            (begin, end, QueueState.ENGINE),
        ]
        waits.append((at + 3, begin, int(rng.integers(1, 20))))
        opcode = rng.choice([int(op) for op in OPCODES_OF[queue] if op != Opcode.FILL])
        executed.append((begin, end - 1, opcode, len(executed) % 60, len(executed) % 200, 8, 4))
        active.append((begin + 2, end - 2, 1))
        for cause in causes:
            from_ = begin + int(rng.integers(0, length // 4))
            stalls[cause].append((from_, min(from_ + int(rng.integers(1, 8)), end), 1))
        at = end
    return EngineActivity(
        tile,
        queue,
        executed=np.array(
            [e if e[1] < cycles else (e[0], -1, *e[2:]) for e in executed if e[0] < cycles],
            EXECUTED,
        ),
        states=_runs(states, cycles),
        waits=_runs(waits, cycles),
        stalls={cause: _runs(found, cycles) for cause, found in stalls.items()},
        active=_runs(active, cycles),
    )


def _runs(found: list[tuple], cycles: int) -> np.ndarray:
    return np.array([(a, min(b, cycles), int(v)) for a, b, v in found if a < min(b, cycles)], RUN)
