"""The waits-for graph: complete, without a cycle on every mesh, and with one as soon as something
is built wrong.
"""

import itertools
import time
from types import SimpleNamespace

import numpy as np
import pytest

from hw.emit import emit
from hw.layouts import data_flit, request_flit
from hw.mesh.mesh import Mesh
from hw.network.route import multicast_branches, reduction_node, request_branches
from hw.network.router import Router
from hw.proof.deadlock import Routing, WaitCycle, check_acyclic, waits_for
from hw.proof.views import Views
from hw.proof.waits import WaitGraph
from isa.geometry import OPPOSITE, STEP
from isa.machine import MACHINES, Hbm, load_machine
from isa.packets import Port

PORTS = [port.name.lower() for port in Port]
PLACEMENTS = [
    {"west_pitch": 1, "south_pitch": 1},
    {"south_pitch": 1},
    {"west_pitch": 2},
    {"east_pitch": 1, "north_pitch": 3},
    dict.fromkeys(("west_pitch", "east_pitch", "south_pitch", "north_pitch"), 1),
]


def mesh(spec, **placement):
    machine = load_machine("mesh4", spec)
    return (
        machine.model_copy(update={"hbm": Hbm(bytes_per_cycle=8, **placement)})
        if placement
        else machine
    )


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("spec", ["1x1", "2x2", "1x6", "6x1", "3x2", "5x3", "8x8"])
def test_no_cycle_on_any_mesh(spec, placement):
    machine = mesh(spec, **placement)
    check_acyclic(machine)
    names = {name for edge in waits_for(machine).named() for name in edge}
    for x, y in itertools.product(range(machine.mesh.columns), range(machine.mesh.rows)):
        assert {
            f"{what} of ({x},{y})"
            for what in ("data local", "request local", "reduce local", "out engine")
        } <= names
    for channel in machine.channels:
        assert f"{channel.edge} channel's answers of ({channel.x},{channel.y})" in names


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_no_cycle_on_any_named_machine_in_two_seconds(name):
    started = time.process_time()
    check_acyclic(MACHINES[name])
    assert time.process_time() - started < 2.5


def rectangles(columns, rows):
    for x0, y0 in itertools.product(range(columns), range(rows)):
        for x1, y1 in itertools.product(range(x0, columns), range(y0, rows)):
            yield dict(zip(("x0", "y0", "x1", "y1"), map(np.int64, (x0, y0, x1, y1)), strict=True))


@pytest.mark.parametrize("spec", ["1x1", "1x4", "4x1", "3x2", "3x4"])
def test_a_few_views_stand_for_all_rectangles(spec):
    """The links in the graph are those that some rectangle (and root) uses, tried one by one."""
    machine = mesh(spec)
    columns, rows = machine.mesh.columns, machine.mesh.rows
    tiles = list(itertools.product(range(columns), range(rows)))

    def name(network, x, y, out):
        if out == Port.LOCAL:
            return f"ejector {network} of ({x},{y})"
        return f"{network} {OPPOSITE[out].name.lower()} of ({x + STEP[out][0]},{y + STEP[out][1]})"

    entries = {(c.x, c.y, c.edge) for c in machine.channels}
    expected = set()
    for rectangle, (x, y) in itertools.product(rectangles(columns, rows), tiles):
        for port in Port:
            dx, dy = STEP.get(port, (0, 0))
            if (x + dx, y + dy) not in tiles and (x, y, port.name.lower()) not in entries:
                continue
            outs = multicast_branches(
                SimpleNamespace(**rectangle), np.int64(x), np.int64(y), port, rows - 1
            )
            expected |= {
                (f"data {PORTS[port]} of ({x},{y})", name("data", x, y, out))
                for out in Port
                if outs[out]
            }
        for root_x, root_y in tiles:
            flit = SimpleNamespace(**rectangle, root_x=np.int64(root_x), root_y=np.int64(root_y))
            inputs, outs = reduction_node(flit, np.int64(x), np.int64(y))
            for source, out in itertools.product(Port, Port):
                if inputs[source] and outs[out]:
                    sums = f"sums to {PORTS[out]} of ({x},{y})"
                    expected |= {
                        (f"reduce {PORTS[source]} of ({x},{y})", sums),
                        (sums, name("reduce", x, y, out)),
                    }
                if inputs[source] and inputs[out] and source != out:
                    expected.add(
                        (
                            f"reduce {PORTS[source]} of ({x},{y})",
                            f"part at {PORTS[out]} of ({x},{y})",
                        )
                    )
    routed = ("data ", "reduce ", "sums ")
    seen = {edge for edge in waits_for(machine).named() if edge[0].startswith(routed)}
    assert seen == expected


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_output_that_a_flit_may_wait_for_is_built(placement):
    """A router leaves out crossings that no flit takes; one left out too many would hold its flit
    for ever.
    """
    machine = mesh("3x3", **placement)
    tile = machine.tile
    routers = {
        "data": Router(machine=machine, payload=data_flit(tile), multicast=True),
        "request": Router(machine=machine, payload=request_flit(tile), multicast=False),
    }
    leaves = {f"{port.name.lower()} channel's arrivals": port for port in Port} | {
        "ejector data": Port.LOCAL
    }
    seen = set()
    for waiting, wanted in waits_for(machine).named():
        (network, _, here), (kind, _, there) = waiting.partition(" "), wanted.partition(" ")
        if network in routers:
            source = Port[here.split(" of ")[0].upper()]
            out = (
                leaves.get(wanted.split(" of ")[0])
                if kind != network
                else OPPOSITE[Port[there.split(" of ")[0].upper()]]
            )
            seen.add((network, source, out))
            assert routers[network]._possible(source, out), f"{waiting} waits for {wanted}"
    assert ("data", Port.LOCAL, Port.LOCAL) in seen and len(seen) > 20


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_neighbours_see_the_same_rectangle(length):
    """What `Views.seen` brings from one router to the next: all pairs of views that one rectangle
    gives, no others.
    """
    machine = mesh(f"{length}x1")
    views = Views(machine, roots=True)
    signs = [
        tuple(int(np.sign(getattr(views, field)[0, 0, k, 0])) for field in ("x0", "x1", "root_x"))
        for k in range(18)
    ]
    for x, step in itertools.product(range(length), (-1, 1)):
        if not 0 <= x + step < length:
            continue
        pairs = set()
        for x0, x1, root in itertools.product(range(length), repeat=3):
            if x0 <= x1:
                pairs.add(
                    tuple(
                        signs.index(tuple(int(np.sign(c - at)) for c in (x0, x1, root)))
                        for at in (x, x + step)
                    )
                )
        for view in range(18):
            one = np.zeros_like(views.exists)
            one[x, 0, view] = views.exists[x, 0, view]
            seen = views.seen(one, Port.EAST if step > 0 else Port.WEST)
            assert {k for _, _, k, _ in np.argwhere(seen)} == {
                there for here, there in pairs if here == view
            }


