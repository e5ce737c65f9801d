"""One reduction router alone: exact sums in the tree's order under any stalls, latency, rate,
independence, mismatches.
"""

import random

import pytest

from hw.layouts import reduce_flit
from hw.network.reduce_router import ReduceRouter
from isa.instructions import Format, ReduceOp
from isa.machine import MACHINES
from isa.packets import Port
from isa.timing import reduce_hop_cycles
from tests.hw.network.streams import Streams
from tests.hw.network.test_combine import expected, random_word
from tests.hw.network.test_route import node
from tests.hw.simulation import simulation

MACHINE = MACHINES["mesh4"]
MACHINE = MACHINE.model_copy(
    update={"mesh": MACHINE.mesh.model_copy(update={"reduce_formats": ("fp32",)})}
)
"""Storage formats have their tests in test_combine."""
FLIT = reduce_flit(MACHINE.tile)
X, Y = 1, 2
NODES = {
    # Rectangle and root for each set of inputs that is possible at (1, 2), with the output.
    (Port.LOCAL,): (dict(x0=1, y0=2, x1=3, y1=2, root_x=3, root_y=2), Port.EAST),
    (Port.WEST,): (dict(x0=0, y0=2, x1=0, y1=2, root_x=2, root_y=2), Port.EAST),
    (Port.SOUTH,): (dict(x0=1, y0=0, x1=1, y1=1, root_x=1, root_y=3), Port.NORTH),
    (Port.LOCAL, Port.WEST): (dict(x0=0, y0=2, x1=3, y1=2, root_x=3, root_y=2), Port.EAST),
    (Port.LOCAL, Port.NORTH): (dict(x0=1, y0=0, x1=1, y1=3, root_x=1, root_y=0), Port.SOUTH),
    (Port.LOCAL, Port.WEST, Port.EAST): (
        dict(x0=0, y0=2, x1=3, y1=2, root_x=1, root_y=2),
        Port.LOCAL,
    ),
    (Port.LOCAL, Port.EAST, Port.SOUTH): (
        dict(x0=0, y0=0, x1=3, y1=2, root_x=0, root_y=2),
        Port.WEST,
    ),
    (Port.LOCAL, Port.WEST, Port.SOUTH, Port.NORTH): (
        dict(x0=0, y0=0, x1=3, y1=3, root_x=3, root_y=2),
        Port.EAST,
    ),
    tuple(Port): (dict(x0=0, y0=0, x1=3, y1=3, root_x=1, root_y=2), Port.LOCAL),
}


class Bench(Streams):
    """A reduction router at (x, y), its ports as the streams, indexed by `Port`."""

    def __init__(self, *, x=X, y=Y, **options):
        shared = simulation(ReduceRouter, machine=MACHINE)
        dut, at = shared.dut, [(shared.dut.x, x), (shared.dut.y, y)]
        super().__init__(shared, list(dut.i), list(dut.o), setup=at, **options)
        self.watch = {"mismatch": dut.mismatch, "tag": dut.mismatch_tag}

    def send(self, items, cycles, **options):
        """Run with a mapping from `Port` to items."""
        return self.run([items.get(port, []) for port in Port], cycles, **options)

    def results(self, port):
        """(cycle, tag, seq, data) of what left at a port."""
        flits = zip(self.left[port], self.items(port, FLIT), strict=True)
        return [(cycle, flit["tag"], flit["seq"], flit["data"]) for (cycle, _), flit in flits]

    def mismatches(self):
        return [
            tag
            for mismatch, tag in zip(self.seen["mismatch"], self.seen["tag"], strict=True)
            if mismatch
        ]


class Collective:
    """A reduction at the router: the flits of each of its inputs there, and what must come out."""

    def __init__(self, rng, tag, shape, *, op=ReduceOp.SUM, length=20, x=X, y=Y):
        self.tag = tag
        inputs, self.out = node(shape, x, y)
        self.inputs = sorted(inputs)
        words = [[random_word(rng) for _ in range(length)] for _ in self.inputs]
        header = {
            **shape,
            "tag": tag,
            "op": int(op),
            "addr": rng.getrandbits(16),
            "sem": rng.getrandbits(5),
        }
        self.flits = {
            port: [
                {**header, "seq": seq, "bump": int(seq == length - 1), "data": data}
                for seq, data in enumerate(column)
            ]
            for port, column in zip(self.inputs, words, strict=True)
        }
        self.expected = [
            (tag, seq, expected(op, list(row))) for seq, row in enumerate(zip(*words, strict=True))
        ]


def merge(collectives):
    """What each input carries when all issue these collectives in this order."""
    return {
        port: [flit for one in collectives for flit in one.flits.get(port, [])] for port in Port
    }


@pytest.mark.parametrize("op", list(ReduceOp))
@pytest.mark.parametrize(
    "inputs", list(NODES), ids=lambda inputs: "-".join(port.name.lower() for port in inputs)
)
def test_latency_rate_and_values(inputs, op):
    shape, out = NODES[inputs]
    one = Collective(random.Random(1), 5, shape, op=op)
    assert tuple(one.inputs) == inputs and one.out == out
    bench = Bench().send(one.flits, 60)
    assert [result[1:] for result in bench.results(out)] == one.expected
    cycles = [cycle for cycle, *_ in bench.results(out)]
    assert cycles[0] == reduce_hop_cycles(op, Format.FP32, len(inputs), 1)
    last = cycles[0] + (19 if len(inputs) <= 3 else 2 * 20)
    assert cycles[-1] <= last and (len(inputs) > 3 or cycles == list(range(cycles[0], last + 1)))
    assert sum(map(len, bench.left)) == 20 and not bench.mismatches()
    assert [flit["bump"] for flit in bench.items(out, FLIT)] == [0] * 19 + [1]


