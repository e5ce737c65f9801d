"""Each fault that changes cycles and no bits, by name: the committed counts show it."""

import pytest

from isa.machine import MACHINES
from verify.conformance.cases import cases
from verify.conformance.cycles import committed, difference
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.tasks import run_mutants

TINY = MACHINES["tiny"]
USED = (
    "a002-mla-decode-flat-e4m3-5x3-infinite",
    "edges-floods-5x3",
    "edges-tells-3x2",
    "g004-batch-summa-fp16-5x3-subnormal",
    "tiles-matrix-3x2-0",
    "tiles-matrix-3x2-1",
    "tiles-wild-3x2-0",
)
"""Cases of which one or more show each of the faults."""
SLOW = {mutation.name: n for n, mutation in enumerate(CATALOGUE, 1) if mutation.slow}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def seen() -> dict[str, dict]:
    """Of each case, the outcome with each of the faults, and with none, by its number."""
    named = {case.name: case for case in cases("default", 1)}
    numbers = (0, *SLOW.values())
    return {name: run_mutants(named[name], TINY, True, numbers) for name in USED}


def test_without_a_fault_cycles_are_the_committed_ones(seen):
    ours = committed(TINY, "", 1)
    assert {name: outcomes["0"]["cycles"] for name, outcomes in seen.items()} == {
        name: ours[name] for name in USED
    }


@pytest.mark.parametrize("name", SLOW)
def test_cycles_show_it_and_bits_do_not(name, seen):
    ours = committed(TINY, "", 1)
    found = [outcomes[str(SLOW[name])] for outcomes in seen.values()]
    assert all(outcome["passed"] for outcome in found), found
    assert any(difference(o["case"], ours[o["case"]], o["cycles"]) for o in found)
