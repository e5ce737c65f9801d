"""`make calibrate`: what it refuses, before anything is built."""

import sys

import pytest

from isa.errors import UserError
from scripts import calibrate


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("QUICK", "2", r"^QUICK must be 0 or 1, not '2'$"),
        ("JOBS", "0", r"^JOBS must be a whole number from 1 up, not '0'$"),
        ("SCHEDULER", "here", r"^SCHEDULER must be tcp://HOST:PORT, not 'here'$"),
    ],
)
def test_a_wrong_value_is_one_line(monkeypatch, name, value, said):
    monkeypatch.setattr(sys, "argv", ["calibrate"])
    monkeypatch.setattr(calibrate, "calibrated", None)  # nothing is run
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=said):
        calibrate.run()
