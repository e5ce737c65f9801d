"""What becomes of a command whose output nobody reads to its end, or whose disk is full."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tb.runner import ROOT

RUN = f"{sys.executable} -m scripts.run --target golden --out tests/pipe --program examples"


def sh(command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize(("text", "status"), [("reduce.s", "0"), ("race.s", "1")])
def test_a_reader_that_leaves_changes_nothing(text, status):
    """Neither the status nor the files, and nothing is said of it."""
    done = sh(f"{RUN}/{text} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stdout == f"{status}\n"
    assert all(line.startswith("flatmesh: race") for line in done.stderr.splitlines())
    result = json.loads((ROOT / "build/tests/pipe/result.json").read_text())
    assert result["program"] == f"examples/{text}" and result["passed"] == (status == "0")


def test_make_says_nothing_either():
    done = sh("make -s run PROGRAM=examples/reduce.s TARGET=golden | head -1")
    assert done.stdout.startswith("examples/reduce.s on mesh4 2x1") and done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_an_output_that_takes_nothing_is_one_line():
    done = sh(f"{RUN}/reduce.s > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "flatmesh: standard output: No space left on device\n"


def test_help_outlives_its_reader():
    done = sh(f"{sys.executable} -m scripts.help | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("0\n", "")
