"""The tour's pages are made only of runs that are what their text says."""

from copy import deepcopy

import pytest

from isa.errors import UserError
from publish.results import kept
from publish.tour.page import MAKERS, check


@pytest.fixture
def found() -> dict:
    return deepcopy(kept("tour"))


def test_a_table_shows_what_was_measured(found):
    found["tables"]["stalls"]["rows"][0][1] = "4711"
    made = MAKERS["stalls"](found).splitlines()
    assert made[0].startswith("| cycles | length |") and "| 4711 |" in made[2]
    assert len(made) == 2 + len(found["tables"]["stalls"]["rows"])


def _one_more(found):
    found["tables"]["one block"]["rows"][0][-1] = "77"


def _mismatch(found):
    found["window"] |= {"mismatches": 1, "problems": ["word 3 is missing"]}


def _no_fault_seen(found):
    found["tables"]["faults"]["rows"][1][1] = "0"


def _stall_for_l1(found):
    found["tables"]["stalls"]["rows"][0][4] = "L1"


def _never_late(found):
    for row in found["tables"]["vector"]["rows"]:
        row[2] = "100"


def _late_by_itself(found):
    for row in found["tables"]["vector"]["rows"]:
        row[3] = "0"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_one_more, "the VCD and the golden machine list different collectives"),
        (_mismatch, "word 3 is missing"),
        (_no_fault_seen, "nothing was seen of `FAULT=wrong-root`"),
        (_stall_for_l1, "the longest stall does not wait for a semaphore"),
        (_never_late, "no exponential is late while a sum is under way"),
        (_late_by_itself, "the late exponential does not wait for L1"),
    ],
)
def test_a_wrong_result_is_rejected_by_every_maker(found, spoil, says):
    assert check(found) is found
    spoil(found)
    for make in MAKERS.values():
        with pytest.raises(UserError, match=f"^the tour: {says}"):
            make(found)
