"""`make wafer`: what is asked for is checked before any kernel is computed, in one line."""

import pytest

from isa.errors import UserError
from publish.wafer.variables import WAFER
from scripts import wafer


@pytest.fixture
def asked(monkeypatch, tmp_path):
    def ask(*arguments: str) -> int:
        for name, *_ in WAFER:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("sys.argv", ["wafer"])
        for argument in arguments:
            name, _, value = argument.partition("=")
            monkeypatch.setenv(name, value)
        return wafer.run()

    return ask


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["EP=24"], "EP must divide the 32 dies of a stage, not be 24"),
        (["EP=64", "PP=2"], "EP must divide the 32 dies of a stage, not be 64"),
        (["BATCH=0"], "BATCH must be a whole number from 1 up, not '0'"),
        (["BATCH=many"], "BATCH must be a whole number from 1 up, not 'many'"),
        (["KV=1000000"], "GiB more than the 128 there are"),
        (["DIES=8"], "DIES must be COLUMNSxROWS, for example 8x8, not '8'"),
        (["DIES=0x4"], "DIES=0x4: columns = 0: must be a whole number from 1 to 64 (dies from "),
        (["DIES=3x2", "SHAPE=fat-tree"], "DIES=3x2 SHAPE=fat-tree: fabric: leaf_dies must divide"),
        (["SHAPE=ring"], "SHAPE=ring: shape = 'ring': must be one of mesh, torus, fat-tree ("),
        (["D2D_GBPS=-1"], "D2D_GBPS must be a number from 0 up, not '-1'"),
        (["D2D_GBPS=0"], "D2D_GBPS=0: gb_per_s = 0.0: must be a number above 0 ("),
        (["MODEL=deepseek"], "did you mean 'deepseek-v3'"),
        (["MODEL=llama-3-70b", "EP=32"], "EP must be 1: llama-3-70b has no experts, not 32"),
        (["MODEL=llama-3-70b", "SKEW=1"], "SKEW: llama-3-70b has no experts, leave it out"),
        (["MODEL=llama-3-8b", "KV=9000000"], "GiB more than the 128 there are"),
        (["ACCEPTANCE=2"], "ACCEPTANCE must be a number from 0 to 1, not '2'"),
        (["COPIES=all"], "COPIES must be one of expert, die, fabric, not 'all'"),
        (["REQUEST=2048", "BATCH=1"], "REQUEST must be PROMPT/OUTPUT tokens, like 2048/1024"),
        (["COSTS=theirs"], "COSTS must be one of ours, paper, not 'theirs'"),
        (["WAFER=nothing.toml"], "WAFER file nothing.toml: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(asked, arguments, message):
    with pytest.raises(UserError) as caught:
        asked(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
