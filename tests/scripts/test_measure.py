"""`make measure` and `make docs` as a user sees them."""

import subprocess
import sys

import pytest

import scripts.measure
from tb.runner import ROOT
from tests.scripts import command


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "SET must be one of tables, "),
        ({"SET": "default"}, "SET must be one of "),
        ({"SET": "tables", "JOBS": "0"}, "JOBS must be a whole number from 1 up, not '0'"),
        ({"SET": "tuning", "MOST": "x"}, "MOST must be a whole number from 1 up, not 'x'"),
    ],
)
def test_bad_input_gets_one_line(environment, line):
    done = command.call(scripts.measure, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"flatmesh: {line}") and done.stderr.count("\n") == 1


def test_only_variants_can_be_run_in_part():
    done = command.call(scripts.measure, "--set", "tables", "--only", "MLA")
    assert done.returncode == 2 and done.stderr.startswith("flatmesh: --only is for SET=variants")


def test_docs_tells_of_every_page():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.docs"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "README.md: up to date" in done.stdout and "docs/races.md: up to date" in done.stdout
