"""Every target and every variable is explained, in one place, and commands stay small."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isa.machine import MACHINES
from programs.attention.mapping import DATAFLOWS
from scripts.front import main
from scripts.help import lines, run, targets
from scripts.variables import VARIABLES
from tb.toolchain import clean
from verify.mutants.faults import FAULTS
from waves.views.viewer import VIEWERS

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
FRONTS = [path for path in SCRIPTS if path.stem not in ("targets", "variables")]
"""The others are tables."""
LIBRARY = {"front", "__init__", "help", "options", "pipe", "targets", "variables"}


@pytest.mark.parametrize("path", FRONTS, ids=lambda path: path.stem)
def test_a_script_is_a_thin_front(path):
    assert len(path.read_text().splitlines()) <= 100


def test_every_exported_variable_is_explained():
    exported = re.search(r"^export ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)[1]
    assert set(exported.replace("\\", "").split()) == VARIABLES.keys() - {"PYTHON"}


def test_every_target_is_in_the_help():
    phony = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    told = {name for group in targets(MAKEFILE).values() for name in group}
    defined = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert phony == told == defined
    shown = "\n".join(lines())
    assert all(f"  make {name} " in shown for name in told)
    assert all(f"\n  {name} " in shown for name in VARIABLES)
    assert max(map(len, lines())) <= 100


def test_every_command_has_a_target():
    called = set(re.findall(r"-m scripts\.(\w+)", MAKEFILE))
    assert called - {"help", "targets"} == {path.stem for path in SCRIPTS} - LIBRARY


def test_texts_name_all_values():
    for name, values in (
        ("MACHINE", MACHINES),
        ("DATAFLOW", DATAFLOWS),
        ("FAULT", [fault.name for fault in FAULTS]),
        ("VIEWER", VIEWERS),
    ):
        assert all(value in VARIABLES[name].text for value in values), name


TAKEN = set(
    [
        "COLUMNS",
        "LINES",
        "TERM",
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PWD",
        "OLDPWD",
        "LANG",
        "LANGUAGE",
        "TZ",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "BROWSER",
        "DISPLAY",
        "MAIL",
        "IFS",
        "UID",
        "EUID",
        "RANDOM",
        "SECONDS",
        "GROUPS",
        "HOSTNAME",
        "HOSTTYPE",
        "MACHTYPE",
        "OSTYPE",
        "VENDOR",
        "HOST",
        "PS1",
        "TMPDIR",
        "SHLVL",
        "OPTARG",
        "OPTIND",
        "REPLY",
        "STATUS",
        "NO_COLOR",
        "FORCE_COLOR",
        "CC",
        "CXX",
        "CPP",
        "AR",
        "AS",
        "LD",
        "RM",
        "ARFLAGS",
        "ASFLAGS",
        "CFLAGS",
        "CXXFLAGS",
        "CPPFLAGS",
        "LDFLAGS",
        "LDLIBS",
        "LOADLIBES",
        "MAKE",
        "MAKEFLAGS",
        "MAKEFILES",
        "MAKEFILE_LIST",
        "MAKECMDGOALS",
        "MAKELEVEL",
        "MFLAGS",
        "CURDIR",
        "SUFFIXES",
        "VPATH",
        "MODULE",
        "TOPLEVEL",
        "TOPLEVEL_LANG",
        "TESTCASE",
        "RANDOM_SEED",
        "SIM",
        "GUI",
        "PLUSARGS",
        "EXTRA_ARGS",
        "COMPILE_ARGS",
        "SIM_ARGS",
        "SIM_BUILD",
        "VERILOG_SOURCES",
        "VHDL_SOURCES",
        "PYTHONPATH",
        "PYTHONHOME",
    ]
)
"""Variables of shells, terminals, make and cocotb."""
KEPT_FROM_COCOTB = {"WAVES"}
"""Ours that cocotb reads too: our runs do not pass them on."""


def test_no_variable_has_a_name_that_others_use():
    assert not VARIABLES.keys() & TAKEN
    assert not [name for name in VARIABLES if name.startswith(("COCOTB_", "GPI_", "MAKE"))]
    assert VARIABLES.keys() >= KEPT_FROM_COCOTB
    assert not clean(dict.fromkeys(KEPT_FROM_COCOTB, "1"))


def test_columns_of_a_shell_are_for_pipes_only(monkeypatch, capsys):
    """A terminal says itself how wide it is."""
    for terminal, left in ((True, None), (False, "12")):
        monkeypatch.setenv("COLUMNS", "12")
        monkeypatch.setattr("sys.stdout.isatty", lambda terminal=terminal: terminal)
        with pytest.raises(SystemExit):
            main(lambda: print(os.environ.get("COLUMNS")) or 0)
        assert capsys.readouterr().out == f"{left}\n"


def test_help_needs_no_environment():
    """It comes before `.venv` is made."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "scripts.help"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == list(lines())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("simm", "flatmesh: FOR 'simm' is no target: did you mean 'sim'?"),
        ("qqq", "flatmesh: FOR 'qqq' is no target: must be one of sim, run, "),
    ],
)
def test_a_target_that_there_is_not(given, said, capsys):
    assert run(given) == 2
    said_of_it = capsys.readouterr()
    assert said_of_it.out == "" and said_of_it.err.startswith(said)
