"""A step of minutes says that it begins, how long it usually takes, and how long it took."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import tb.runner
from publish.progress import RunProgress
from tb.waiting import ahead, in_words, waiting

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "scripts" / "setup.sh"


def test_a_line_before_and_a_line_after(capsys):
    with waiting("building x", 240):
        assert capsys.readouterr().err == "building x (once; usually 4 min)\n"
    assert capsys.readouterr().err == "building x: done after 0 s\n"
    with pytest.raises(KeyError), waiting("building x", 5):
        raise KeyError
    assert "done" not in capsys.readouterr().err


def test_seconds_in_words():
    assert [in_words(t) for t in (0.4, 99, 150, 9000)] == ["0 s", "99 s", "2 min", "2.5 h"]


def test_what_is_usual_is_the_median_of_what_was(tmp_path):
    for name, said in (("a", "10.0 mesh"), ("b", "30.0 mesh"), ("c", "90 mesh"), ("d", "7.5")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "built").write_text(said + "\n")
    assert tb.runner._usual("mesh", tmp_path) == 30
    assert tb.runner._usual("tile", tmp_path) == 20


def test_a_run_tells_its_rate_and_what_is_left(capsys):
    with RunProgress(Console(stderr=True)) as run:
        run.expect(100_000)
        run.at(0)
        run.at(20_000)
        run._started, run._first = 100.0, 20_000
        said = run.describe(60_000, 104.0)
    assert said == "RTL: cycle 60,000, 10.0 kcycles/s, about 4 s left"
    assert run._bar.tasks[0].total == 100_000
    assert capsys.readouterr().err == "RTL: about 100,000 cycles by estimate\n"


def project(folder: Path, pip: str) -> subprocess.CompletedProcess:
    """Set up where everything but pip is there."""
    (folder / "pyproject.toml").write_text(
        '[project]\ndependencies = ["a==1"]\n[project.optional-dependencies]\ndev = ["b==2"]\n'
    )
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] || exec {sys.executable} "$@"\n{pip}\n')
    python.chmod(0o755)
    return subprocess.run(["sh", SETUP], cwd=folder, capture_output=True, text=True, check=False)


def test_setting_up_is_a_line_before_and_a_line_after(tmp_path):
    done = project(tmp_path, 'echo "$@" > said')
    assert done.returncode == 0 and (tmp_path / ".venv" / "ready").exists()
    before, after = done.stderr.splitlines()
    assert before.startswith("setting up .venv: ") and "usually" in before
    assert after.startswith("setting up .venv: done after ")
    assert "--quiet" in (tmp_path / "said").read_text()
    assert (tmp_path / ".venv" / "requirements.txt").read_text() == "a==1\nb==2\n"


def test_setting_up_that_fails_is_not_ready(tmp_path):
    done = project(tmp_path, 'echo "ERROR: no such host" >&2; exit 1')
    assert done.returncode == 1 and not (tmp_path / ".venv" / "ready").exists()
    assert "flatmesh: pip could not install what pyproject.toml lists" in done.stderr


def test_what_comes_is_said_with_its_usual_time(capsys):
    ahead("8 kernels", 120, 2)
    ahead("8 kernels", 120)
    ahead("1 kernel", 120, 1)
    ahead("nothing", 0.2)
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines() == [
        "8 kernels: usually 60 s on 2 processes",
        "8 kernels: usually 2 min",
        "1 kernel: usually 2 min on 1 process",
        "nothing: usually 1 s",
    ]
