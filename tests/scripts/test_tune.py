"""`make tune` as a user sees it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import scripts.tune
from tests.scripts.command import call

ROOT = Path(__file__).resolve().parents[2]


def test_a_small_search():
    what = {"MACHINE": "tiny", "WORKLOAD": "mha:S=32,D=16,H=1", "TOP": "2", "JOBS": "1"}
    done = call(scripts.tune, **what, EXHAUSTIVE="1", MOST="3")
    assert done.returncode == 0, done.stderr
    seen = json.loads((ROOT / "build" / "tune" / "result.json").read_text())
    assert (
        seen["best_cycles"] <= seen["chosen_cycles"] <= seen["rule_cycles"]
        and 3 <= seen["runs"] <= 5
    )
    assert seen["chosen_percent"] <= seen["rule_percent"] and seen["exhaustive"]
    assert "why it" in done.stdout and "chosen: " in done.stdout


def test_a_search_in_the_model_builds_nothing():
    what = {"MACHINE": "tiny", "WORKLOAD": "mha:S=32,D=16,H=1", "TOP": "2", "JOBS": "1"}
    done = subprocess.run(  # its own process: this one may know its tools already
        [sys.executable, "-m", "scripts.tune"],
        cwd=ROOT,
        env={**os.environ, **what, "JUDGE": "model", "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads((ROOT / "build" / "tune" / "result.json").read_text())
    assert seen["judge"] == "model" and seen["runs"] == 2
    assert seen["chosen_cycles"] <= seen["rule_cycles"] and "chosen: " in done.stdout


def test_one_clear_line():
    for environment, says in (
        ({"TOP": "0"}, "TOP must be"),
        ({"DATAFLOW": "summa"}, "DATAFLOW must be one of flat-async"),
        ({"JUDGE": "me"}, "JUDGE must be"),
    ):
        what = {"MACHINE": "tiny", "WORKLOAD": "mha:S=32,D=16,H=1", **environment}
        done = call(scripts.tune, **what)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and says in done.stderr