def cycle_of(graph: WaitGraph) -> list[str]:
    """A cycle, after checking that it is one."""
    cycle = graph.cycle()
    assert cycle and cycle[0] == cycle[-1] and set(itertools.pairwise(cycle)) <= graph.named()
    return cycle


def turns_into_rows(flit, x, y, port, last_y):
    """YX for some: what runs along a column may turn into a row anywhere, not only where it was
    injected.
    """
    local, west, east, south, north = multicast_branches(flit, x, y, port, last_y)
    if port in (Port.SOUTH, Port.NORTH):
        return local, flit.x0 < x, flit.x1 > x, south, north
    return local, west, east, south, north


def turns_back(flit, x, y, port, last_y):
    """What runs along a row is copied to both sides, the one it came from included."""
    local, _, _, south, north = multicast_branches(flit, x, y, port, last_y)
    return local, flit.x0 < x, flit.x1 > x, south, north


def yx_in_odd_rows(flit, x, y):
    """Requests that leave the odd rows at once, the others XY."""
    xy = request_branches(flit, x, y)
    south, north = flit.y < y, flit.y > y
    odd = (y % 2 == 1) & (south | north)
    return False, xy[1] & ~odd, xy[2] & ~odd, xy[3] | odd & south, xy[4] | odd & north


@pytest.mark.parametrize(
    ("routing", "says"),
    [
        (Routing(multicast=turns_into_rows), r": data \w+ of \(\d,\d\) -> data "),
        (
            Routing(multicast=turns_back),
            r": (data \w+ of \(\d,\d\)) -> data \w+ of \(\d,\d\) -> \1$",
        ),
        (Routing(request=yx_in_odd_rows), r": request \w+ of \(\d,\d\) -> request "),
    ],
)
def test_wrong_routes_give_a_cycle(routing, says):
    machine = mesh("4x4", **PLACEMENTS[-1])
    cycle_of(waits_for(machine, routing))
    with pytest.raises(
        WaitCycle, match=f"^the mesh could hang, its buffers wait for each other{says}"
    ) as error:
        check_acyclic(machine, routing)
    assert "\n" not in str(error.value)


def test_shared_buffers_give_a_cycle():
    """Reductions run YX and multicasts XY: in the same buffers they close a circle, on any mesh
    with two rows and columns.
    """
    same = {f"reduce {port}": f"data {port}" for port in PORTS}
    assert any("data" in name for name in cycle_of(waits_for(mesh("2x2")).merged(same)))
    assert not waits_for(mesh("4x1")).merged(dict.fromkeys(["reduce west"], "data west")).cycle()


def test_requests_that_share_the_answers_network_give_a_cycle():
    cycle = cycle_of(
        waits_for(mesh("3x2")).merged({f"request {port}": f"data {port}" for port in PORTS})
    )
    assert any("channel's" in name for name in cycle)


@pytest.mark.parametrize(
    ("waiting", "wanted"),
    [
        (
            "ejector reduce",
            "reduce local",
        ),  # an all-reduce that is sent back by the network it came from
        ("ejector data", "out engine"),  # arrivals that wait until something has been sent
        ("ejector data", "request local"),  # a tile that answers a read with a read
        ("data local", "reduce local"),  # a multicast that waits for a reduction
    ],
)
def test_a_wait_too_many_gives_a_cycle(waiting, wanted):
    graph = waits_for(mesh("3x3"))
    assert not graph.cycle()
    graph.wait(waiting, wanted)
    if waiting == "data local":
        graph.wait("reduce local", "data local")
    assert any(name.startswith(waiting) for name in cycle_of(graph))


def test_a_channel_that_waits_for_requests_before_it_answers_gives_a_cycle():
    machine = mesh("2x2")
    graph = waits_for(machine)
    graph.wait("west channel's answers", "west channel's arrivals", graph.x == 0)
    assert "west channel's answers of (0,0)" in " ".join(cycle_of(graph))


def test_a_mesh_that_could_hang_is_not_elaborated(monkeypatch):
    emit(Mesh(machine=mesh("2x1")), "mesh")
    monkeypatch.setattr(
        "hw.mesh.mesh.check_acyclic",
        lambda machine: check_acyclic(machine, Routing(multicast=turns_back)),
    )
    with pytest.raises(WaitCycle, match=r"data west of \(1,0\)"):
        emit(Mesh(machine=mesh("2x1")), "mesh")
