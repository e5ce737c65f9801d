"""`make explore`: a small sweep, and what it refuses."""

import json

import pytest

import scripts.explore
from tests.scripts import command

SMALL = {"MACHINE": "tiny", "WORKLOAD": "mha:S=32,D=16,H=2", "JOBS": "1"}


@pytest.fixture
def folder(monkeypatch):
    monkeypatch.setattr(scripts.explore, "FOLDER", scripts.explore.ROOT / "build" / "explore-test")
    return scripts.explore.FOLDER


def test_a_sweep_has_a_table_a_page_and_a_result(folder):
    done = command.call(scripts.explore, **SMALL, VARY="tiles=2x2,4x4 hbm=16,32")
    assert done.returncode == 0, done.stderr
    seen = json.loads((folder / "result.json").read_text())
    assert (seen["computed"], seen["impossible"], seen["failed"]) == (2, 2, 0)
    assert all(f"{point['cycles']:,}" in done.stdout for point in seen["points"])
    assert "2 points not possible" in done.stdout and "tile.link_bits = 64" in done.stdout
    assert (folder / "report.html").exists() and (folder / "front.png").exists()


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"VARY": "hmb"}, "VARY: there is no axis 'hmb': did you mean 'hbm'?"),
        ({"VARY": "tiles=4x4"}, "VARY: none of 1 points is possible: tiles=4x4: tile.link_bits"),
        ({"VARY": "group", "GROUP": "2x2"}, "GROUP must be empty where VARY has group"),
        ({"WORKLOAD": "mha:S=0,D=16,H=1"}, "WORKLOAD"),
        ({"WORKLOAD": "minilm"}, "WORKLOAD"),
        ({"DTYPE": "fp64"}, "DTYPE must be one of"),
        ({"JOBS": "0"}, "JOBS must be a whole number from 1 up, not '0'"),
    ],
)
def test_bad_input_is_one_line(folder, environment, line):
    done = command.call(scripts.explore, **SMALL | environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"flatmesh: {line}") and done.stderr.count("\n") == 1
