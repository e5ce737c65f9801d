"""The regression guard: cycles on the RTL are the committed ones."""

import pytest

from programs.compiler import KINDS
from publish.results import kept
from tb.studies.cycles import CASES, difference

EXPECTED = {row["case"]: row for row in kept("cycles")}


@pytest.mark.parametrize("case", CASES)
def test_cycles_are_the_committed_ones(case):
    task = CASES[case]
    seen = task.call(**task.arguments)
    assert seen["bit_exact"]
    assert not (changed := difference(case, EXPECTED.get(case), seen)), changed


def test_every_dataflow_is_guarded_and_nothing_else_is_committed():
    flows = {task.arguments.get("dataflow") for task in CASES.values()} - {None}
    assert flows == {name for kind in KINDS for name in kind.dataflows}
    assert EXPECTED.keys() == CASES.keys()


def test_a_difference_names_the_run_and_what_to_do():
    before = {"cycles": 1234, "boot_cycles": 5}
    assert not difference("a run", before, dict(before))
    assert difference("a run", before, {"cycles": 2345, "boot_cycles": 5}) == (
        "a run: cycles are 2,345 instead of 1,234. If that is meant, say so in CHANGELOG.md and "
        "accept it with make measure SET=cycles"
    )
    assert "never measured" in difference("a new run", None, before)
