"""The published tables are those of the published results, and cases are what they say."""

import json

import pytest

from isa.machine import load_machine
from programs.attention.workload import parse_attention
from scripts import variants
from scripts.tables import RESULTS
from scripts.variants import CASES, PAGE, tables


def test_names_are_unique_within_a_table():
    assert len({(case.table, case.title, case.name) for case in CASES}) == len(CASES)


def test_every_workload_is_one():
    for spec in {case.workload for case in CASES}:
        parse_attention(spec)


def test_the_page_shows_the_committed_results():
    page, results = PAGE.read_text(), json.loads((RESULTS / "variants.json").read_text())
    for name, table in tables(results).items():
        assert f"<!-- generated: {name} -->\n{table.markdown()}\n<!-- end" in page
    assert [(r["table"], r["title"]) for r in results] == [
        (case.table, case.title) for case in CASES
    ]


def test_a_slow_machine_has_slow_channels():
    slow = next(case for case in CASES if case.slow and case.machine == "mesh4")
    assert (
        variants.machine_of(slow).hbm.bytes_per_cycle
        == variants.SLOW
        < load_machine("mesh4").hbm.bytes_per_cycle
    )


@pytest.mark.slow
def test_a_case_runs():
    case = variants.Case("family", "tiny", "mha:S=32,D=16,H=1", "flat", "bf16", "tiny")
    assert variants.measure(case)["bit_exact"]
