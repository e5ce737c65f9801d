"""Between which cycles a point is expected to be, in the one place that asks."""

from typing import NamedTuple

from publish.extrapolation.points import ModelPoint

__all__ = ["Bounds", "bounds"]


class Bounds(NamedTuple):
    """Cycles."""

    low: int
    high: int


def bounds(point: ModelPoint) -> Bounds | None:
    """The interval of a point; None: residuals of held-out runs are not there yet."""
    return None
