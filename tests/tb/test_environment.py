"""Builds and runs do not depend on what the user's environment is set up for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isa.errors import UserError
from scripts.front import main
from tb.runner import ROOT, Build, SimulationFailure, _environment, run
from tb.toolchain import OPTIMISATION, check_folder, clean, environment

HOSTILE = {
    "COCOTB_TEST_FILTER": "x",
    "COCOTB_TESTCASE": "x",
    "COCOTB_TEST_MODULES": "x",
    "MODULE": "x",
    "TOPLEVEL": "x",
    "TESTCASE": "x",
    "RANDOM_SEED": "x",
    "WAVES": "1",
    "GUI": "1",
    "GPI_USERS": "x",
    "LIBPYTHON_LOC": "/none",
    "SIM_CMD_PREFIX": "false",
    "PYTHONPATH": "/none",
    "CFLAGS": "-broken",
    "CXXFLAGS": "-broken",
    "LDFLAGS": "-broken",
    "MAKEFILES": "/none",
    "OPT_FAST": "-broken",
}

SHORT = {"FLATMESH_SHORT_RUNS": "1"}


def test_foreign_variables_do_not_reach_a_simulator(monkeypatch):
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    with _environment(environment()):
        assert not HOSTILE.keys() & os.environ.keys()
        optimised = f"OPT_FAST={OPTIMISATION}".replace(" ", "\\ ")
        assert optimised in os.environ["MAKEFLAGS"]
    assert all(os.environ[name] == value for name, value in HOSTILE.items())


def test_the_rest_stays():
    kept = {"PATH": "/bin", "HOME": "/root", "LD_LIBRARY_PATH": "/lib", "VERILATOR_ROOT": "/v"}
    assert clean({**kept, **HOSTILE}) == kept


@pytest.mark.parametrize("name", ["my work", "a$b", "a#b", "a:b", "it's"])
def test_a_folder_that_make_cannot_build_in_is_refused_at_once(name):
    with pytest.raises(UserError, match="make cannot build below a path with") as error:
        check_folder(Path("/home") / name / "flatmesh")
    assert "\n" not in str(error.value)
    check_folder(Path("/home/me/flat-mesh_2.0+x"))


def dying(tmp_path: Path, script: str):
    """A simulator that does this."""
    binary = tmp_path / "top"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return run(Build("top", tmp_path, 0.0), "tests.tb.broken", workdir=tmp_path / "run")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo %Error: mesh.v:3: out of memory; echo more; exit 7", "%Error: mesh.v:3: out of mem"),
        ("echo the last words; kill -SEGV $$", "the last words"),
        ("exit 0", ""),
    ],
)
def test_a_simulator_that_dies_is_one_line(tmp_path, capsys, script, says):
    with pytest.raises(SystemExit) as ended:
        main(lambda: dying(tmp_path, script))
    shown = capsys.readouterr().err
    assert ended.value.code == 1 and shown.count("\n") == 1
    assert shown.startswith("flatmesh: tests.tb.broken: the simulator stopped abnormally")
    assert says in shown and "simulation.log" in shown


def test_the_exit_status_of_the_simulator_is_said(tmp_path):
    with pytest.raises(SimulationFailure, match="7"):
        dying(tmp_path, "echo bad; exit 7")


def test_the_run_time_library_is_compiled_once(tmp_path):
    """And a design never comes from what is kept, nor another library or other options."""
    compiler = tmp_path / "g++"
    compiler.write_text('#!/bin/sh\necho x >> ran\nfor f; do o="$p"; p=$f; done; echo $$ > "$o"\n')
    compiler.chmod(0o755)
    script = ROOT / "tb" / "compile.sh"

    def ran(folder: str, *words: str) -> int:
        """How often the compiler ran in this folder so far."""
        where = tmp_path / folder
        where.mkdir(exist_ok=True)
        name = Path(words[-1]).stem + ".o"
        command = ["sh", script, tmp_path / "kept", compiler, *words[:-1], "-o", name, words[-1]]
        subprocess.run(command, cwd=where, check=True, capture_output=True)
        assert (where / name).stat().st_size
        made = where / "ran"
        return len(made.read_text().split()) if made.exists() else 0

    library = "/here/include/verilated.cpp"
    assert ran("one", "-O2", "-I/one", library) == 1
    assert ran("two", "-O2", "-I/two", library) == 0
    assert (tmp_path / "one/verilated.o").read_text() == (tmp_path / "two/verilated.o").read_text()
    assert ran("two", "-O2", "-I/two", "-DVM_TRACE=1", library) == 1
    assert ran("two", "-O2", "-I/two", "/there/include/verilated.cpp") == 2
    assert ran("two", "-O2", "-I/two", "Vtop.cpp") == 3
    assert ran("two", "-O2", "-I/two", "Vtop.cpp") == 4


def test_a_run_time_library_that_does_not_compile_is_not_kept(tmp_path):
    for _ in range(2):
        command = ["sh", ROOT / "tb" / "compile.sh", tmp_path / "kept", "false", "/x/verilated.cpp"]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 1
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(("short", "small"), [(False, True), (True, False)])
def test_what_is_small_or_runs_for_seconds_is_one_compilation(monkeypatch, short, small):
    monkeypatch.setattr("tb.toolchain.SHORT", short)
    assert "VM_PARALLEL_BUILDS=0" in environment(small=small)["MAKEFLAGS"].split()
    monkeypatch.setattr("tb.toolchain.SHORT", False)
    assert "VM_PARALLEL_BUILDS" not in environment()["MAKEFLAGS"]


@pytest.mark.parametrize(("variable", "flags"), [({}, "-O1 -march=native"), (SHORT, "-O0")])
def test_only_who_asks_for_it_does_without_optimisation(variable, flags):
    others = {name: value for name, value in os.environ.items() if name not in SHORT}
    command = [sys.executable, "-c", "from tb import toolchain as t; print(t.version())"]
    done = subprocess.run(
        command, cwd=ROOT, env=others | variable, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith(flags)  # and no build is taken for the other's
