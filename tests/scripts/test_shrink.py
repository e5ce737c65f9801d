"""`make shrink` as a user sees it: bad input in one line, and a broken tile taken to the
instruction, as docs/conformance.md says.
"""

from pathlib import Path

import pytest

import scripts.run
import scripts.shrink
from tests.scripts.command import call

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "CASE must name the case that fails, as make conformance prints it"),
        ({"CASE": "d-two"}, "CASE 'd-two': no set has a case of this name with SEED=1"),
        ({"CASE": "d-one-bf16", "DUT": "none.v"}, "DUT none.v: No such file or directory"),
        (
            {"CASE": "d-one-bf16", "DUT": "none.v", "MUTANT": "add-tie"},
            "MUTANT is a fault of our hardware: leave DUT out",
        ),
    ],
)
def test_bad_input_gets_one_line(environment, line):
    done = call(scripts.shrink, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"flatmesh: {line}") and done.stderr.count("\n") == 1, done.stderr


def test_a_case_that_passes_cannot_be_shrunk(tmp_path):
    done = call(scripts.shrink, CASE="d-gate-flat", OUT=str(tmp_path / "a.s"))
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert done.stderr == (
        "flatmesh: CASE d-gate-flat does not fail: there is nothing to shrink\n"
    ), done.stderr


def test_l1_of_another_tile_cannot_be_looked_into():
    done = call(scripts.run, PROGRAM="examples/reduce.s", MACHINE="tiny", DUT="none.v")
    assert done.returncode == 2 and "DUT none.v: No such file" in done.stderr
