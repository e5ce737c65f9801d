"""Listed sets of runs: cases are what they say, and one runs."""

import pytest

from isa.machine import load_machine
from programs.compiler import parse_workload
from tb.studies import tables, tuning
from tb.studies.variants import CASES, SLOW, Variant, machine_of, task


def test_names_are_unique_within_a_table():
    assert len({(case.table, case.title, case.name) for case in CASES}) == len(CASES)
    assert len({task.name for _, task in tables.cases()}) == len(tables.cases())


def test_every_workload_is_one():
    for spec in {case.workload for case in CASES} | {*tuning.LISTED, *tuning.OTHERS}:
        parse_workload(spec)


def test_a_slow_machine_has_slow_channels():
    slow = next(case for case in CASES if case.slow and case.machine == "mesh4")
    usual = load_machine("mesh4").hbm.bytes_per_cycle
    assert machine_of(slow).hbm.bytes_per_cycle == SLOW < usual


@pytest.mark.slow
def test_a_case_runs():
    made = task(Variant("family", "tiny", "mha:S=32,D=16,H=1", "flat", "bf16", "tiny"))
    assert made.call(**made.arguments)["bit_exact"]