@pytest.mark.parametrize("stall, gap", [(0.0, 0.3), (0.5, 0.0), (0.9, 0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_collectives_in_one_order_combine_under_any_stalls(seed, stall, gap):
    rng = random.Random(seed)
    shapes = [shape for shape, _ in NODES.values()]
    collectives = []
    for tag in range(12):
        shape, op = rng.choice(shapes), rng.choice(list(ReduceOp))
        collectives.append(Collective(rng, tag, shape, op=op, length=rng.randint(1, 8)))
    total = sum(len(one.expected) for one in collectives)
    bench = Bench(stall=stall, gap=gap, seed=seed).send(merge(collectives), 4000, until=total)
    assert not bench.mismatches()
    for one in collectives:
        assert [
            result[1:] for result in bench.results(one.out) if result[1] == one.tag
        ] == one.expected
    for i, first in enumerate(collectives):
        for later in collectives[i + 1 :]:
            if first.out == later.out and set(first.inputs) & set(later.inputs):
                tags = [
                    tag for _, tag, *_ in bench.results(first.out) if tag in (first.tag, later.tag)
                ]
                assert tags == sorted(tags), "overtaken"


def test_a_blocked_output_blocks_nothing_else():
    rng = random.Random(1)
    east = Collective(rng, 1, NODES[(Port.WEST,)][0], length=30)
    down = Collective(rng, 2, NODES[Port.LOCAL, Port.NORTH][0], length=30)
    bench = Bench(stall={port: float(port == Port.EAST) for port in Port}).send(
        merge([east, down]), 120
    )
    assert [result[1:] for result in bench.results(down.out)] == down.expected
    assert not bench.results(Port.EAST)


def test_complete_sets_take_turns():
    rng = random.Random(1)
    through = Collective(rng, 1, NODES[(Port.WEST,)][0], length=30)
    join = Collective(rng, 2, NODES[Port.LOCAL, Port.NORTH][0], op=ReduceOp.MAX, length=30)
    bench = Bench().send(merge([through, join]), 200)
    finished = {one.tag: bench.results(one.out)[-1][0] for one in (through, join)}
    assert abs(finished[1] - finished[2]) < 8


HERE = NODES[Port.LOCAL, Port.WEST][0]


@pytest.mark.parametrize(
    "other",
    [
        {"tag": 9},
        {"seq": 1},
        {"op": 1},
        {"root_x": 2},
        {"y1": 3, "y0": 2},
        {"addr": 1},
        {"sem": 1},
        {"bump": 1},
        {"turn": 1},
    ],
    ids=lambda other: next(iter(other)),
)
def test_flits_that_wait_for_each_other_are_a_mismatch(other):
    flit = {**HERE, "tag": 3}
    bench = Bench().send({Port.LOCAL: [flit], Port.WEST: [{**flit, **other}]}, 40)
    assert set(bench.mismatches()) == {3} and not any(bench.left)


def test_two_orders_are_a_mismatch():
    rng = random.Random(1)
    one, two = Collective(rng, 1, HERE), Collective(rng, 2, HERE)
    right, wrong = merge([one, two]), merge([two, one])
    bench = Bench().send({Port.LOCAL: right[Port.LOCAL], Port.WEST: wrong[Port.WEST]}, 60)
    assert set(bench.mismatches()) == {1} and not any(bench.left)


def test_a_missing_word_is_a_mismatch():
    one = Collective(random.Random(1), 1, HERE)
    del one.flits[Port.WEST][5]
    bench = Bench().send(one.flits, 80)
    assert (
        bench.mismatches()
        and [result[1:] for result in bench.results(Port.EAST)] == one.expected[:5]
    )


def test_a_flit_outside_its_own_tree_is_a_mismatch():
    bench = Bench().send({Port.NORTH: [{**HERE, "tag": 4}]}, 20)
    assert set(bench.mismatches()) == {4} and not any(bench.left)


def test_a_tag_that_stands_for_two_collectives_is_a_mismatch():
    """Neither waits for the other: the rectangles say that they do not meet here."""
    alone = {**NODES[Port.LOCAL,][0], "tag": 6}
    bench = Bench(stall={port: float(port == Port.EAST) for port in Port})
    bench.send(
        {Port.LOCAL: [alone] * 20, Port.SOUTH: [{**NODES[Port.SOUTH,][0], "tag": 6}] * 20}, 40
    )
    assert set(bench.mismatches()) == {6}


def test_waiting_for_another_collective_is_no_mismatch():
    """WEST's flit waits for LOCAL, whose head belongs to a column that still waits for NORTH:
    legal.
    """
    rng = random.Random(1)
    column = Collective(rng, 1, NODES[Port.LOCAL, Port.NORTH][0], length=3)
    row = Collective(rng, 2, HERE, length=3)
    items = merge([column, row])
    late = items.pop(Port.NORTH)
    bench = Bench().send(items, 40)
    assert not bench.mismatches() and not any(bench.left)
    bench = Bench(gap=0.7).send({**items, Port.NORTH: late}, 200)
    assert (
        not bench.mismatches()
        and [result[1:] for result in bench.results(Port.EAST)] == row.expected
    )
