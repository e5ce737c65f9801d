"""What `make noc` plans, times, works out and writes; the RTL itself only in the slow test, on a
mesh of four tiles.
"""

import numpy as np
import pytest
from rich.console import Console

from isa.errors import UserError
from isa.geometry import Rectangle
from isa.machine import load_machine
from isa.status import Event
from programs.collectives.collective import Collective
from publish.noc.tasks import machine_of_options, measure_lanes, mesh_tasks
from scripts import noc
from tb.collectives.crowds import busiest_port, crowd_lane, crowds
from tb.collectives.measure import Timing, check, read_timings, run_golden
from tb.collectives.series import Item, SeriesLane, plan
from tb.collectives.sweep import candidates, lanes_of, runs
from tb.tasks import Task, Workers, run_tasks

EVENTS = [
    ("cycle", np.int64),
    ("x", np.int64),
    ("y", np.int64),
    ("kind", np.int64),
    ("tag", np.int64),
]


def test_every_planned_item_is_right_on_golden(machine):
    for task in mesh_tasks(machine, quick=True, seed=3):
        made = plan(machine, task.arguments["lanes"], seed=3)
        assert check(made, run_golden(made), "golden") > 0


def test_a_wrong_bit_is_named(machine):
    made = plan(machine, crowd_lane(machine, 4))
    dumped = run_golden(made)
    item = made.lanes[0].items[0]
    made.results((1, 0), dumped)[9] ^= 1
    with pytest.raises(
        UserError,
        match=rf"RTL: \('crowd', '{item.key[1]}'\) at tile \(1, 0\): "
        "1 of 16 elements differ, first element 2",
    ):
        check(made, dumped, "RTL")


def test_runs_hold_every_item_once(machine):
    filled = runs(machine, {"row4": [0], "row2": [1]})
    keys = [
        item.key for lanes in filled for lane in lanes for item in lane.items if len(item.key) == 5
    ]
    assert len(keys) == len(set(keys))
    wanted = [
        candidate.item.key for shape in ("row4", "row2") for candidate in candidates(machine, shape)
    ]
    assert sorted(map(str, keys)) == sorted(map(str, wanted))
    assert lanes_of("row2", machine, [1]) == [(0, 1), (2, 1)]
    for lanes in filled:
        places = [lane.rectangle for lane in lanes]
        assert len(set(places)) == len(places)


def test_timings_are_read_off_events():
    c = Collective("reduce", "hardware", Rectangle(0, 0, 1, 0), (0, 0), 2, 0, 0, tag=1)
    after = Collective("reduce", "tree", Rectangle(0, 0, 1, 0), (0, 0), 2, 0, 0, tag=2)
    lane = SeriesLane(
        Rectangle(0, 0, 1, 0),
        [Item(("first",), (c,), marked=True), Item(("second",), (after,), marked=True)],
    )
    issue, inject, data, word = Event.ISSUE_OUT, Event.INJECT, Event.WRITE_DATA, Event.WRITE_REDUCE
    events = [
        (10, 0, 0, issue, 1),
        (11, 1, 0, issue, 1),
        (13, 0, 0, inject, 1),
        (20, 0, 0, word, 1),
        (21, 0, 0, word, 1),
        (25, 0, 0, issue, 254),
        (26, 0, 0, data, 254),
        (40, 1, 0, issue, 2),
        (44, 1, 0, inject, 2),
        (48, 0, 0, data, 2),
        (49, 0, 0, data, 2),
        (70, 0, 0, issue, 254),
        (41, 0, 1, issue, 1),
    ]
    seen = read_timings([lane], np.array(events, EVENTS))
    assert seen["first",] == Timing(cycles=12, startup=3, skew=1, first=10)
    assert seen["second",] == Timing(cycles=66 - 40 + 1, startup=4, skew=0, first=40)


def test_items_that_overlap_are_refused():
    items = [
        Item(
            (n,),
            (Collective("multicast", "hardware", Rectangle(0, 0, 1, 0), (0, 0), 1, 0, 0, tag=n),),
        )
        for n in (1, 2)
    ]
    rows = [
        (5, 0, 0, Event.ISSUE_OUT, 1),
        (6, 0, 0, Event.INJECT, 1),
        (9, 1, 0, Event.WRITE_DATA, 1),
    ]
    rows += [
        (8, 0, 0, Event.ISSUE_OUT, 2),
        (9, 0, 0, Event.INJECT, 2),
        (12, 1, 0, Event.WRITE_DATA, 2),
    ]
    with pytest.raises(UserError, match="began in cycle 8, the item before it ended in 9"):
        read_timings([SeriesLane(Rectangle(0, 0, 1, 0), items)], np.array(rows, EVENTS))


@pytest.mark.parametrize(
    ("name", "flits"),
    [
        ("every row multicasts", 64),
        ("every row all-reduces", 64),
        ("all-gather in every row", 256),
        ("rows and columns multicast", 128),
        ("broadcasts from four corners", 256),
        ("4 reductions per row, one behind the other", 256),
        ("columns multicast, rows reduce", 128),
    ],
)
def test_busiest_ports(machine, name, flits):
    assert busiest_port(crowds(machine)[name]) == flits


def test_a_source_outside_passes_more_than_its_members_take():
    outside = Collective("multicast", "hardware", Rectangle(2, 1, 3, 1), (0, 0), 5, 0, 0)
    assert busiest_port((outside, outside)) == 10
    assert (
        busiest_port(
            (outside, Collective("multicast", "hardware", Rectangle(2, 0, 2, 0), (1, 0), 7, 0, 0))
        )
        == 12
    )


def test_tasks_run_in_processes_and_stop_at_the_first_failure():
    quiet = Console(quiet=True)
    tasks = [Task(f"task {n}", dict, {"words": n}) for n in range(3)]
    assert run_tasks(tasks, Workers(2), quiet) == {f"task {n}": {"words": n} for n in range(3)}
    bad = Task("bad one", load_machine, {"name": "cray"})
    with pytest.raises(UserError, match=r"^bad one: MACHINE must be one of .* not 'cray'$"):
        run_tasks([bad, *tasks], Workers(1), quiet)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick", "yes"], "QUICK must be 0 or 1, not 'yes'"),
        (["--mesh", "1x4"], "MESH must hold a row of at least 2 tiles, 1x4 does not"),
        (["--mesh", "4by2"], "MESH must be COLUMNSxROWS"),
        (["--machine", "cray"], "MACHINE must be one of"),
        (["--seed", "-1"], "SEED must be a whole number from 0 up, not '-1'"),
        (["--jobs", "0"], "JOBS must be a whole number from 1 up, not '0'"),
    ],
)
def test_bad_options_get_one_line(arguments, message, monkeypatch):
    monkeypatch.setattr("sys.argv", ["noc", *arguments])
    with pytest.raises(UserError, match=f"^{message}"):
        noc.run()


@pytest.mark.slow
def test_a_small_mesh_is_measured_on_the_rtl():
    machine = machine_of_options("mesh8", "2x2")
    lanes = runs(machine, {"row2": None}, lengths=(1, 16, 64))[0]
    seen = measure_lanes(machine, lanes, 1)
    assert seen["flits_checked"] > 500
    timings = seen["timings"]
    assert all(timing.skew == 0 for timing in timings.values())
    for kind in ("multicast", "reduce"):
        assert timings["row2", kind, "hardware", 64, None].cycles <= 1.25 * 65
        assert timings["row2", kind, "hardware", 1, None].startup <= 8
