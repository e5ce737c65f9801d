"""`make shrink` as a user sees it: bad input in one line, and a broken tile taken to the
instruction, as docs/conformance.md says.
"""

import re

import pytest

import scripts.conformance
import scripts.run
import scripts.shrink
from isa.machine import MACHINES, Machine
from tb.hardware import verilog
from tests.scripts.command import call


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "CASE must name the case that fails, as make conformance prints it"),
        ({"CASE": "d-two"}, "CASE 'd-two': no set has a case of this name with SEED=1"),
        (
            {"CASE": "errors-out-5x3"},
            "CASE errors-out-5x3: cannot be smaller, what it prints names the instruction",
        ),
        ({"CASE": "d-one-bf16", "DUT": "none.v"}, "DUT none.v: No such file or directory"),
        (
            {"CASE": "d-one-bf16", "DUT": "none.v", "MUTANT": "add-tie"},
            "MUTANT is a fault of our hardware: leave DUT out",
        ),
    ],
)
def test_bad_input_gets_one_line(environment, line):
    done = call(scripts.shrink, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"flatmesh: {line}") and done.stderr.count("\n") == 1, done.stderr


def test_a_case_that_passes_cannot_be_shrunk(tmp_path):
    done = call(scripts.shrink, CASE="d-gate-flat", OUT=str(tmp_path / "a.s"))
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert done.stderr == (
        "flatmesh: CASE d-gate-flat does not fail: there is nothing to shrink\n"
    ), done.stderr


def test_l1_of_another_tile_cannot_be_looked_into():
    done = call(scripts.run, PROGRAM="examples/reduce.s", MACHINE="tiny", DUT="none.v")
    assert done.returncode == 2 and "DUT none.v: No such file" in done.stderr


def small() -> Machine:
    """As small as a tile that conformance takes can be: quick to compile."""
    tiny = MACHINES["tiny"]
    tile = {"matrix_rows": 2, "matrix_columns": 2, "vector_lanes": 2, "l1_banks": 2}
    tile |= {"l1_bytes": 2048 * tiny.tile.word_bytes}
    return tiny.model_copy(
        update={
            "name": "small",
            "mesh": tiny.mesh.model_copy(update={"columns": 2, "rows": 1}),
            "tile": tiny.tile.model_copy(update=tile),
            "hbm": tiny.hbm.model_copy(update={"south_pitch": 0}),
        }
    )


@pytest.mark.slow
def test_a_broken_tile_is_taken_to_the_instruction(tmp_path):
    """Ours, with other names, in which a mask that begins before column 0 is not cut off."""
    machine, case = small(), "tiles-vector-2x1-0"
    toml, dut, text = (tmp_path / name for name in ("small.toml", "acme.v", "case.s"))
    toml.write_text(machine.to_toml())
    ours = verilog(machine, stall=True)["tile.v"].replace("\\tile.core", "\\acme.core")
    broken, times = re.subn(
        r"(assign \S+ +=) \S+ +\? 15'h0000 : limit_now;", r"\1 limit_now;", ours
    )
    assert times == 1
    dut.write_text(broken)
    given = {"DUT": str(dut), "MACHINE": str(toml), "MESH": "2x1", "CASE": case}

    failed = call(scripts.conformance, **given, MUTATIONS="0", RESUME="0")
    assert failed.returncode == 1 and "wrong bits" in failed.stderr, failed.stderr
    assert f"make it small with: make shrink DUT={dut}" in failed.stderr

    shrunk = call(scripts.shrink, **given, OUT=str(text))
    assert shrunk.returncode == 0, shrunk.stderr
    engines = re.findall(r"^  tile \(\d,\d\) \w+: (\w+) (.*)$", shrunk.stdout, re.MULTILINE)
    (vector,) = (rest for opcode, rest in engines if opcode in ("rowmax", "exp"))
    assert "mask=-" in vector and " masked" in vector and len(engines) < 5, shrunk.stdout

    ran = call(scripts.run, PROGRAM=str(text), DUT=str(dut))
    assert ran.returncode == 1 and re.search(r"word 0x\w+: golden 0x\w+, RTL 0x", ran.stderr)
