"""The best plan under a limit on the time per token."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from isa.errors import UserError
from model.wafer.description import Wafer
from model.wafer.language import LanguageModel
from model.wafer.plan import Plan, Serving
from model.wafer.serving import ServedPoint, Server

__all__ = ["best_plan", "every_plan", "possible"]


def possible(
    wafer: Wafer,
    model: LanguageModel,
    pipelines: Iterable[int],
    experts: Iterable[int],
    tensors: Iterable[int] = (1,),
) -> list[Plan]:
    """Plans, with a batch of one, whose degrees divide what they share out."""
    found = []
    experts, tensors = list(experts), list(tensors)
    for pipeline in pipelines:
        for expert in experts:
            for tensor in tensors:
                plan = Plan(pipeline, expert, tensor)
                try:
                    plan.check(wafer, model)
                except UserError:
                    continue
                found.append(plan)
    return found


def best_plan(
    server: Server,
    serving: Serving,
    plans: Iterable[Plan],
    batches: Sequence[int],
    limit_ms: float,
) -> ServedPoint | None:
    """The point with most tokens per second whose TPOT is at most `limit_ms`, if there is one.

    A larger batch never makes a step shorter, and more requests in a step never give fewer tokens:
    so only the largest batch that memory and limit allow is looked for, by halving.
    """
    best: ServedPoint | None = None
    sizes = sorted(batches)
    for plan in plans:
        low, high, found = 0, len(sizes) - 1, None
        while low <= high:
            middle = (low + high + 1) // 2
            point = _point(server, serving, replace(plan, batch=sizes[middle]))
            if point is not None and point.tpot_ms.cycles <= limit_ms:
                found, low = point, middle + 1
            else:
                high = middle - 1
        best = _better(best, found)
    return best


def every_plan(
    server: Server,
    serving: Serving,
    plans: Iterable[Plan],
    batches: Sequence[int],
    limit_ms: float,
) -> ServedPoint | None:
    """What `best_plan` finds, by trying everything."""
    best: ServedPoint | None = None
    for plan in plans:
        for batch in sorted(batches):
            point = _point(server, serving, replace(plan, batch=batch))
            if point is not None and point.tpot_ms.cycles <= limit_ms:
                best = _better(best, point)
    return best


def _point(server: Server, serving: Serving, plan: Plan) -> ServedPoint | None:
    try:
        return server.point(serving, plan)
    except UserError:  # memory
        return None


def _better(best: ServedPoint | None, other: ServedPoint | None) -> ServedPoint | None:
    if best is None or other is None:
        return best or other
    first, second = (p.tokens_per_second_per_chip.cycles for p in (best, other))
    return other if second > first else best
