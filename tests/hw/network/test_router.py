"""One router alone: latency, throughput, forks that do not wait for each other, turns, order."""

import random
from functools import cache

import pytest

from hw.layouts import data_flit, request_flit
from hw.network.router import Router
from isa.machine import MACHINES
from isa.packets import Port
from tests.hw.network.streams import Streams
from tests.hw.simulation import Simulation

MACHINE = MACHINES["mesh4"]
FLIT = data_flit(MACHINE.tile)
REQUEST = request_flit(MACHINE.tile)
X, Y = 1, 2


@cache
def simulation(machine, multicast):
    payload = FLIT if multicast else REQUEST
    return Simulation(Router(machine=machine, payload=payload, multicast=multicast))


class Bench(Streams):
    """A router at (x, y), its ports as the streams, indexed by `Port`."""

    def __init__(self, *, multicast=True, x=X, y=Y, machine=MACHINE, **options):
        shared = simulation(machine, multicast)
        dut, at = shared.dut, [(shared.dut.x, x), (shared.dut.y, y)]
        super().__init__(shared, list(dut.i), list(dut.o), setup=at, **options)

    def send(self, items, cycles, **options):
        """Run with a mapping from `Port` to items."""
        return self.run([items.get(port, []) for port in Port], cycles, **options)

    def got(self, port):
        return self.items(
            port, REQUEST if "edge" in dict(self.outputs[0].payload.shape()) else FLIT
        )

    def cycles(self, port):
        return [cycle for cycle, _ in self.left[port]]


def to(x0, y0, x1=None, y1=None, **fields):
    return {
        "x0": x0,
        "y0": y0,
        "x1": x0 if x1 is None else x1,
        "y1": y0 if y1 is None else y1,
        **fields,
    }


@pytest.mark.parametrize(
    "source, target, out",
    [
        (Port.LOCAL, (3, 0), Port.EAST),
        (Port.LOCAL, (0, 3), Port.WEST),
        (Port.LOCAL, (1, 3), Port.NORTH),
        (Port.LOCAL, (1, 0), Port.SOUTH),
        (Port.LOCAL, (1, 2), Port.LOCAL),
        (Port.WEST, (3, 3), Port.EAST),
        (Port.WEST, (1, 3), Port.NORTH),
        (Port.EAST, (0, 0), Port.WEST),
        (Port.SOUTH, (1, 3), Port.NORTH),
        (Port.NORTH, (1, 2), Port.LOCAL),
    ],
)
def test_a_hop_is_one_cycle_and_every_cycle_a_flit(source, target, out):
    flits = [to(*target, data=i) for i in range(20)]
    bench = Bench().send({source: flits}, 25)
    assert bench.entered[source] == list(range(20))
    assert bench.cycles(out) == list(range(Router.latency, 20 + Router.latency))
    assert [flit["data"] for flit in bench.got(out)] == list(range(20))
    assert sum(map(len, bench.left)) == 20


def test_all_ports_at_once():
    """Five streams that do not share an output do not slow each other down."""
    flits = {
        Port.LOCAL: [to(1, 0)] * 20,
        Port.WEST: [to(3, 2)] * 20,
        Port.EAST: [to(0, 2)] * 20,
        Port.SOUTH: [to(1, 3)] * 20,
        Port.NORTH: [to(1, 2)] * 20,
    }
    bench = Bench().send(flits, 25)
    assert all(bench.cycles(port) == list(range(1, 21)) for port in Port)


def test_a_multicast_leaves_everywhere_in_one_cycle():
    bench = Bench().send({Port.LOCAL: [to(0, 0, 3, 3, data=i) for i in range(20)]}, 25)
    assert all(bench.cycles(port) == list(range(1, 21)) for port in Port)


@pytest.mark.parametrize("blocked", list(Port))
def test_a_blocked_branch_does_not_hold_its_siblings(blocked):
    stall = {port: float(port == blocked) for port in Port}
    bench = Bench(stall=stall).send({Port.LOCAL: [to(0, 0, 3, 3, data=i) for i in range(5)]}, 30)
    for port in Port:
        # The siblings take the first flit and not the second: it waits behind the first.
        assert [flit["data"] for flit in bench.got(port)] == ([] if port == blocked else [0])


