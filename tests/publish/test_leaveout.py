"""Leave one class out: a class has no say in its own intervals."""

import pytest

from publish.results import kept
from publish.validation.leaveout import leave_one_out, leaveout_summary, leaveout_table


def rows(name, *ratios, bound="neither"):
    return [
        {"class": name, "bound": bound, "cycles": 10_000, "rtl_cycles": round(10_000 * ratio)}
        for ratio in ratios
    ]


NEAR = rows("near", *(1 + n / 1000 for n in range(1, 11)))


def test_a_class_that_is_further_off_is_not_within():
    near, far = leave_one_out(NEAR + rows("far", 1.05, 1.06, 1.005))
    assert (far.within, far.runs) == (1, 3) and far.width == pytest.approx(1.0)
    assert near.within == near.runs == 10 and near.width == pytest.approx(6.0)


def test_its_own_runs_do_not_widen_its_intervals():
    far, further = (leave_one_out(NEAR + rows("far", ratio))[1] for ratio in (1.05, 1.5))
    assert far.width == further.width and far.within == further.within == 0


def test_the_others_median_takes_away_what_is_common():
    first, _ = leave_one_out(rows("a", 1.02, 1.02) + rows("b", 1.02, 1.02))
    assert first.error == pytest.approx(100 - 100 / 1.02) and first.corrected < 1e-9
    assert first.within == 2


def test_a_bound_that_no_other_class_has_is_an_error():
    with pytest.raises(ValueError, match="No run is bound by"):
        leave_one_out(NEAR + rows("far", 1.0, bound="HBM"))


def test_the_held_out_runs():
    held = kept("validation")
    said, table = leaveout_summary(held), leaveout_table(held)
    assert len(table.rows) == len({row["class"] for row in held})
    low, high = (said[f"leave_one_out_coverage_{side}_percent"] for side in ("low", "high"))
    assert low < said["leave_one_out_coverage_percent"] < high
    within = sum(part.within for part in leave_one_out(held))
    assert said["leave_one_out_coverage_percent"] == pytest.approx(100 * within / len(held))
