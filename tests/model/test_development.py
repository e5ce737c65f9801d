"""The model against published runs of the RTL: small ones of each class."""

import pytest

from model.development import compiled_run, published_runs, summary, tabulate

RUNS = [
    run
    for run in published_runs()
    if run.cycles < 13000 and run.machine.name in ("tiny", "mesh4") and "slow" not in run.name
]
TOLERANCE, MEAN = 5.0, 2.0
"""Percent of the cycles: of any run, and on average."""


def test_there_are_runs_of_each_kind():
    assert len(RUNS) >= 15
    assert {run.dataflow for run in RUNS} >= {"flat", "flat-async", "flash2"}


@pytest.fixture(scope="module")
def rows():
    return tabulate(RUNS)


def test_cycles_are_those_of_the_rtl(rows):
    wrong = [f"{row.run.name}: {row.error:+.1f} %" for row in rows if abs(row.error) > TOLERANCE]
    assert not wrong
    assert summary(rows)["all"][1] <= MEAN


def test_bytes_and_work_are_exact(rows):
    for row in rows:
        seen = row.prediction
        assert seen.hbm_read_bytes + seen.hbm_write_bytes == row.run.hbm_bytes, row.run.name
        active, real = seen.matrix_active * seen.cycles, row.run.matrix_active * row.run.cycles
        assert active == pytest.approx(real, rel=1e-6), row.run.name


def test_the_same_answer_at_every_run(rows):
    again = tabulate([rows[0].run])[0]
    assert again.prediction.cycles == rows[0].prediction.cycles
    assert again.prediction.events == rows[0].prediction.events


def test_the_mapping_is_that_of_the_run():
    run = RUNS[0]
    assert compiled_run(run).describe().split(", L1")[0] == run.mapping.split(", L1")[0]
