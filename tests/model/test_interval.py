"""Intervals of predictions."""

import dataclasses

import pytest

from isa.machine import MACHINES, load_machine
from model.interval import BOUNDS, Residual, bound_of, half_width, interval
from model.predict import Prediction

SEEN = Prediction(10_000, 0.5, 0.1, 0.2, 0, 0, 0.3, 1, 0.0)


def test_the_width_holds_the_share_of_runs_that_it_says():
    runs = [Residual("matrix", 1 + index / 1000) for index in range(1, 20)]
    assert half_width(runs, "matrix") == pytest.approx(0.018)
    assert half_width(runs, "matrix", 0.5) == pytest.approx(0.010)


def test_too_short_counts_as_too_long():
    runs = [Residual("HBM", 1 / 1.25), Residual("HBM", 1.0)]
    assert half_width(runs, "HBM") == pytest.approx(0.25)


def test_no_run_gives_no_interval():
    with pytest.raises(ValueError, match="No run is bound by HBM"):
        half_width([Residual("matrix", 1.0)], "HBM")


@pytest.mark.parametrize(
    ("active", "hbm", "bound"), [(0.9, 0.9, "matrix"), (0.5, 0.85, "HBM"), (0.5, 0.5, "neither")]
)
def test_what_bounds_a_run(active, hbm, bound):
    assert bound_of(active, hbm) == bound and bound in BOUNDS


def test_what_was_not_checked_is_twice_as_wide_and_says_so():
    near, far = interval(MACHINES["mesh8"], SEEN), interval(load_machine("mesh4", "16x16"), SEEN)
    other = interval(MACHINES["paper-tile"], SEEN)
    assert near.checked and not far.checked and not other.checked
    assert near.low < SEEN.cycles < near.high
    assert far.high - SEEN.cycles == pytest.approx(2 * (near.high - SEEN.cycles), abs=2)
    assert (far.low, far.high) == (other.low, other.high)


def test_what_hbm_bounds_is_surer():
    busy = dataclasses.replace(SEEN, hbm_bandwidth_utilization=0.95)
    machine = MACHINES["mesh4"]
    assert interval(machine, busy).high < interval(machine, SEEN).high
