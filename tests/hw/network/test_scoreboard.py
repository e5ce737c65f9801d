"""The book of the network benches sees every fault that a network can have."""

import pytest

from tb.units.network import Scoreboard

SENT = [(0, 1, 0xA0), (0, 1, 0xA1), (0, 2, 0xA0), (3, 1, 0xB0)]
"""Source, target, item."""


def book():
    board = Scoreboard()
    for source, target, item in SENT:
        board.expect(source, target, item)
    return board


def test_what_was_sent_may_arrive_in_any_order_of_sources():
    board = book()
    for source, target, item in [SENT[3], SENT[0], SENT[2], SENT[1]]:
        board.check(source, target, item)
    assert not board.left and board.arrived == {1: 3, 2: 1}


def test_a_lost_item_is_missing():
    board = book()
    for source, target, item in SENT[:2] + SENT[3:]:
        board.check(source, target, item)
    assert board.left == 1 and "2 from 0: 1, next 0xa0" in str(board)


@pytest.mark.parametrize(
    "arrivals, complaint",
    [
        ([SENT[3], SENT[3]], "an item too many"),
        ([SENT[1]], "expected 0xa0, got 0xa1"),
        ([(0, 2, 0xA0), (0, 2, 0xA1)], "an item too many"),
        ([(0, 3, 0xA0)], "an item too many"),
        ([(3, 1, 0xB1)], "expected 0xb0, got 0xb1"),
        ([(5, 1, 0xA0)], "an item too many"),
    ],
    ids=["duplicate", "swap", "one member twice", "wrong member", "changed", "wrong source"],
)
def test_a_fault_is_reported(arrivals, complaint):
    board = book()
    with pytest.raises(AssertionError, match=complaint):
        for source, target, item in arrivals:
            board.check(source, target, item)
