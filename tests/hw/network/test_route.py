"""The trees, walked in Python over what the hardware computes: every member once, from every
source, on any mesh.
"""

import itertools
import random
from collections import Counter

import pytest
from amaranth import Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.layouts import COORDINATE
from hw.network.route import multicast_branches, reduction_node, request_branches
from isa.geometry import OPPOSITE, STEP
from isa.packets import Port

MESHES = [(1, 4), (4, 1), (3, 2), (4, 4)]
FLIT = data.StructLayout(
    {**dict.fromkeys(("x0", "y0", "x1", "y1", "root_x", "root_y", "x", "y"), COORDINATE), "edge": 2}
)


class Routes(wiring.Component):
    """All the route functions of a router."""

    def __init__(self, rows):
        self._rows = rows
        super().__init__(
            {
                "flit": In(FLIT),
                "x": In(COORDINATE),
                "y": In(COORDINATE),
                "multicast": Out(5).array(5),
                "request": Out(5),
                "inputs": Out(5),
                "output": Out(5),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.multicast[port].eq(
                Cat(*multicast_branches(self.flit, self.x, self.y, port, self._rows - 1))
            )
            for port in Port
        ]
        inputs, output = reduction_node(self.flit, self.x, self.y)
        m.d.comb += [
            self.request.eq(Cat(*request_branches(self.flit, self.x, self.y))),
            self.inputs.eq(Cat(*inputs)),
            self.output.eq(Cat(*output)),
        ]
        return m


def evaluate(rows, body):
    """Run `body(look)`; `look(flit, x, y)` gives the outputs of `Routes`."""
    dut = Routes(rows)
    sim = Simulator(dut)

    async def bench(ctx):
        def look(flit, x, y):
            ctx.set(dut.flit, flit)
            ctx.set(dut.x, x)
            ctx.set(dut.y, y)
            return ctx

        body(look, dut)

    sim.add_testbench(bench)
    sim.run()


def rectangles(columns, rows):
    for x0, y0 in itertools.product(range(columns), range(rows)):
        for x1, y1 in itertools.product(range(x0, columns), range(y0, rows)):
            yield {"x0": x0, "y0": y0, "x1": x1, "y1": y1}


def members(r):
    return set(itertools.product(range(r["x0"], r["x1"] + 1), range(r["y0"], r["y1"] + 1)))


def sources(columns, rows):
    """Every tile, and every outer port."""
    for x, y in itertools.product(range(columns), range(rows)):
        yield x, y, Port.LOCAL
        for port, (dx, dy) in STEP.items():
            if not (0 <= x + dx < columns and 0 <= y + dy < rows):
                yield x, y, port


def ports_of(mask):
    return [port for port in Port if mask >> port & 1]


@pytest.mark.parametrize("columns, rows", MESHES)
def test_a_multicast_reaches_every_member_once_from_everywhere(columns, rows):
    def body(look, dut):
        for rectangle in rectangles(columns, rows):
            branches = {}
            for x, y in itertools.product(range(columns), range(rows)):
                ctx = look(rectangle, x, y)
                for port in Port:
                    branches[x, y, port] = ports_of(ctx.get(dut.multicast[port]))
            for source in sources(columns, rows):
                reached, routers, queue = Counter(), Counter(), [source]
                while queue:
                    x, y, port = queue.pop()
                    routers[x, y] += 1
                    for out in branches[x, y, port]:
                        if out == Port.LOCAL:
                            reached[x, y] += 1
                            continue
                        x1, y1 = x + STEP[out][0], y + STEP[out][1]
                        assert 0 <= x1 < columns and 0 <= y1 < rows, (
                            f"{rectangle} from {source} leaves at {x, y}"
                        )
                        queue.append((x1, y1, OPPOSITE[out]))
                assert reached == Counter(members(rectangle)), f"{rectangle} from {source}"
                assert max(routers.values()) == 1, (
                    f"{rectangle} from {source} passes a router twice"
                )

    evaluate(rows, body)


@pytest.mark.parametrize("columns, rows", MESHES)
def test_a_request_arrives_at_its_outer_port(columns, rows):
    def body(look, dut):
        channels = [source for source in sources(columns, rows) if source[2] != Port.LOCAL]
        for x, y, port in channels:
            flit = {"x": x, "y": y, "edge": port - 1}
            for start in itertools.product(range(columns), range(rows)):
                here, came, hops = start, Port.LOCAL, 0
                while True:
                    (out,) = ports_of(look(flit, *here).get(dut.request))
                    assert out != came
                    if here == (x, y):
                        break
                    here, came, hops = (
                        (here[0] + STEP[out][0], here[1] + STEP[out][1]),
                        OPPOSITE[out],
                        hops + 1,
                    )
                assert out == port and hops == abs(start[0] - x) + abs(start[1] - y)

    evaluate(rows, body)


def node(r, x, y):
    """The reduction tree as docs/network.md states it."""
    inside = (x, y) in members(r)
    south, north, west, east = r["y0"] < y, r["y1"] > y, r["x0"] < x, r["x1"] > x
    columns = r["x0"] <= x <= r["x1"]
    inputs = {Port.LOCAL} if inside else set()
    if y != r["root_y"]:
        if not columns:
            return None
        below = y < r["root_y"]
        inputs |= (
            {Port.SOUTH} if below and south else {Port.NORTH} if not below and north else set()
        )
        return inputs, Port.NORTH if below else Port.SOUTH
    if columns:
        inputs |= ({Port.SOUTH} if south else set()) | ({Port.NORTH} if north else set())
    if x <= r["root_x"] and west:
        inputs |= {Port.WEST}
    if x >= r["root_x"] and east:
        inputs |= {Port.EAST}
    return inputs, Port.EAST if x < r["root_x"] else Port.WEST if x > r["root_x"] else Port.LOCAL


@pytest.mark.parametrize("columns, rows", MESHES)
def test_a_reduction_gathers_every_member_once_at_the_root(columns, rows):
    cases = [
        {**rectangle, "root_x": root_x, "root_y": root_y}
        for rectangle in rectangles(columns, rows)
        for root_x, root_y in itertools.product(range(columns), range(rows))
    ]
    cases = random.Random(1).sample(cases, min(len(cases), 300))

    def body(look, dut):
        for case in cases:
            nodes = {}
            for x, y in itertools.product(range(columns), range(rows)):
                expected = node(case, x, y)
                if expected is None:
                    continue
                ctx = look(case, x, y)
                (out,) = ports_of(ctx.get(dut.output))
                nodes[x, y] = set(ports_of(ctx.get(dut.inputs))), out
                assert nodes[x, y] == expected, f"{case} at {x, y}"
            # Backwards from the root along the inputs: a tree over all members whose links are
            # outputs of their routers.
            gathered, queue = Counter(), [(case["root_x"], case["root_y"], Port.LOCAL)]
            while queue:
                x, y, port = queue.pop()
                inputs, out = nodes[x, y]
                assert inputs and out == port, f"{case} at {x, y}"
                for source in inputs:
                    if source == Port.LOCAL:
                        gathered[x, y] += 1
                    else:
                        queue.append((x + STEP[source][0], y + STEP[source][1], OPPOSITE[source]))
            assert gathered == Counter(members(case)), case

    evaluate(rows, body)
