"""What `examples` shows in Python runs as it stands (program texts: tests/scripts/test_run.py)."""

import re
import subprocess
import sys

import pytest

from tb.runner import ROOT


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("attention", r"\d+ cycles, bit-exact\n"),
        ("matrix_engine", r"passed: .*\n"),
        ("tile", r"passed: .*\n"),
    ],
)
def test_an_example(name, says):
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{name}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(says, done.stdout.splitlines(keepends=True)[-1])
