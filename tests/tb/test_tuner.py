"""The tuner: which candidates it runs, what it keeps, and what it says of those that lost."""

import pytest

from isa.errors import UserError
from isa.machine import MACHINES
from programs.compiler import parse_workload
from publish.tuning import why
from tb.tuner import run
from tb.tuner.candidates import candidates, select

TINY = MACHINES["tiny"]


@pytest.mark.parametrize("spec", ["mha:S=64,D=16,H=2", "gemm:M=32,N=48,K=64"])
def test_candidates_begin_with_the_rule_and_are_diverse(spec):
    ranked = candidates(TINY, parse_workload(spec), None, {}, 100)
    chosen = select(ranked, 6)
    assert len(chosen) == len(set(chosen)) == 6 and chosen[0] == ranked[0]
    assert len({candidate.kind for candidate in chosen}) >= 3
    assert min(ranked, key=lambda candidate: candidate.estimate) in chosen


def test_what_the_user_fixed_is_kept():
    ranked = candidates(
        TINY, parse_workload("mha:S=64,D=16,H=2"), "flat", {"group": "2x1", "rows": 16}, 100
    )
    assert {(c.mapping.dataflow, c.mapping.group, c.mapping.rows) for c in ranked} == {
        ("flat", (2, 1), 16)
    }
    with pytest.raises(UserError, match="DATAFLOW must be one of summa for gemm"):
        candidates(TINY, parse_workload("gemm:M=8,N=8,K=8"), "flat", {}, 10)


def test_a_run_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "KEPT", tmp_path)
    mapping = candidates(TINY, parse_workload("mha:S=24,D=16,H=1"), "flat", {}, 1)[0].mapping
    arguments = (TINY, "mha:S=24,D=16,H=1", ("fp16", "", ""), 1, mapping)
    first = run.measure(*arguments)
    assert (
        first["cycles"] > 0 and first["within_error_bound"] and len(list(tmp_path.iterdir())) == 1
    )
    monkeypatch.setattr(run, "simulate", None)
    assert run.measure(*arguments) == first
    slow = TINY.model_copy(update={"hbm": TINY.hbm.model_copy(update={"latency": 100})})
    with pytest.raises(TypeError):
        run.measure(slow, *arguments[1:])


def test_why_a_run_lost():
    best = {
        "cycles": 100,
        "hbm_utilization": 0.5,
        "hbm_bytes": 10,
        "matrix_active": 0.8,
        "vector_busy": 0.3,
        "l1_conflict": 0.1,
    }
    slow = {**best, "cycles": 125, "matrix_active": 0.64}
    assert why({**slow, "hbm_utilization": 0.9}, best) == "+25.0%, HBM 90% busy"
    assert why({**slow, "matrix_active": 0.8}, best) == "+25.0%, array 25% more steps"
    assert why({**slow, "hbm_utilization": 0.7, "hbm_bytes": 30}, best) == "+25.0%, HBM 3.0 x bytes"
    assert why({**slow, "vector_busy": 0.85}, best) == "+25.0%, vector 85% busy"
    assert why({**slow, "l1_conflict": 0.5}, best) == "+25.0%, L1 50% refused"
    assert why(slow, best) == "+25.0%, array 64% active"
