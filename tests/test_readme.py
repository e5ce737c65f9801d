"""README stays short, and what it says the two commands print is what they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
MOST_WORDS, MOST_TABLES = 850, 1
FRONTS = {"make sim": ["scripts.sim"], "make run PROGRAM=examples/reduce.s": ["scripts.run"]}


def shown() -> dict[str, list[str]]:
    """Command to the lines below it."""
    blocks = re.findall(r"```text\n\$ (.+?)\n(.+?)```", README, re.DOTALL)
    return {command: text.splitlines() for command, text in blocks}


def printed(command: str, folder: list[str]) -> list[str]:
    variables = dict(word.split("=") for word in command.split() if "=" in word)
    done = subprocess.run(
        [sys.executable, "-m", *FRONTS[command], *folder],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def follows(lines: list[str], output: list[str]) -> str:
    """The first of the lines that the output does not have, in this order; ``...`` stands for
    any number of them.
    """
    at, free = 0, False
    for line in lines:
        if line == "...":
            free = True
            continue
        found = output[at:].index(line) if line in output[at:] else -1
        if found < 0 or (found and not free):
            return line
        at, free = at + found + 1, False
    return ""


def test_it_is_read_in_five_minutes():
    assert len(README.split()) <= MOST_WORDS
    assert len(re.findall(r"^\|[-|]+\|$", README, re.MULTILINE)) <= MOST_TABLES
    assert len(re.findall(r"^!\[", README, re.MULTILINE)) == 1
    assert set(shown()) == set(FRONTS)


def test_a_line_that_is_not_printed_is_found():
    assert follows(["a", "...", "c"], ["a", "b", "c", "d"]) == ""
    assert follows(["a", "c"], ["a", "b", "c"]) == "c"
    assert follows(["a", "...", "x"], ["a", "b", "c"]) == "x"


def test_what_a_program_prints():
    command = "make run PROGRAM=examples/reduce.s"
    assert not follows(shown()[command], printed(command, ["--out", "test-readme"]))


@pytest.mark.slow
def test_what_the_main_job_prints():
    assert not follows(shown()["make sim"], printed("make sim", ["--folder", "test-readme-sim"]))


def test_every_page_of_the_docs_is_listed():
    listed = (ROOT / "docs" / "README.md").read_text()
    missing = [path.name for path in (ROOT / "docs").glob("*.md") if f"({path.name})" not in listed]
    assert missing == ["README.md"]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
    ],
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target
