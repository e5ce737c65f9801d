"""`make run` as a user sees it: the examples on golden and on the RTL, and one line for what is
wrong.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scripts.compile
import scripts.run
from tests.scripts.command import call

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return call(scripts.run, *arguments, **environment)


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Likewise, as a process of its own with a pipe."""
    command = [sys.executable, "-m", "scripts.run", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )


def result(name: str) -> dict:
    return json.loads((ROOT / "build" / name / "result.json").read_text())


@pytest.mark.parametrize("name", ["put", "multicast", "reduce"])
def test_an_example_on_golden(name):
    done = run("--program", f"examples/{name}.s", "--target", "golden", "--out", f"test-run-{name}")
    assert done.returncode == 0, done.stderr
    said = result(f"test-run-{name}")
    assert said["passed"]
    assert said["shown"]
    assert all(title in done.stdout for title in said["shown"])


def test_a_race_is_named_by_its_lines():
    done = run("--program", "examples/race.s", "--target", "golden", "--out", "test-run-race")
    assert done.returncode == 1
    assert "examples/race.s:11 'send'" in done.stderr
    assert "examples/race.s:16 'double'" in done.stderr
    assert result("test-run-race")["races"] == 2


def test_two_puts_that_race_have_their_labels_and_addresses(tmp_path):
    put = "put local=A remote=B rows=1 words=2 rect=1,0:1,0"
    lines = [".mesh 2x1", ".address A 0x100", ".address B 0x200"]
    for x, label in enumerate(("first", "second")):
        lines += [f".tile {x},0", ".queue out", f"{label}: {put}", "halt"]
    text = tmp_path / "two.s"
    text.write_text("\n".join(lines))
    done = run("--program", str(text), "--target", "golden", "--out", "test-run-race")
    assert done.returncode == 1
    assert "race for words 0x200 (B)..0x201 of the L1 of tile (1,0): " in done.stderr
    for one, other in (("first", "second"), ("second", "first")):
        end = f"the arrival of the last word of PUT '{one}' in tile (1,0)"
        assert f"{end} to PUT '{other}'" in done.stderr


def test_what_is_no_number_is_said(tmp_path):
    """When a workload is compiled, and when its text is run."""
    x = np.linspace(-1, 1, 2 * 16 * 16, dtype=np.float32).reshape(2, 16, 16)
    np.savez(tmp_path / "w.npz", q=x, k=x, v=1000 * x)
    file, text = str(tmp_path / "w.npz"), str(tmp_path / "t.s")
    made = call(scripts.compile, WORKLOAD=file, DTYPE="e4m3", MACHINE="tiny", OUT=text)
    assert made.returncode == 0, made.stderr
    assert re.search(r"inputs +e4m3 +rounded from the file's fp32", made.stdout)
    assert re.search(r"v in e4m3 +\d+ rounded +\d+ became NaN", made.stdout)
    assert re.search(r"special values +\d+ NaN, 0 infinite", made.stdout)
    done = run("--program", text, "--target", "golden", "--out", "test-run-nan")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{text}:\d+: hbm .* e4m3, expected values: \d+ NaN of 256 elem", done.stdout)
    assert "expectations met (with NaN or infinities, see above)" in done.stdout
    assert len(result("test-run-nan")["remarks"]) == 2


def test_numbers_that_a_format_cannot_hold_are_said(tmp_path):
    text = tmp_path / "t.s"
    body = ".tile 0,0\n.queue out\nhalt\n.show l1 0,0 0 fp16 1x4\n"
    text.write_text(".mesh 1x1\n.l1 0,0 0 fp16 1 1e9 -1e9 nan\n" + body)
    done = run("--program", str(text), "--target", "golden", "--out", "test-run-nan")
    assert f"{text}:2: l1 0,0 0 fp16: 2 became infinite\n" in done.stdout
    assert "L1 of tile (0,0): 1 NaN and 2 infinite of 4 elements\n" in done.stdout


