"""Pareto fronts: the machines that no other one beats at its price."""

from collections.abc import Callable, Sequence

from publish.explore.sweep import SweepPoint

__all__ = ["PRICES", "front", "undecided"]

PRICES: dict[str, Callable[[SweepPoint], float]] = {
    "HBM": lambda point: point.hbm,
    "L1": lambda point: point.l1,
}
"""What more of costs: bytes a cycle of all channels, MiB of all tiles."""


def front(points: Sequence[SweepPoint], price: Callable[[SweepPoint], float]) -> list[SweepPoint]:
    """The points that no other one equals in price and utilisation and beats in one of them, the
    cheapest first; of two that are equal in both, both.
    """
    best, found = 0.0, []
    for cost in sorted({price(point) for point in points}):
        same = [point for point in points if price(point) == cost]
        most = max(point.utilization for point in same)
        if most > best:
            found += [point for point in same if point.utilization == most]
            best = most
    return found


def undecided(
    points: Sequence[SweepPoint], price: Callable[[SweepPoint], float]
) -> list[SweepPoint]:
    """Points that are not on the front, but whose interval reaches the utilisation of the best that
    is as cheap.
    """
    on = front(points, price)
    return [
        point
        for point in points
        if point not in on
        and point.range[1] >= max(one.utilization for one in on if price(one) <= price(point))
    ]
