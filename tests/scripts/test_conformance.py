"""`make conformance` as a user sees it: reports, bad input in one line, and one small real run."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import scripts.conformance
from publish.conformance import Findings, mutation_table, tables, write_reports
from tests.scripts.command import call
from verify.conformance.cases import cases
from verify.conformance.check import CaseOutcome
from verify.mutants.hunt import Catch, Sight

ROOT = Path(__file__).resolve().parents[2]
RUN = {
    "set": "default",
    "target": "rtl",
    "dut": "",
    "seconds": 12.0,
    "commit": "abc",
    "machine": "tiny",
    "mesh": "",
    "seed": 1,
}


def conformance(**environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "scripts.conformance"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


def findings() -> Findings:
    some = cases("default", 1)[:3]
    outcomes = {
        case.name: CaseOutcome(case.name, True, cycles=100, error_ratio=0.5).to_dict()
        for case in some
    }
    outcomes[some[1].name] = CaseOutcome(
        some[1].name, False, how="wrong bits", detail="5 < 6 words"
    ).to_dict()
    outcomes[some[2].name] = CaseOutcome(
        some[2].name, False, skipped=True, detail="no room"
    ).to_dict()
    found = Findings(some, "make conformance SEED=3", outcomes, {"opcode/a": 2, "opcode/b": 0})
    found.catches = [Catch(1, (Sight(some[0].name, "hang"),), 4), Catch(2)]
    return found


def test_reports(tmp_path):
    found = findings()
    result = found.result() | RUN
    assert result["cases"] == 3 and result["failed"] == 1 and result["skipped"] == 1
    assert result["coverage_percent"] == 50 and (
        result["mutations"],
        result["mutations_caught"],
    ) == (2, 1)
    write_reports(tmp_path, found, result)
    failed = found.cases[1].name
    markdown, page = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    assert f"make conformance SEED=3 CASE={failed}" in markdown and "holes: opcode/b" in markdown
    assert "5 &lt; 6 words" in page and "http" not in page
    suites = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get("failures") for suite in suites] == ["1", "1"]
    assert suites.find(f".//testcase[@name='{failed}']/failure").text == "5 < 6 words"
    assert all(
        len(row) == len(table.heads) for table in tables(found, result) for row in table.rows
    )


def test_a_case_that_the_mutations_change_without_one_switched_on_fails():
    found = findings()
    name = found.cases[0].name
    found.clean = {name: found.outcomes[name] | {"cycles": 101}}
    assert found.failed[name]["detail"] == "101 cycles, without the mutations 100"


def test_cycles_of_our_hardware_must_be_the_committed_ones():
    found = findings()
    name = found.cases[0].name
    found.ours = {name: 80}
    assert found.failed[name]["how"] == "cycles" and found.failed[name]["detail"].startswith(
        f"{name}: 100 cycles instead of 80 (+25.0%)"
    )
    found.foreign = True
    assert name not in found.failed and found.result()["cycles_median"] == 1.25
    found.outcomes[name]["floor"] = 101
    assert found.failed[name]["detail"].startswith("100 cycles, at least 101 are needed")


def test_a_mutation_seen_once_is_marked():
    found = findings()
    table = mutation_table(found.result())
    assert [row[2:5] for row in table.rows] == [
        ("hang", "1 of 4, **once**", ""),
        ("not caught", "", ""),
    ]


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"SET": "all"}, "SET must be default or nightly, not 'all'"),
        ({"TARGET": "fpga"}, "TARGET must be rtl or golden, not 'fpga'"),
        ({"JOBS": "0"}, "JOBS must be a whole number from 1 up, not '0'"),
        ({"MUTANT": "nothing"}, "MUTANT must be a number from 1 to "),
        ({"DUT": "none.v"}, "DUT none.v: No such file or directory"),
        (
            {"MUTANT": "add-tie", "TARGET": "golden"},
            "MUTANT: faults are put into our RTL, leave TARGET=golden and DUT out",
        ),
        (
            {"DUT": "none.v", "TARGET": "golden"},
            "DUT: a design is run on the RTL, leave TARGET=golden out",
        ),
    ],
)
def test_bad_input_gets_one_line(environment, line):
    done = call(scripts.conformance, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"flatmesh: {line}") and done.stderr.count("\n") == 1, done.stderr


def test_one_case_on_the_golden_machine():
    done = conformance(CASE="d-one-bf16", TARGET="golden")
    assert done.returncode == 0 and "d-one-bf16: passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_an_unknown_case():
    done = conformance(CASE="d-two")
    assert done.returncode == 2 and done.stderr.startswith(
        "flatmesh: CASE 'd-two': no set has a case of this name with SEED=1"
    )


@pytest.mark.slow
def test_a_case_of_the_nightly_set_on_the_rtl():
    name = next(
        case.name
        for case in cases("nightly", 1)
        if case.name.startswith("t0") and case.mesh == "2x2"
    )
    done = conformance(CASE=name)
    assert done.returncode == 0 and f"{name}: passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_our_own_tile_as_design_under_test(tmp_path):
    """It passes, put in place of itself."""
    from isa.machine import MACHINES
    from tb.hardware import verilog

    text = verilog(MACHINES["tiny"], stall=True)["tile.v"]
    path = tmp_path / "tile.v"
    path.write_text(text)
    done = conformance(DUT=str(path), CASE="d-gate-flat")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_mutation_is_caught():
    done = conformance(MUTANT="add-tie")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 / 1" in done.stdout
