"""Why a machine stopped, from the probes of its tiles: one line an engineer can act on."""

from isa.machine import Machine
from isa.status import ErrorCode, Probe, QueueState

__all__ = ["why_stopped"]


def why_stopped(machine: Machine, probes: dict[tuple[int, int], list[int]], seen: dict) -> str:
    """One line for a stopped machine: the first error, or who waits for what."""
    failed = [
        (values[Probe.ERROR_CYCLE], tile)
        for tile, values in probes.items()
        if values[Probe.ERROR] & 0xFF
    ]
    if failed:
        cycle, (x, y) = min(failed)
        values = probes[x, y]
        code, queue, pc = (
            values[Probe.ERROR] & 0xFF,
            values[Probe.ERROR] >> 8 & 0xFF,
            values[Probe.ERROR] >> 16,
        )
        where = (
            f"queue {_queue_name(queue)}, instruction slot {pc}"
            if queue != 0xFF
            else "arriving flits"
        )
        detail = values[Probe.ERROR_DETAIL]
        what = (
            f"tag {detail}"
            if code in (ErrorCode.REDUCE_MISMATCH, ErrorCode.REDUCE_INCOMPLETE)
            else f"detail {detail:#x}"
        )
        return f"tile ({x},{y}) stopped in cycle {cycle}: {ErrorCode(code).name}, {where}, {what}"
    if seen["error"]:
        bad = [index for index, channel in enumerate(seen["channels"]) if channel[2]]
        return (
            f"HBM channel {bad[0] if bad else '?'}: an access beyond its {machine.channel_words} "
            "words"
        )
    waiting = []
    for (x, y), values in probes.items():
        for queue in range(4):
            pc, state, sem, count = values[Probe.QUEUE + 16 * queue :][:4]
            if state in (QueueState.WAIT0, QueueState.WAIT1):
                have = values[Probe.SEMAPHORE + sem]
                waiting.append(
                    f"tile ({x},{y}) {_queue_name(queue)} slot {pc} waits for semaphore {sem} >= "
                    f"{count}, it is {have}"
                )
            elif state not in (QueueState.HALTED,):
                waiting.append(
                    f"tile ({x},{y}) {_queue_name(queue)} slot {pc} is in {QueueState(state).name}"
                )
    shown = "; ".join(waiting[:8]) + (f"; and {len(waiting) - 8} more" if len(waiting) > 8 else "")
    return f"hung: nothing moved after cycle {seen['cycles']}: {shown}"


def _queue_name(queue: int) -> str:
    return ("matrix", "vector", "load", "out")[queue]
