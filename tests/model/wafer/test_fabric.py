import itertools
import math

import numpy as np
import pytest

from isa.errors import UserError
from model.wafer.bounds import bisection_seconds, credit_bytes_per_s, hop_seconds, link_seconds
from model.wafer.description import PAPER_WAFER, DieFabric, load_wafer
from model.wafer.flows import DieFlow, run_flows
from model.wafer.packets import run_packets
from model.wafer.routing import SAMPLE, ExpertRouting, zipf
from model.wafer.topology import Topology
from model.wafer.traffic import COPIES, Traffic, place

PORT = 4e12
SHAPES = ("mesh", "torus", "fat-tree")


def fabric(shape="mesh", columns=4, rows=4, **more) -> Topology:
    return Topology(DieFabric(shape=shape, columns=columns, rows=rows, leaf_dies=columns, **more))


def all_to_all(dies: int, size: float) -> list[DieFlow]:
    return [DieFlow(a, (b,), size) for a, b in itertools.permutations(range(dies), 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("columns, rows", [(4, 4), (5, 3), (1, 6), (2, 2)])
def test_routes_are_connected_and_shortest(shape, columns, rows):
    topology = fabric(shape, columns, rows)
    for a, b in itertools.permutations(range(topology.dies), 2):
        links = [topology.links[index] for index in topology.route(a, b)]
        assert (links[0].source, links[-1].target) == (a, b)
        assert all(x.target == y.source for x, y in itertools.pairwise(links))
        assert len(links) == topology._distances(b)[a]


def test_a_route_goes_round_a_broken_link():
    topology = fabric(broken=((1, 2),))
    assert topology.hops(1, 2) == 3
    assert topology.hops(0, 1) == 1


@pytest.mark.parametrize(
    "what, message",
    [
        ({"rows": 1, "columns": 2, "broken": ((0, 1),)}, "die 1 is not connected to die 0"),
        ({"broken": ((0, 9),)}, "are not neighbours"),
    ],
)
def test_what_is_not_connected_is_refused(what, message):
    with pytest.raises(UserError, match=message):
        Topology(DieFabric(**({"columns": 4, "rows": 4} | what)))


def test_a_wafer_survives_toml(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(PAPER_WAFER.to_toml())
    assert load_wafer(str(path)) == PAPER_WAFER


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            "columns = 8",
            "columns = 0",
            ", line 7: fabric.columns = 0: must be a whole",
        ),
        ("credits", "credit", "fabric.credit: there is no such field: did you"),
        ("wafer-die", "nothing", "mine.toml: die: MACHINE must be one of"),
        ('"mesh"', '"fat-tree"\nspines = 0', "fabric: spines must be at least 1"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, old, new, message):
    path = tmp_path / "mine.toml"
    text = PAPER_WAFER.to_toml()
    if "spines = 0" in new:
        text = text.replace("spines = 8\n", "")
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message) as caught:
        load_wafer(str(path))
    assert "\n" not in str(caught.value)


def test_the_papers_die_has_its_peaks():
    # arXiv 2604.02110: 1.9 GHz, 4 TB/s, and "1976 TFLOPS", which divides by 1024.
    assert PAPER_WAFER.peak_flops / 1.024e12 == pytest.approx(1976, rel=0.02)
    assert PAPER_WAFER.port_bytes_per_s == pytest.approx(4e12, rel=0.01)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_packet_takes_the_hop_bound(shape):
    topology = fabric(shape)
    for target in (1, 5, 15):
        flow, port = DieFlow(0, (target,), 4096), 1e30
        bound = hop_seconds(topology, 0, target, 4096)
        assert run_packets(topology, [flow], port)[0] == pytest.approx(bound)
        assert run_flows(topology, [flow], port).makespan() == pytest.approx(bound)


@pytest.mark.parametrize("credits", [1, 7, 60, 126, 200])
def test_a_link_carries_its_credit_window(credits):
    topology = fabric(columns=2, rows=1, credits=credits)
    size = 4096 * 4000
    bound = size / min(1e12, credit_bytes_per_s(topology))
    bound += 256e-9
    flows = [DieFlow(0, (1,), size)]
    assert run_packets(topology, flows, 1e30)[0] == pytest.approx(bound, rel=0.01)
    assert run_flows(topology, flows, 1e30).makespan() == pytest.approx(bound, rel=0.01)


@pytest.mark.parametrize("shape", ["mesh", "torus"])
@pytest.mark.parametrize("columns, rows", [(4, 4), (5, 3), (8, 2)])
def test_nobody_beats_link_and_bisection(shape, columns, rows):
    topology = fabric(shape, columns, rows)
    flows = all_to_all(topology.dies, 40960)
    bound = max(link_seconds(topology, flows), bisection_seconds(topology, 40960))
    assert run_flows(topology, flows, PORT).makespan() >= bound
    assert run_packets(topology, flows, PORT).max() >= bound


def agrees(topology: Topology, flows: list[DieFlow]) -> None:
    """Flows are at most 5 % faster than packets, and slower by no more than a route's latency."""
    fluid, packets = run_flows(topology, flows, PORT), run_packets(topology, flows, PORT).max()
    assert 0.95 * packets <= fluid.makespan() <= packets + fluid.latency.max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packets", [1, 4, 16])
def test_flows_agree_with_packets(shape, packets):
    topology, flows = fabric(shape), all_to_all(16, 4096 * packets)
    agrees(topology, flows)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_multicast_of_flows_agrees_with_packets(shape):
    topology = fabric(shape)
    others = [tuple(b for b in range(16) if b != a) for a in range(16)]
    flows = [DieFlow(a, others[a], 4096 * 32) for a in range(16)]
    agrees(topology, flows)


def test_shares_are_max_min_fair():
    topology = fabric(columns=3, rows=1)
    sizes = {(0, 2): 1e6, (0, 1): 1e6, (1, 2): 3e6}
    times = run_flows(topology, [DieFlow(a, (b,), s) for (a, b), s in sizes.items()], 1e30)
    # Both links halve their bandwidth until 2 us; then the last one has its link alone.
    assert times.draining == pytest.approx([2e-6, 2e-6, 4e-6], rel=1e-3)


def test_bytes_are_conserved():
    topology = fabric("torus")
    flows = all_to_all(16, 1000.0)
    times = run_flows(topology, flows, PORT)
    hops = sum(topology.hops(f.source, f.targets[0]) for f in flows)
    assert times.link_bytes.sum() == pytest.approx(1000 * hops)
    assert times.port_bytes.reshape(2, 16) == pytest.approx(np.full((2, 16), 15_000))


def test_even_routing_is_what_drawn_tokens_do():
    exact = ExpertRouting(256, 8)
    drawn = ExpertRouting(256, 8, popularity=(1.0,) * 256)
    assert exact.loads().sum() == pytest.approx(8)
    assert drawn.loads().sum() == pytest.approx(8)
    noise = 4 * math.sqrt(0.25 / SAMPLE)
    for wanted in (range(1), range(8), range(13, 17), range(32)):
        expected = exact.reaches(32, frozenset(wanted))
        assert drawn.reaches(32, frozenset(wanted)) == pytest.approx(expected, abs=noise)


def test_a_limit_to_groups_is_kept():
    limited, free = ExpertRouting(256, 8, 8, 4), ExpertRouting(256, 8)
    drawn = limited._drawn
    assert (drawn.sum(axis=1) == 8).all()
    assert drawn.reshape(SAMPLE, 8, 32).any(axis=2).sum(axis=1).max() == 4
    assert drawn.mean(axis=0) == pytest.approx(8 / 256, rel=0.2)
    # A token has fewer dies to go to, of those that hold a group each.
    one = frozenset({3})
    assert limited.reaches(8, one) <= 0.5 + 0.02 < free.reaches(8, one)


def test_skew_moves_load_and_keeps_tokens():
    loads = ExpertRouting(64, 4, popularity=zipf(64, 1.0)).loads()
    assert loads.sum() == pytest.approx(4)
    assert loads.max() > 4 * loads.mean()


def test_parts_of_a_grid_are_rectangles():
    eight = DieFabric(columns=8, rows=8)
    assert [len(part) for part in place(eight, 4)] == [16] * 4
    assert place(eight, 4)[0] == tuple(y * 8 + x for y in range(4) for x in range(4))
    assert sorted(die for part in place(eight, 32) for die in part) == list(range(64))
    with pytest.raises(UserError, match="3 equal parts of 64 dies"):
        place(eight, 3)


def test_fewer_copies_never_load_the_fabric_more():
    topology = fabric(columns=8, rows=4)
    traffic, routing = Traffic(topology, PORT), ExpertRouting(256, 8, 8, 4)
    groups = [tuple(range(32))]
    for collective in (traffic.dispatch, traffic.combine):
        loads = [collective(groups, routing, copies) for copies in COPIES]
        crossing = [times.link_bytes.sum() for times in loads]
        assert crossing[0] > crossing[1] > crossing[2]
        spans = [times.makespan(512 * 7168) for times in loads]
        assert spans[0] > spans[1] >= spans[2]
        # A token's copies: 8 of them, less those to its own die.
        assert loads[0].port_bytes[:32].sum() == pytest.approx(32 * 8 * 31 / 32)


def test_a_reduction_loads_the_multicast_tree_backwards():
    topology = fabric()
    traffic, routing = Traffic(topology, PORT), ExpertRouting(64, 4)
    there = traffic.dispatch([tuple(range(16))], routing, "fabric").link_bytes
    back = traffic.combine([tuple(range(16))], routing, "fabric").link_bytes
    for number, link in enumerate(topology.links):
        assert back[topology.index[link.target, link.source]] == pytest.approx(there[number])
