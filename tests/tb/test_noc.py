"""Whole router networks under traffic: nothing lost, no hang; and a broken fork, and every kind of
fault, are noticed.
"""

from itertools import product

import numpy as np
import pytest

from hw.layouts import data_flit, reduce_flit
from isa.machine import MACHINES
from isa.packets import Port
from isa.routes import forked
from tb.noc import deadlock_set, faults, random_traffic, saturation, zero_load
from tb.noc.book import Book
from tb.noc.deadlock import ILLEGAL, PATTERNS
from tb.noc.flits import Packing
from tb.noc.injection import KINDS
from tb.noc.orders import disagreements
from tb.noc.patterns import bound, chances
from tb.noc.play import Outcome
from tb.noc.walk import rectangles
from tests.tb.broken import LockingRouter

ROW = "4x1"
"""A mesh that is soon built and large enough for every pattern in a row."""


def locking(machine):
    return LockingRouter(machine=machine, payload=data_flit(machine.tile), multicast=True)


def test_random_traffic_arrives_once_in_order_everywhere():
    result = random_traffic(ROW, 1, 60_000, quick=True)
    assert result["flits"] >= 50_000 and not result["hangs"]
    report = result["coverage"]["data"]
    assert report["fork"]["seen"] == report["fork"]["bins"] and not any(
        row["unforeseen"] for row in report.values()
    )
    assert report["split"]["seen"] >= 0.9 * report["split"]["bins"] > 0


@pytest.mark.parametrize("stall", [0.0, 0.9])
@pytest.mark.parametrize("pattern", ["two multicasts a row", "row all-gather"])
def test_multicasts_do_not_hang(pattern, stall):
    assert deadlock_set(pattern, 50, stall, mesh=ROW)["hangs"] == 0


@pytest.mark.parametrize("pattern", ["two multicasts a row", "row all-gather"])
def test_outputs_locked_across_a_packet_hang(pattern):
    result = deadlock_set(pattern, 50, mesh=ROW, router=locking)
    assert result["hangs"] > 10 and result["hangs_by_length"].get(1, 0) == 0


def test_every_fault_of_a_link_is_caught():
    result = faults(True, mesh="2x1", count=25)
    assert result["caught"] == result["injected"]
    assert all(row["injected"] >= 5 for row in result["table"]) and {
        row["fault"] for row in result["table"]
    } == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("pattern, stall", list(product(PATTERNS, [0.0, 0.5, 0.9])))
