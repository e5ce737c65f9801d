"""docs/tutorial.md is run as it stands, in a folder that looks like a checkout, and every printed
line compared (`publish.transcript`).
"""

from pathlib import Path

import pytest

from publish.transcript import ShownCommand, follow, steps_of
from tb.runner import ROOT

PAGE = "docs/tutorial.md"
STEPS = list(steps_of((ROOT / PAGE).read_text()))


def checkout(folder: Path) -> Path:
    """The files of the checkout, and room for the reader's own."""
    for path in ROOT.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def test_every_command(tmp_path):
    folder = checkout(tmp_path)
    for step in STEPS:
        if not (isinstance(step, ShownCommand) and step.slow):
            follow(step, folder, page=PAGE)


@pytest.mark.slow
def test_every_command_with_builds_of_its_own(tmp_path):
    folder = checkout(tmp_path)
    for step in STEPS:
        follow(step, folder, page=PAGE)


def test_the_core_of_the_page_is_fast():
    """Only waves and other machines may be left to `make test-all`."""
    commands = [step for step in STEPS if isinstance(step, ShownCommand)]
    slow = [step.command for step in commands if step.slow]
    assert len(slow) <= 4 < len(commands) / 3
    assert all("WAVES=1" in c or "inspect" in c or "mine.toml" in c for c in slow)
