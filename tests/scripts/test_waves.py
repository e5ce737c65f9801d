"""`make waves` and `make inspect` as a user sees them, on a small real run; and one clear line for
everything that is wrong.
"""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import scripts.inspect
import scripts.waves
from tests.scripts import command

ROOT = Path(__file__).resolve().parents[2]
RUN = {"MACHINE": "tiny", "WORKLOAD": "mha:S=40,D=24,H=2", "DATAFLOW": "flat-async"}
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
WAVES, INSPECT = (ROOT / "build" / f"test-{name}-{WORKER}" for name in ("waves", "inspect"))
VIEWS = ("waves.gtkw", "waves.surf.ron", "waves.sucl")


def call(script: str, **environment: str) -> subprocess.CompletedProcess:
    """As a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"scripts.{script}", "--out", f"test-{script}-{WORKER}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def inspect(**environment: str) -> subprocess.CompletedProcess:
    return command.call(scripts.inspect, "--out", f"test-inspect-{WORKER}", **environment)


def wrong(done: subprocess.CompletedProcess) -> list[str]:
    """What was said is wrong; a build says that it begins and ends."""
    return [line for line in done.stderr.splitlines() if not line.startswith("building ")]


def recorded(**environment: str) -> subprocess.CompletedProcess:
    return command.call(scripts.waves, "--out", f"test-waves-{WORKER}", **{**RUN, **environment})


def waves(**environment: str) -> dict:
    done = recorded(**environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((WAVES / "result.json").read_text())


def inspected(process=inspect, **environment: str) -> tuple[dict, str]:
    done = process(VCD=str(WAVES / "waves.vcd"), **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((INSPECT / "result.json").read_text()), done.stdout


def test_a_whole_run():
    assert call("waves", **RUN, TO="end").returncode == 0
    seen = json.loads((WAVES / "result.json").read_text())
    assert seen["bit_exact"] and seen["first"] == 0 and seen["last"] > seen["run_cycles"]
    assert seen["bytes_per_cycle"] < seen["most_bytes_per_cycle"] < 20_000
    assert all((WAVES / "views" / name).exists() for name in VIEWS)
    result, printed = inspected(partial(call, "inspect"), LIST="5")
    assert {
        "cycles",
        "collectives",
        "mismatches",
        "multicasts",
        "reductions",
        "mean_rho",
        "seconds",
        "peak_mb",
    } <= set(result)
    assert (
        result["collectives"]
        == result["whole"]
        == result["expected"]
        == result["multicasts"] + result["reductions"]
        > 0
    )
    assert result["mismatches"] == 0 and result["mean_rho"] >= 1 and result["peak_mb"] < 1000
    assert f"lists {result['expected']} in the whole run" in " ".join(printed.split())
    folder = INSPECT
    listed = json.loads((folder / "collectives.json").read_text())
    assert sum(transfer["collective"] for transfer in listed) == result["collectives"]
    assert (folder / "report.html").stat().st_size > 50_000 and (folder / "trace.json.gz").exists()
    assert {path.name for path in (folder / "pictures").iterdir()} >= {
        "mesh.svg",
        "spacetime.png",
        "gantt.svg",
        "utilisation.png",
    }


def test_a_collective_chooses_its_window():
    seen = waves(COLLECTIVE="8:2")
    result, printed = inspected(COLLECTIVE="8", COLUMNS="120")
    assert result["cycles"] == seen["last"] - seen["first"] + 1 < 400
    assert "allreduce max" in printed


def test_both_readers_find_the_same():
    pytest.importorskip("pywellen")
    waves(FROM="300", TO="900")
    ours, theirs = inspected()[0], inspected(READER="pywellen")[0]
    same = set(ours) - {"seconds", "peak_mb"}
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}


@pytest.mark.parametrize(
    "environment, says",
    [
        ({"FROM": "x"}, "FROM must be a whole number"),
        ({"FROM": "9", "TO": "3"}, "TO=3 is before FROM=9"),
        ({"FROM": "1000000"}, "is outside the run, whose last activity is in cycle"),
        ({"FROM": str(1 << 32)}, "FROM must be below"),
        ({"GROUP": "3x3"}, "group must divide"),
        ({"COLLECTIVE": "9x"}, "COLLECTIVE must be a tag"),
        ({"COLLECTIVE": "77"}, "nothing here has the tag 77"),
        ({"COLLECTIVE": "8:500"}, "transfers here have the tag 8"),
        ({"COLLECTIVE": "8", "FROM": "3"}, "leave out FROM and TO"),
        ({"FAULT": "gremlins"}, "FAULT must be one of dropped-flit"),
        ({"OPEN": "1", "VIEWER": "notepad"}, "VIEWER must be"),
    ],
)
def test_one_clear_line_of_waves(environment, says):
    done = recorded(**environment)
    assert done.returncode == 2
    (line,) = wrong(done)
    assert line.startswith("flatmesh: ") and says in line


def test_what_does_not_belong_together_does_not_stay():
    waves(TO="100")
    inspected()
    assert recorded(GROUP="3x3").returncode == 2
    assert (WAVES / "waves.vcd").exists() and (WAVES / "run.json").exists()
    assert recorded(FROM="1000000").returncode == 2
    assert not {path.name for path in WAVES.iterdir()} & {
        "waves.vcd",
        "run.json",
        "result.json",
        "views",
    }
    done = inspect(VCD=str(WAVES / "waves.vcd"))
    assert done.returncode == 2 and not (INSPECT / "result.json").exists()


def test_a_window_behind_the_last_activity():
    end = waves(TO="end")
    seen = waves(FROM=str(end["run_cycles"] + 1), TO="end")
    assert (
        seen["first"] == seen["run_cycles"] + 1
        and seen["last"] == end["last"]
        and seen["bytes_per_cycle"] > 0
    )
    assert inspected()[0]["collectives"] == 0


def test_a_note_that_is_wrong():
    waves(TO="100")
    note = WAVES / "run.json"
    right = json.loads(note.read_text())
    for change in ({"seed": "abc"}, {"slice": "many"}, {"mesh": "3x2"}):
        note.write_text(json.dumps({**right, **change}))
        done = inspect(VCD=str(WAVES / "waves.vcd"))
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "run.json" in done.stderr


def test_one_clear_line_of_inspect(tmp_path):
    (tmp_path / "no.vcd").write_text("module counter;\n")
    for environment, says in (
        ({"VCD": str(tmp_path / "nowhere.vcd")}, "nowhere.vcd"),
        ({"VCD": str(tmp_path / "no.vcd")}, "not a VCD"),
        ({"VCD": sys.executable}, "not a VCD"),
        ({"LIST": "many"}, "LIST must be a whole number"),
        ({"COLLECTIVE": "-1"}, "COLLECTIVE must be a tag"),
    ):
        done = inspect(**{"VCD": str(tmp_path / "no.vcd"), **environment})
        assert done.returncode == 2
        assert (
            done.stderr.count("\n") == 1
            and done.stderr.startswith("flatmesh: ")
            and says in done.stderr
        ), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault, says",
    [
        ("dropped-flit", "never leaves by local"),
        ("wrong-root", "sends allreduce max to the root"),
        ("join-incomplete", "leaves without the part from east"),
        ("route-branch-missing", "never leaves by north"),
    ],
)
def test_a_fault_in_the_hardware_is_found_in_the_vcd_alone(fault, says):
    call("waves", **{**RUN, "WORKLOAD": "mha:S=64,D=32,H=2", "FAULT": fault, "TO": "end"})
    (WAVES / "run.json").unlink()  # what was run is not told
    done = call("inspect", VCD=str(WAVES / "waves.vcd"))
    assert done.returncode == 1
    assert says in " ".join(done.stdout.split())