def test_the_deadlock_set_on_4x4(pattern, stall):
    assert deadlock_set(pattern, 500, stall)["hangs"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_deadlock_set_hangs_a_locking_router(pattern):
    assert deadlock_set(pattern, 500, router=locking)["hangs"] > 250


@pytest.mark.slow
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_two_orders_of_reductions_are_reported_and_never_summed(stall):
    result = deadlock_set(ILLEGAL, 200, stall, mesh="3x2")
    assert (
        result["errors"] == 200
        and not result["hangs"]
        and not result["wrong"]
        and result["slowest"] < 1000
    )
    assert not any(
        disagreements(kind, 50, mesh="3x2")["wrong"]
        for kind in ("rectangle", "root", "op", "length")
    )


@pytest.mark.slow
def test_reductions_are_exact_and_their_faults_are_caught():
    assert not random_traffic("3x2", 1, 300_000)["hangs"]
    result = faults(mesh="3x2")
    assert result["caught"] == result["injected"] > 100


@pytest.mark.slow
def test_latency_and_saturation():
    result = zero_load("4x4", quick=True)
    assert result["cycles_per_hop"] == 1
    assert all(cycles == length + 3 for length, cycles in result["multicast_row4"].items())
    assert saturation("4x4", "uniform", quick=True)["saturation"] >= 0.65
    assert saturation("4x4", "neighbour", quick=True)["saturation"] >= 0.99


@pytest.mark.parametrize("layout", [data_flit, reduce_flit])
def test_flits_are_packed_as_the_hardware_does(layout):
    layout = layout(MACHINES["mesh4"].tile)
    rng = np.random.default_rng(1)
    packing = Packing(layout)
    fields = {
        name: int(rng.integers(1 << min(field.width, 31)))
        for name, field in layout
        if name != "data"
    }
    data = rng.integers(0, 1 << 32, 4, dtype=np.uint32)
    whole = int.from_bytes(data.astype("<u4").tobytes(), "little")
    kinds = {"kind": fields["kind"] % 3} if "kind" in fields else {}
    flits = packing.pack(3, **{**fields, **kinds}, data=data)
    bits = layout.const({**fields, **kinds, "data": whole}).as_value().value
    assert all(int.from_bytes(flit.astype("<u4").tobytes(), "little") == bits for flit in flits)
    assert packing.get(flits, "y1").tolist() == [fields["y1"]] * 3
    packing.clear(flits, "y1")
    assert not packing.get(flits, "y1").any() and (packing.get(flits, "x1") == fields["x1"]).all()


SENT = [(0, 5), (0, 6), (1, 5), (2, 5), (2, 6)]
"""(item, target): items 0 and 1 come from source 0, item 2 from source 3."""


def judged(arrivals, changed=()):
    flits = np.arange(3, dtype=np.uint32)[:, None]
    book = Book(
        np.array([0, 0, 3]), flits, *np.array(SENT).T, identify=lambda words: words[:, 0] & 0xFF
    )
    item, target = np.array(arrivals).T
    order = np.argsort(target, kind="stable")
    got = flits[item].copy()
    got[list(changed)] |= 0x100
    outcome = Outcome(
        cycles=9,
        hung=False,
        entered=np.zeros(3, int),
        target=target[order],
        cycle=np.arange(len(item)),
        flits=got[order],
        broken=0,
        mismatch=0,
        alarm=None,
    )
    return book.check(outcome).faults


def test_sources_may_arrive_in_any_order():
    assert judged(SENT) == judged([SENT[3], SENT[0], SENT[4], SENT[2], SENT[1]]) == {}


@pytest.mark.parametrize(
    "arrivals, fault",
    [
        (SENT[:4], {"missing": 1}),
        (SENT + SENT[:1], {"extra": 1}),
        ([SENT[2], SENT[1], SENT[0], *SENT[3:]], {"reordered": 2}),
        ([*SENT[:4], (2, 7)], {"missing": 1, "extra": 1}),
    ],
    ids=["lost", "twice", "swapped", "wrong end"],
)
def test_the_book_names_what_is_wrong(arrivals, fault):
    assert judged(arrivals) == fault


def test_the_book_compares_every_bit():
    assert judged(SENT, changed=[3]) == {"corrupted": 1}


@pytest.mark.parametrize("side", [2, 4, 8])
def test_the_bound_of_uniform_traffic_is_that_of_the_middle_links(side):
    mesh = MACHINES["mesh4"].with_mesh(f"{side}x{side}").mesh
    assert bound("uniform", mesh) == pytest.approx(min(1, 4 / side))
    assert bound("neighbour", mesh) == 1
    assert all(
        chances(name, mesh).sum(axis=1) == pytest.approx(1)
        for name in ("hotspot", "transpose", "tornado")
    )


def test_routes_reach_every_tile_of_a_rectangle_once():
    mesh = MACHINES["mesh4"].with_mesh("3x2").mesh
    for rectangle in rectangles(mesh):
        x0, y0, x1, y1 = rectangle
        for start in product(range(3), range(2)):
            queue, reached = [(*start, 0)], []
            for x, y, port in queue:
                outputs = forked(mesh, rectangle, (x, y), port)
                reached += [(x, y)] * (Port.LOCAL in outputs)
                steps = ((1, -1, 0, 2), (2, 1, 0, 1), (3, 0, -1, 4), (4, 0, 1, 3))
                queue += [(x + dx, y + dy, into) for out, dx, dy, into in steps if out in outputs]
            assert sorted(reached) == sorted(product(range(x0, x1 + 1), range(y0, y1 + 1)))
