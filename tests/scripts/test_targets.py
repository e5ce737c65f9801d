"""A variable on make's command line that its target does not read is refused in one line."""

import argparse
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isa.errors import UserError
from scripts.help import lines
from scripts.options import target_parser
from scripts.targets import COMMON, TARGETS, refuse
from scripts.variables import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
FRONTS = {name for name in TARGETS if f"-m scripts.{name}\n" in MAKEFILE} - {"help", "docs"}


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """What make would do; where it refuses, what it does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-n", f"PYTHON={sys.executable}", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, check=False
    )


def test_every_target_is_in_the_table():
    phony = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    assert phony == TARGETS.keys()
    assert {name for reads in TARGETS.values() for name in reads.names} | {"PYTHON"} == set(
        VARIABLES
    )
    for reads in TARGETS.values():
        assert set(reads.defaults) <= set(reads.names)


@pytest.mark.parametrize("name", sorted(FRONTS))
def test_a_command_has_the_options_of_its_target(name, monkeypatch):
    class Stop(Exception):
        pass

    def stop(parser, *_, **__):
        own = {action.dest for action in parser._actions} - {"help"}
        raise Stop(own)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(Stop) as stopped:
        importlib.import_module(f"scripts.{name}").run()
    ours = {variable.attribute for variable in VARIABLES.values()}
    expected = {VARIABLES[variable].attribute for variable in TARGETS[name].names}
    of_its_own = {"out", "list"} - expected  # arguments that no variable sets
    assert stopped.value.args[0] & ours - of_its_own == expected


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["sim", "WORKLAOD=x"], "make sim does not read WORKLAOD (did you mean WORKLOAD?): it"),
        (["sim", "DATAFLOWS=flat"], "make sim does not read DATAFLOWS (did you mean DATAFLOW?)"),
        (["sim", "workload=minilm"], "make sim does not read workload (did you mean WORKLOAD?)"),
        (["sim", "TARGET=golden"], "make sim does not read TARGET: it reads MACHINE, MESH, "),
        (["sim", "JOBS=4", "SEED=2"], "make sim does not read JOBS: it reads"),
        (["lint", "SEED=1"], "make lint does not read SEED: it reads no variable"),
        (["SEED=1"], "make help does not read SEED: it reads FOR"),
    ],
)
def test_what_no_goal_reads_is_refused(command, says):
    done = make(*command)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout
    assert f"flatmesh: {says}" in done.stderr


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (["sim", "SEED=2"], {}),
        (["waves", "inspect", "FROM=5", "LIST=3"], {}),  # one of them reads it
        (["sim"], {"WORKLAOD": "x", "TARGET": "golden", "JOBS": "x", "CFLAGS": "-x"}),
        (["sim", "PREFIX=/usr"], {"MAKELEVEL": "1"}),  # another make passes on what is its own
    ],
)
def test_what_is_read_or_only_in_the_environment_is_not(command, environment):
    done = make(*command, **environment)
    assert done.returncode == 0 and "-m scripts." in done.stdout, done.stderr


def test_a_target_that_is_not_there_is_what_make_says_it_is():
    assert refuse(["nothing"], ["SEED"]) == ""


def test_the_help_of_a_target_names_what_it_reads():
    shown = "\n".join(lines("noc"))
    assert "[mesh8]" in shown and "QUICK" in shown and "DATAFLOW" not in shown
    assert "reads no variable" in "\n".join(lines("clean"))


def test_defaults_come_from_the_tables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    options = target_parser("waves", "").parse_args([])
    assert {name: getattr(options, name.lower()) for name in COMMON} == {
        name: VARIABLES[name].default for name in COMMON
    }
    assert options.first == ""
    assert target_parser("noc", "").parse_args([]).machine == "mesh8"
    monkeypatch.setenv("SEED", "7")
    assert target_parser("sim", "").parse_args([]).seed == "7"
    monkeypatch.setenv("OPEN", "yes")
    with pytest.raises(UserError, match="OPEN must be one of 0, 1, not 'yes'"):
        target_parser("waves", "")
