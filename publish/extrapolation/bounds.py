"""Between which cycles a point is expected to be, in the one place that asks."""

from model.interval import Interval, interval
from model.predict import Prediction
from publish.extrapolation.points import ModelPoint

__all__ = ["bounds", "utilization_range"]


def bounds(point: ModelPoint) -> Interval:
    """The interval of its cycles."""
    seen = Prediction(
        point.cycles,
        point.matrix_active,
        point.vector_active,
        point.vector_busy,
        point.hbm_bytes,
        0,
        point.hbm_bandwidth_utilization,
        point.events,
        point.model_seconds,
    )
    return interval(point.on, seen)


def utilization_range(point: ModelPoint) -> tuple[float, float]:
    """The interval of its matrix utilisation, which falls with the cycles."""
    range_, busy = bounds(point), point.matrix_utilization * point.cycles
    return busy / range_.high, min(1.0, busy / range_.low)
