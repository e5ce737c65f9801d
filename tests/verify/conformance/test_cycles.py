"""Cycles of cases: the least there could be, the committed counts, cases out of line."""

import pytest

from isa.machine import MACHINES
from publish.results import kept
from verify.conformance.cases import cases
from verify.conformance.cycles import committed, difference, paces
from verify.conformance.floor import floor
from verify.conformance.prepare import prepare

TINY = MACHINES["tiny"]
CASES = {case.name: case for case in cases("default", 1)}


def test_the_least_of_a_case_by_hand():
    """Q, K, V and O of 2 heads of 32 rows of 16 FP16 numbers: 128 words read and 128 written by
    each of the four channels' ends, at a word a cycle behind a latency of 60.
    """
    expected = prepare(CASES["d-gate-flat"], TINY)
    least = floor(expected)
    hbm, word = expected.machine.hbm, TINY.tile.word_bytes
    reads = max(
        hbm.latency + (words - 2) * word // hbm.bytes_per_cycle for words in expected.words_read
    )
    products = 2 * 2 * 32 * 32 * 16 / (4 * TINY.tile.matrix_rows * TINY.tile.matrix_columns)
    assert least >= max(reads, products) and least < committed(TINY, "", 1)["d-gate-flat"]


@pytest.mark.parametrize("mesh", ["", "2x2"])
def test_every_committed_count_is_of_a_case_and_above_the_least(mesh):
    names = {case.name for case in cases("default", 1, mesh)}
    counts, least = committed(TINY, mesh, 1), kept("cases")["floor"][mesh]
    assert counts and counts.keys() == least.keys() <= names
    assert all(counts[name] >= least[name] for name in counts)
    assert all(least[name] for name in counts if not name.startswith("errors"))


def test_counts_belong_to_a_machine_a_mesh_and_a_seed():
    other = TINY.model_copy(update={"tile": TINY.tile.model_copy(update={"vector_lanes": 4})})
    assert not committed(other, "", 1) and not committed(TINY, "3x3", 1)
    assert not committed(TINY, "", 2)


def test_a_difference_names_the_case_and_what_to_do():
    assert difference("a", 100, 100) == ""
    assert difference("a", 100, 159) == (
        "a: 159 cycles instead of 100 (+59.0%). If that is meant, say so in CHANGELOG.md and "
        "accept it with make measure SET=cases"
    )


def test_cases_out_of_line_with_the_others():
    ours = {f"c{n}": 1000 for n in range(9)}
    outcomes = {name: {"passed": True, "cycles": 1300 + 10 * n} for n, name in enumerate(ours)} | {
        "new": {"passed": True, "cycles": 7},
        "wrong": {"passed": False, "cycles": 9},
    }
    outcomes["c8"]["cycles"] = 2500
    pace = paces(outcomes, ours)
    assert pace.median == 1.34 and pace.unknown == 1
    assert pace.out_of_line == {"c8": 2.5}
    assert not paces({}, ours).out_of_line
