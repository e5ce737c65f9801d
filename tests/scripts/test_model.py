"""`make model COSTS=paper`: one point of the papers, and what is refused in one line."""

import json
import re

import pytest

from isa.errors import UserError
from publish import output
from scripts import model
from scripts.variables import VARIABLES

POINT = ["COSTS=paper", "MACHINE=paper-2025", "WORKLOAD=mha:B=2,H=32,S=512,D=64", "GROUP=8x8"]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    def ask(*arguments: str) -> dict:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("sys.argv", ["model"])
        monkeypatch.setattr(output, "ROOT", tmp_path)
        monkeypatch.setattr(model, "ROOT", tmp_path)
        for argument in arguments:
            name, _, value = argument.partition("=")
            monkeypatch.setenv(name, value)
        assert model.run() == 0
        return json.loads((tmp_path / "build" / "model" / "result.json").read_text())

    return ask


def test_a_point_of_the_papers(asked):
    result = asked(*POINT)
    assert result["dataflow"] == "flat-async"
    assert 0 < result["matrix_utilization"] < result["matrix_active"] < 1
    assert result["hbm_read_bytes"] + result["hbm_write_bytes"] == 4 * 2 * 64 * 512 * 64


def test_a_product_of_the_papers(asked):
    result = asked("COSTS=paper", "MACHINE=paper-2026", "WORKLOAD=gemm:M=512,N=512,K=512")
    assert result["dataflow"] == "summa"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SLICE=64x64"], "SLICE: the papers' rule gives it"),
        (["DTYPE=fp64"], "DTYPE must be one of"),
        (["GROUP=5x5"], "group"),
        (["DATAFLOW=flat-tree"], "DATAFLOW must be one of flash2"),
        (["WORKLOAD=mha:S=64,D=64,causal=1"], "no causal mask"),
        (["MACHINE=tiny", "GROUP=2x2"], "the papers' costs are those of a tile of 32x16 MACs"),
        (["COSTS=papers"], "COSTS must be one of ours, paper, not 'papers'"),
    ],
)
def test_bad_input_is_one_line(asked, arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        asked(*POINT, *arguments)
    assert "\n" not in str(caught.value)


def test_the_papers_costs_say_their_group_and_that_there_is_no_interval(asked, capsys):
    result = asked("COSTS=paper", "MACHINE=paper-2025", "WORKLOAD=mha:B=2,H=32,S=512,D=64")
    said = " ".join(capsys.readouterr().out.split())
    assert "90 % interval none no RTL runs by the papers' costs: nothing shows" in said
    assert re.search(r"group (\d+)x\1 \(the fastest of 5\), tile slice \d+ rows x \d+ keys", said)
    assert result["cycles_low"] is result["cycles_high"] is None and not result["checked"]
    asked(*POINT)
    assert "group 8x8 (as asked)" in " ".join(capsys.readouterr().out.split())
