"""Problems that show in all transfers together, and how problems are told."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from isa.status import QueueState
from waves.read.recording import Recording
from waves.rebuild.inspection import Problem, Transfer, area

__all__ = ["told_once", "unhalted", "unlike_members"]


def unlike_members(transfers: Sequence[Transfer]) -> Iterator[Problem]:
    """Reductions that some members of a rectangle carry out with one root or operation and the
    others with another.

    Their flits never meet. Each of them is a transfer of its own, and none becomes whole.
    """
    waiting: dict[tuple, list[Transfer]] = {}
    for transfer in transfers:
        if "reduce" in transfer.kind and not transfer.whole and not transfer.cut:
            waiting.setdefault((transfer.rectangle, transfer.tag), []).append(transfer)
    for (rectangle, _), group in waiting.items():
        for one, other in itertools.pairwise(group):
            together = {*one.issued, *other.issued}
            alike = (one.root, one.kind, one.op) == (other.root, other.kind, other.op)
            if (
                not alike
                and not set(one.issued) & set(other.issued)
                and together <= set(rectangle.tiles())
            ):
                few, many = sorted((other, one), key=lambda transfer: len(transfer.issued))
                tile = min(few.issued)
                yield Problem(
                    few.issued[tile],
                    tile,
                    f"{few.name} over {area(rectangle)}: {_who(few)} {_does(few)}, {_who(many)} "
                    f"{_does(many)}",
                    few.number,
                )


def _who(transfer: Transfer) -> str:
    return " ".join(f"({x},{y})" for x, y in sorted(transfer.issued))


def _does(transfer: Transfer) -> str:
    verb = "sends" if len(transfer.issued) == 1 else "send"
    return (
        f"{verb} {transfer.kind} {transfer.op} to the root ({transfer.root[0]},{transfer.root[1]})"
    )


def unhalted(recording: Recording) -> Iterator[Problem]:
    """A run that ended before its queues halted: by an error or because nothing moved any more."""
    if recording.finished and recording.unhalted:
        engine = recording.unhalted[0]
        state = QueueState(engine.states["value"][-1]).name
        waits = engine.waits
        sem = (
            f" for semaphore {waits['value'][-1]}"
            if state.startswith("WAIT") and len(waits)
            else ""
        )
        text = (
            f"the run ends with an error or hangs: {len(recording.unhalted)} queues have not "
            f"halted; the {engine.queue.name.lower()} queue of this tile is in {state}{sem}"
        )
        yield Problem(recording.last, engine.tile, text)


def told_once(problems: Sequence[Problem]) -> list[Problem]:
    """The problems by cycle; of those that are alike the first, with their number."""
    groups: dict[tuple, list[Problem]] = {}
    for number, problem in enumerate(problems):
        groups.setdefault((problem.tile, problem.transfer, problem.alike or number), []).append(
            problem
        )
    told = []
    for group in groups.values():
        group.sort(key=lambda problem: problem.cycle)
        more = (
            f" (and {len(group) - 1} more flits until cycle {group[-1].cycle})"
            if len(group) > 1
            else ""
        )
        told.append(replace(group[0], what=group[0].what + more))
    return sorted(told, key=lambda problem: (problem.cycle, problem.tile))
