"""`make machine` and `make verilog`: what others take away."""

import subprocess
import sys

import pytest

from isa.machine import MACHINES, load_machine
from tb import toolchain
from tb.runner import ROOT


def call(script, *arguments, folder=ROOT):
    command = [sys.executable, "-m", f"scripts.{script}", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_machine_comes_back(tmp_path):
    done = call("machine", "--machine", "mesh4", "--mesh", "3x2")
    assert done.returncode == 0 and not done.stderr
    path = tmp_path / "mine.toml"
    path.write_text(done.stdout)
    assert load_machine(str(path)) == load_machine("mesh4", "3x2") != MACHINES["mesh4"]


def test_the_verilog_is_a_whole_design(tmp_path):
    done = call("verilog", "--machine", "mesh16", "--mesh", "2x1", "--out", str(tmp_path / "rtl"))
    assert done.returncode == 0, done.stderr
    environment = toolchain.environment()
    command = ["verilator", "--lint-only", "-Wno-fatal", "-Wno-lint", "--top-module", "mesh"]
    linted = subprocess.run(
        [*command, "-f", "flatmesh.f"],
        cwd=tmp_path / "rtl",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stderr
    (tmp_path / "rtl" / "tile.v").write_text("module tile; endmodule\n")
    command += ["-f", "flatmesh.f"]
    broken = subprocess.run(
        command, cwd=tmp_path / "rtl", env=environment, capture_output=True, text=True
    )
    assert broken.returncode


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("", "OUT must name the folder to write to, for example OUT=rtl"),
        ("README.md", "OUT=README.md: is a file"),
    ],
)
def test_where_no_verilog_goes(out, says):
    done = call("verilog", "--machine", "tiny", "--out", out)
    assert (done.returncode, done.stderr) == (2, f"flatmesh: {says}\n")
