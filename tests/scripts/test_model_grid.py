"""`make model` of one workload, and what it refuses."""

import json

import pytest

import scripts.model
from tb.runner import ROOT
from tests.scripts import command


def test_one_workload_has_an_interval():
    done = command.call(scripts.model, WORKLOAD="mha:S=32,D=16,H=2", MACHINE="tiny")
    assert done.returncode == 0, done.stderr
    seen = json.loads((ROOT / "build" / "model" / "result.json").read_text())
    assert seen["cycles_low"] < seen["cycles"] < seen["cycles_high"]
    assert f"{seen['cycles']:,}" in done.stdout and "90 % interval" in done.stdout


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"MACHINE": "tiny"}, "MACHINE is for one workload: give WORKLOAD as well"),
        ({"GROUP": "4x4"}, "GROUP is for one workload: give WORKLOAD as well"),
        ({"WORKLOAD": "mha:S=0,D=16,H=1"}, "WORKLOAD"),
        ({"JOBS": "0"}, "JOBS must be a whole number from 1 up, not '0'"),
    ],
)
def test_bad_input_gets_one_line(environment, line):
    done = command.call(scripts.model, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"flatmesh: {line}") and done.stderr.count("\n") == 1
