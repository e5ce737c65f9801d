"""Held-out runs: what they are, how they are compared, and what is refused."""

import pytest

from isa.errors import UserError
from isa.machine import MACHINES
from publish.results import kept
from publish.validation import heldout, page
from publish.validation.predicting import run_model
from tb.campaign.spec import plan
from tb.campaign.trial import COSTS, Trial

ROW = {
    "run": "a",
    "mapping": "one",
    "machine": "mesh4",
    "mesh": "4x4",
    "workload": "mha:S=8,D=8",
    "dtype": "fp16",
    "dataflow": "flat",
    "class": "prefill",
    "low": 95,
    "high": 105,
    "cycles": 100,
    "matrix_active": 0.5,
    "vector_busy": 0.25,
    "hbm_read_bytes": 10,
    "hbm_write_bytes": 10,
}
SEEN = {
    **{name: ROW[name] for name in ("run", "mapping", "hbm_read_bytes", "hbm_write_bytes")},
    "share_matrix_active": 0.4,
    "share_vector_busy": 0.25,
    "commit": "c",
    "bit_exact": True,
}


def runs(*pairs):
    """Rows of dataflows that were predicted and took so many cycles."""
    said = [ROW | {"run": str(index), "cycles": pair[0]} for index, pair in enumerate(pairs)]
    rtl = [SEEN | {"run": str(index), "cycles": pair[1]} for index, pair in enumerate(pairs)]
    return heldout.compared(said, rtl)


def test_errors_have_the_sign_of_the_model():
    (row,) = heldout.compared([ROW], [SEEN | {"cycles": 125}])
    assert row["error_percent"] == pytest.approx(-20) and not row["within"]
    assert row["matrix_active_points"] == pytest.approx(10) and row["hbm_bytes_percent"] == 0


def test_no_rtl_run_without_its_prediction():
    with pytest.raises(UserError, match=r"^b: there is no prediction of these programs"):
        heldout.compared([ROW], [SEEN | {"run": "b", "cycles": 1}])
    with pytest.raises(UserError, match=r"^a: there is no prediction of these programs"):
        heldout.compared([ROW | {"mapping": "two"}], [SEEN | {"cycles": 1}])


def test_the_order_of_dataflows_and_what_a_wrong_choice_costs():
    right, wrong = runs((100, 100), (90, 80)), runs((100, 100), (90, 110))
    assert heldout.rank_correlation(right) == pytest.approx(1)
    assert heldout.rank_correlation(wrong) == pytest.approx(-1)
    assert list(heldout.regrets(right).values()) == [0]
    assert list(heldout.regrets(wrong).values()) == [pytest.approx(10)]


def test_a_class_is_told_with_its_worst():
    rows = runs((100, 100), (81, 90))
    prefill, total = page.class_table(rows).rows
    assert prefill[1:] == ("2", "5.00", "-5.00", "-10.0", "1 of 2") and total[0] == "all"
    assert [line[3] for line in page.worst_table(rows).rows] == ["81", "100"]
    many = runs(*[(100 + n, 100) for n in range(12)])
    listed = [line[4] for line in page.worst_table(many).rows]
    assert listed == [f"+{n}.0" for n in range(11, 1, -1)]


def test_every_held_out_run_was_predicted_and_is_of_no_published_shape():
    planned = plan(heldout.heldout("rtl"))
    said = {row["run"] for row in kept("predictions")}
    assert {one.name.removesuffix(" rtl") for one in planned} == said and len(said) >= 120
    published = {
        row["workload"]
        for name in ("tables", "variants", "cycles")
        for row in kept(name)
        if "workload" in row
    }
    assert not published & {one.trial.workload for one in planned}


def test_the_model_refuses_stalls():
    row = run_model(Trial(MACHINES["tiny"], "mha:S=16,D=8,H=1", stall=50))
    assert row["status"] == "refused" and row["error"].startswith("stall must be 0")


def test_the_papers_costs_have_no_interval():
    machine = MACHINES["paper-tile"].with_mesh("4x4")
    point = machine, "mha:S=512,D=128,H=2", "flat-async"
    ours, theirs = (run_model(Trial(*point, costs=costs)) for costs in COSTS)
    assert ours["cycles_low"] < ours["cycles"] < ours["cycles_high"]
    assert theirs["status"] == "passed" and theirs["cycles"] != ours["cycles"]
    assert "cycles_low" not in theirs and theirs["mapping"].startswith("the papers' schedule")


def test_the_model_says_what_a_run_takes():
    row = run_model(Trial(MACHINES["tiny"], "mha:S=16,D=8,H=1", "flash2"))
    assert row["status"] == "passed" and row["cycles"] > 0 and row["hbm_read_bytes"] > 0
