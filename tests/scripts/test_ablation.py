"""`make ablation` as a user sees it: all cases bit-exact, the gains as its docstring says, and one
line for what is wrong.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import scripts.ablation
from tb.studies.ablation import CASES, summary
from tests.scripts.command import call

ROOT = Path(__file__).resolve().parents[2]


def ablation(**environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "scripts.ablation"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("dataflow", ["flat-async", "flat"])
def test_all_cases_on_the_rtl(dataflow):
    done = ablation(MACHINE="tiny", DATAFLOW=dataflow, WORKLOAD="mha:S=64,D=16,H=2")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads((ROOT / "build" / "ablation" / "result.json").read_text())
    assert seen["bit_exact"] and seen["dataflow"] == dataflow
    assert seen["gain_multicast_reads"] == seen["cycles_forward"] / seen["cycles_full"] > 1
    assert seen["gain_turn"] == seen["cycles_memory"] / seen["cycles_full"]
    assert all(case.title.split()[0] in done.stdout for case in CASES)


def test_a_dataflow_without_groups_is_refused():
    done = call(scripts.ablation, DATAFLOW="flash2")
    assert done.returncode == 2
    assert done.stderr == (
        "flatmesh: DATAFLOW must be flat-async or flat, whose tiles share what they read, not "
        "'flash2'\n"
    )


def test_one_wrong_case_is_wrong():
    keys = (
        "machine",
        "mesh",
        "dataflow",
        "workload",
        "dtype",
        "p_dtype",
        "o_dtype",
        "seed",
        "commit",
        "mapping",
    )
    good = {**dict.fromkeys(keys, ""), "cycles": 100, "matrix_utilization": 0.5, "bit_exact": True}
    seen = {case.key: good for case in CASES}
    assert summary(seen)["bit_exact"] and summary(seen)["gain_both"] == 1
    slow = {**good, "cycles": 150, "bit_exact": False}
    assert not summary({**seen, "forward": slow})["bit_exact"]
    assert summary({**seen, "forward": slow})["gain_multicast_reads"] == 1.5
