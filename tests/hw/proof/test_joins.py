"""Joins that do not fit each other are named, whatever is wrong with them."""

import pytest

from hw.network.route import reduction_node
from hw.proof.deadlock import Routing, WaitCycle, check_joins
from isa.machine import load_machine


def everybody(flit, x, y):
    """Joins the tile of every router on the way, member or not."""
    (_, *links), output = reduction_node(flit, x, y)
    return (links[0] | links[1] | links[2] | links[3] | (x == x), *links), output


def no_transit(flit, x, y):
    """Forgets that what comes from a row south of this one may pass by."""
    (local, west, east, south, north), output = reduction_node(flit, x, y)
    return (local, west, east, south & local, north), output


def past_the_root(flit, x, y):
    inputs, (local, west, east, south, north) = reduction_node(flit, x, y)
    return inputs, (local & False, west, east | local, south, north)


def around_the_members(flit, x, y):
    """Sends what the eastmost column gathers two ways at once."""
    inputs, (local, west, east, south, north) = reduction_node(flit, x, y)
    return inputs, (local, west, east, south | west & (y > 0), north)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            everybody,
            r"^router \(\d,\d\): a reduction waits for a tile that is no member, "
            "or not for one that is",
        ),
        (
            no_transit,
            r"^router \(\d,\d\): the next router to the west expects a sum that never comes",
        ),
        (past_the_root, r"^router \(\d,\d\): a reduction does not end exactly at its root"),
        (around_the_members, r"^router \(\d,\d\): a sum does not go to exactly one output"),
    ],
)
def test_wrong_joins_are_named(wrong, says):
    machine = load_machine("mesh4", "4x3")
    check_joins(machine)
    with pytest.raises(WaitCycle, match=says):
        check_joins(machine, Routing(reduction=wrong))