@pytest.mark.parametrize("stall, gap", [(0.5, 0.0), (0.9, 0.3), (0.2, 0.6)])
@pytest.mark.parametrize("depth", [2, 3])
def test_everything_arrives_once_and_in_order(stall, gap, depth):
    rng = random.Random(f"{stall} {gap} {depth}")
    machine = MACHINE.model_copy(
        update={"mesh": MACHINE.mesh.model_copy(update={"fifo_depth": depth})}
    )
    flits, expected = {}, {port: {} for port in Port}
    for source in Port:
        flits[source] = []
        for number in range(25):
            data = source << 16 | number
            x0, x1 = sorted(rng.choices(range(4), k=2))
            y0, y1 = sorted(rng.choices(range(4), k=2))
            if source in (Port.SOUTH, Port.NORTH):
                x0, x1 = min(x0, X), max(x1, X)
            west = x0 < X and source in (Port.LOCAL, Port.EAST)
            east = x1 > X and source in (Port.LOCAL, Port.WEST)
            column = x0 <= X <= x1
            outs = {
                Port.LOCAL: column and y0 <= Y <= y1,
                Port.WEST: west,
                Port.EAST: east,
                Port.SOUTH: column and y0 < Y and source != Port.SOUTH,
                Port.NORTH: column and y1 > Y and source != Port.NORTH,
            }
            for out, goes in outs.items():
                if goes:
                    expected[out].setdefault(source, []).append(data)
            flits[source].append(to(x0, y0, x1, y1, data=data))
    copies = sum(len(data) for sources in expected.values() for data in sources.values())
    bench = Bench(stall=stall, gap=gap, machine=machine).send(flits, 3000, until=copies)
    for out in Port:
        got = [flit["data"] for flit in bench.got(out)]
        for source in Port:
            assert [data for data in got if data >> 16 == source] == expected[out].get(
                source, []
            ), (out, source)


def test_inputs_take_turns():
    flits = {port: [to(X, Y, data=port)] * 20 for port in Port}
    got = [flit["data"] for flit in Bench().send(flits, 52).got(Port.LOCAL)]
    assert len(got) >= 50 and all(got[i] != got[i + k] for i in range(45) for k in range(1, 5))


@pytest.mark.parametrize(
    "x, y, port", [(0, 1, Port.WEST), (3, 1, Port.EAST), (1, 0, Port.SOUTH), (1, 3, Port.NORTH)]
)
def test_outer_ports_inject(x, y, port):
    bench = Bench(x=x, y=y).send({port: [to(0, 0, 3, 3, data=i) for i in range(10)]}, 15)
    for out in Port:
        dx, dy = {
            Port.LOCAL: (0, 0),
            Port.WEST: (-1, 0),
            Port.EAST: (1, 0),
            Port.SOUTH: (0, -1),
            Port.NORTH: (0, 1),
        }[out]
        inside = 0 <= x + dx < 4 and 0 <= y + dy < 4
        assert bench.cycles(out) == (list(range(1, 11)) if inside else []), out


@pytest.mark.parametrize("source", list(Port))
def test_requests_leave_by_the_named_edge_or_go_on(source):
    here = {
        edge: {"x": X, "y": Y, "edge": edge, "data": edge}
        for edge in range(4)
        if edge + 1 != source
    }
    bench = Bench(multicast=False).send({source: list(here.values())}, 12)
    for edge in range(4):
        assert [flit["edge"] for flit in bench.got(edge + 1)] == ([edge] if edge in here else [])
    assert not bench.got(Port.LOCAL)


@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
def test_requests_arrive_once_in_order_and_fairly(stall):
    flits = {
        port: [{"x": X, "y": Y, "edge": 3, "data": port << 8 | i} for i in range(20)]
        for port in Port
        if port != 4
    }
    got = [
        flit["data"]
        for flit in Bench(multicast=False, stall=stall).send(flits, 3000, until=80).got(Port.NORTH)
    ]
    for port in flits:
        assert [data & 0xFF for data in got if data >> 8 == port] == list(range(20))
    turns = [data >> 8 for data in got]
    assert all(sorted(turns[i : i + 4]) == [0, 1, 2, 3] for i in range(4, 60, 4)) or stall


def test_refuses_a_payload_that_cannot_be_routed():
    with pytest.raises(
        TypeError, match=r"^Payload must have the fields x, y, edge, and lacks x, y, edge$"
    ):
        Router(machine=MACHINE, payload=FLIT, multicast=False)
