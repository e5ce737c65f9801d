"""How far a prediction may be off: an interval from how far it was, where it could be checked.

Split conformal prediction (Vovk et al., 2005), by what bounds a run: of the runs of the development
set with the same bound, the smallest ratio that 90 % of them keep to, with the correction for their
number. The mechanisms were mended with these runs in sight, so the coverage that counts is that of
the held-out runs (docs/extrapolation.md). Outside of what was checked (more tiles, or a tile of
another shape) the interval is twice as wide, and says so.
"""

import json
import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from isa.machine import MACHINES, Machine
from model.predict import Prediction

__all__ = ["BOUNDS", "COVERAGE", "Interval", "Residual", "bound_of", "half_width", "interval"]

RESIDUALS = Path(__file__).resolve().parents[1] / "docs" / "results" / "development.json"
COVERAGE = 0.9
"""Share of runs that an interval shall hold."""
BOUNDS = ("matrix", "HBM", "neither")
_BUSY = 0.85
_MOST_TILES = 64


class Residual(NamedTuple):
    """A run that was predicted and measured."""

    bound: str
    """One of `BOUNDS`."""
    ratio: float
    """Cycles of the RTL over those of the model."""


class Interval(NamedTuple):
    """Between which cycles `COVERAGE` of the runs are expected."""

    low: int
    high: int
    checked: bool
    """Whether RTL of such tiles and as many has been compared with the model."""


def bound_of(matrix_active: float, hbm_bandwidth_utilization: float) -> str:
    """What bounds a run: the engine that works for 85 % of the cycles, or neither."""
    if matrix_active >= _BUSY:
        return "matrix"
    return "HBM" if hbm_bandwidth_utilization >= _BUSY else "neither"


def interval(machine: Machine, seen: Prediction) -> Interval:
    """The interval of a prediction, from the committed residuals."""
    bound = bound_of(seen.matrix_active, seen.hbm_bandwidth_utilization)
    checked = machine.mesh.tiles <= _MOST_TILES and machine.tile == MACHINES["mesh4"].tile
    width = half_width(_residuals(), bound) * (1 if checked else 2)
    low, high = math.floor(seen.cycles / (1 + width)), math.ceil(seen.cycles * (1 + width))
    return Interval(low, high, checked)


def half_width(residuals: Iterable[Residual], bound: str, coverage: float = COVERAGE) -> float:
    """The ratio, less one, that the share `coverage` of runs with a bound keeps to, whichever of
    RTL and model is the larger; the largest seen where there are too few.

    Raises
    ------
    ValueError
        If there is no run with that bound.
    """
    seen = sorted(max(one.ratio, 1 / one.ratio) - 1 for one in residuals if one.bound == bound)
    if not seen:
        raise ValueError(f"No run is bound by {bound}")
    return seen[min(math.ceil((len(seen) + 1) * coverage), len(seen)) - 1]


@cache
def _residuals() -> Sequence[Residual]:
    rows = json.loads(RESIDUALS.read_text())
    return [Residual(row["bound"], row["rtl_cycles"] / row["cycles"]) for row in rows]