def test_a_deadlock_says_who_waits_for_what():
    done = run("--out", "test-run-deadlock", PROGRAM="examples/deadlock.s", TARGET="golden")
    assert done.returncode == 1
    wait = "tile (1,0) queue out (examples/deadlock.s:10 'answer'): waits for semaphore full (0)"
    assert wait in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "PROGRAM must name a program text"),
        (("--program", "none.s"), "PROGRAM none.s: No such file"),
        (("--program", "examples/put.s", "--target", "fpga"), "TARGET must be one of both, golden"),
        (
            ("--program", "examples/put.s", "--target", "golden", "--waves", "1"),
            "WAVES=1 needs the RTL",
        ),
        (("--program", "examples/put.s", "--machine", "mesh5"), "MACHINE must be one of"),
        (("--program", "examples/put.s", "--mesh", "1x1"), "examples/put.s:19:"),
    ],
)
def test_bad_input_is_one_line(arguments, said):
    done = call(scripts.run, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_expectation_that_is_not_met(tmp_path):
    text = (EXAMPLES / "reduce.s").read_text().replace("SUM fp32 2x8 11", "SUM fp32 2x8 12")
    (tmp_path / "wrong.s").write_text(text)
    done = run("--program", str(tmp_path / "wrong.s"), "--target", "golden", "--out", "test-run-no")
    assert done.returncode == 1
    assert "wrong.s:20: l1 all SUM fp32, L1 of tile (0,0): row 0 column 0 must be 12" in done.stderr


def test_the_text_of_the_documentation(tmp_path):
    page = (ROOT / "docs" / "programs-by-hand.md").read_text()
    text = next(part for part in page.split("```text\n") if part.startswith(".mesh"))
    (tmp_path / "page.s").write_text(text.split("```")[0])
    done = run("--program", str(tmp_path / "page.s"), "--target", "golden", "--out", "test-run-doc")
    assert done.returncode == 0, done.stderr
    assert result("test-run-doc")["shown"] == {
        "l1 1,0 A fp32, L1 of tile (1,0)": [list("1234"), list("1234"), list("2468")]
    }


def test_a_compiled_workload_runs_unchanged(tmp_path):
    where = {"OUT": str(tmp_path / "w.s"), "MACHINE": "tiny", "WORKLOAD": "gemm:M=32,N=32,K=32"}
    done = call(scripts.compile, **where)
    assert done.returncode == 0, done.stderr
    done = run("--program", where["OUT"], "--target", "golden", "--out", "test-run-compiled")
    assert done.returncode == 0, done.stderr


def test_a_text_that_cannot_be_written():
    arguments = ("--out", "none/w.s", "--machine", "tiny", "--workload", "gemm:M=32,N=32,K=32")
    done = call(scripts.compile, *arguments)
    assert done.returncode == 2
    assert done.stderr == "flatmesh: OUT none/w.s: No such file or directory\n"


def test_the_data_of_a_text_do_not_replace_the_tensors(tmp_path):
    arguments = ["--out", str(tmp_path / "mine.s")]
    (tmp_path / "mine.npz").write_bytes(b"tensors")
    arguments += ["--workload", str(tmp_path / "mine.npz")]
    done = call(scripts.compile, *arguments)
    assert done.returncode == 2
    assert "its data would replace WORKLOAD: must have another name" in done.stderr
    assert (tmp_path / "mine.npz").read_bytes() == b"tensors"


@pytest.mark.parametrize("columns", ["", "40"])
def test_tables_in_a_pipe_are_not_wider_than_a_page(columns):
    arguments = ("--program", "examples/put.s", "--out", "test-run-width")
    done = started(*arguments, COLUMNS=columns)
    assert done.returncode == 0, done.stderr
    framed = [len(line) for line in done.stdout.splitlines() if "│" in line]
    assert max(framed) <= (int(columns) if columns else 100)
    assert "…" not in done.stdout  # nothing is cut


@pytest.mark.parametrize("name", ["put", "reduce"])
def test_an_example_on_the_rtl(name):
    done = run("--program", f"examples/{name}.s", "--out", f"test-run-rtl-{name}")
    assert done.returncode == 0, done.stderr
    said = result(f"test-run-rtl-{name}")
    assert said["target"] == "golden+rtl"
    assert said["cycles"] > 0
