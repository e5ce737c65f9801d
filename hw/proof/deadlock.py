"""The proof that nothing in this mesh waits for itself, computed when the mesh is elaborated.
docs/network.md is the prose.

The graph has every buffer of the machine: input FIFOs of the three networks, result queues of the
joins, ejectors, engines, HBM channels. An edge says that an item of one may have to wait for room
in the other. The routers' edges come from the functions that the routers are made of
(`hw.network.route`), evaluated for every rectangle at every router, reachable or not: more waits
than there are, so that the absence of a cycle says more than is needed.

Every rectangle is not very many. The functions only compare a rectangle's and a root's coordinates
with the router's own, so that to a router each coordinate is smaller, equal or greater, and stands
for all others of its kind: six pairs x0 <= x1 on an axis, three roots, and no more to try
(`tests/hw/proof/test_deadlock.py` compares with all rectangles of small meshes).

A join waits for room, and also for its partners. Those edges lead upstream, to where the flit of
the same reduction is: ``part`` is what the oldest reduction still lacks at an input, and ends at
the members' programs. That nothing but itself can stand between a member and the join is the order
rule (`programs/common/check.py`), and rests on what `check_joins` finds in the routing functions.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from hw.network.route import multicast_branches, reduction_node, request_branches
from hw.proof.views import Bools, Views, from_neighbour
from hw.proof.waits import WaitGraph
from isa.errors import UserError
from isa.geometry import OPPOSITE, STEP
from isa.instructions import EdgePort
from isa.machine import Machine
from isa.packets import Port

__all__ = ["Routing", "WaitCycle", "check_acyclic", "check_joins", "waits_for"]


class WaitCycle(UserError):
    """The mesh could hang: buffers that wait for each other, or a join for what never comes."""


class Routing(NamedTuple):
    """The routing functions of a machine; tests put in wrong ones."""

    multicast: Callable = multicast_branches
    request: Callable = request_branches
    reduction: Callable = reduction_node


HARDWARE = Routing()


def check_acyclic(machine: Machine, routing: Routing = HARDWARE) -> None:
    """Prove this machine's networks free of deadlock.

    Raises
    ------
    WaitCycle
        If they are not, one line that names the buffers on a cycle, or the join.
    """
    check_joins(machine, routing)
    if cycle := waits_for(machine, routing).cycle():
        raise WaitCycle(
            f"the mesh could hang, its buffers wait for each other: {' -> '.join(cycle)}"
        )


def waits_for(machine: Machine, routing: Routing = HARDWARE) -> WaitGraph:
    """Build the graph of all buffers of the mesh."""
    graph = WaitGraph(machine.mesh.columns, machine.mesh.rows)
    _tiles(graph)
    _channels(graph, machine)
    _multicasts(graph, machine, routing.multicast)
    _requests(graph, machine, routing.request)
    _reductions(graph, machine, routing.reduction)
    return graph


def _tiles(graph: WaitGraph) -> None:
    """What happens inside a tile: hw/tile/core.py and hw/control/eject.py."""
    # L1, program memory and semaphores take what arrives in a fixed order of priority and wait for
    # nobody: they are no buffers. A count that arrives with a word has a queue of its own, which
    # the word waits for.
    graph.wait("ejector data", "arriving counts")
    graph.wait("ejector reduce", "arriving sums' counts")
    graph.wait("arriving counts", "semaphores")
    graph.wait("arriving sums' counts", "semaphores")
    # The turn of an all-reduce, and whatever else a tile injects: the merges in front of the
    # routers hold nothing.
    graph.wait("ejector reduce", "data local")
    for source in ("out engine", "signals of the queues"):
        graph.wait(source, "data local")
    for source in ("out engine", "load engine", "boot loader"):
        graph.wait(source, "request local")
    graph.wait("out engine", "reduce local")
    graph.wait("signals of the queues", "semaphores")


def _channels(graph: WaitGraph, machine: Machine) -> None:
    """What happens inside an HBM channel: hw/memory/channel.py."""
    for channel in machine.channels:
        here = (graph.x == channel.x) & (graph.y == channel.y)
        name = f"{channel.edge} channel's"
        for queue in ("reads", "writes"):
            graph.wait(f"{name} arrivals", f"{name} {queue}", here)
            graph.wait(f"{name} {queue}", f"{name} answers", here)
        graph.wait(f"{name} answers", f"data {channel.edge}", here)


def _neighbours(machine: Machine) -> dict[Port, Bools]:
    """Tiles that have a neighbour at a port."""
    every = np.ones((machine.mesh.columns, machine.mesh.rows), bool)
    return {port: from_neighbour(every, port) for port in STEP}


def _injecting(machine: Machine) -> dict[Port, Bools]:
    """Tiles that have an HBM channel at a port."""
    found = {port: np.zeros((machine.mesh.columns, machine.mesh.rows), bool) for port in STEP}
    for channel in machine.channels:
        found[Port(1 + EdgePort[channel.edge.upper()])][channel.x, channel.y] = True
    return found


def _link(
    graph: WaitGraph, machine: Machine, waiting: str, network: str, port: Port, where: Bools
) -> None:
    """Let `waiting` wait for the router at the other end of the link at `port`, or for the
    ejector.
    """
    if port == Port.LOCAL:
        graph.wait(waiting, f"ejector {network}", where)
        return
    stray = where & ~_neighbours(machine)[port]
    if stray.any():
        x, y = np.argwhere(stray)[0]
        raise WaitCycle(
            f"a flit of the {network} network leaves the mesh to the {port.name.lower()} of "
            f"({x},{y})"
        )
    graph.wait(waiting, f"{network} {OPPOSITE[port].name.lower()}", where, at=STEP[port])


def _multicasts(graph: WaitGraph, machine: Machine, branches: Callable) -> None:
    views, inner, ends = Views(machine, roots=False), _neighbours(machine), _injecting(machine)
    for source in Port:
        used = True if source == Port.LOCAL else inner[source] | ends[source]
        outs = branches(views, views.x, views.y, source, machine.mesh.rows - 1)
        for port, out in zip(Port, outs, strict=True):
            _link(
                graph, machine, f"data {source.name.lower()}", "data", port, used & views.some(out)
            )


def _requests(graph: WaitGraph, machine: Machine, branches: Callable) -> None:
    """Each channel is one destination, and its requests come in where a neighbour sends them out,
    or from the tile.
    """
    every, ends = np.ones((machine.mesh.columns, machine.mesh.rows), bool), _injecting(machine)
    for channel in machine.channels:
        edge = EdgePort[channel.edge.upper()]
        flit = SimpleNamespace(x=channel.x, y=channel.y, edge=np.array(edge))
        outs = [every & out for out in branches(flit, graph.x, graph.y)]
        for source in Port:
            here = f"request {source.name.lower()}"
            comes = (
                every if source == Port.LOCAL else from_neighbour(outs[OPPOSITE[source]], source)
            )
            for port in STEP:
                out = comes & outs[port]
                graph.wait(here, f"{port.name.lower()} channel's arrivals", out & ends[port])
                _link(graph, machine, here, "request", port, out & ~ends[port])


def _reductions(graph: WaitGraph, machine: Machine, node: Callable) -> None:
    views = Views(machine, roots=True)
    inputs, outputs = node(views, views.x, views.y)
    for source in Port:
        here, part = f"reduce {source.name.lower()}", f"part at {source.name.lower()}"
        for port in Port:
            joined = views.some(inputs[source] & outputs[port])
            graph.wait(here, f"sums to {port.name.lower()}", joined)
            if port != Port.LOCAL:
                # What the router behind this output lacks is what this one lacks at any of its
                # inputs.
                there, (dx, dy) = OPPOSITE[port], STEP[port]
                graph.wait(
                    f"part at {there.name.lower()}",
                    part,
                    from_neighbour(joined, there),
                    at=(-dx, -dy),
                )
            if port != source:
                graph.wait(
                    here, f"part at {port.name.lower()}", views.some(inputs[source] & inputs[port])
                )
        sent = views.some(outputs[source] & _any(inputs))
        _link(graph, machine, f"sums to {source.name.lower()}", "reduce", source, sent)
    graph.wait("part at local", "program")


def check_joins(machine: Machine, routing: Routing = HARDWARE) -> None:
    """Find in the routing functions what the proof of the reductions rests on, for every rectangle
    and root.

    Every router of a tree sends to one output; the router there expects it, and expects nothing
    that is not sent. The members, and nobody else, contribute. Where the root is a member, so is
    every router of the tree, so that two reductions which meet anywhere meet in one tile's queue as
    well.

    Raises
    ------
    WaitCycle
        One line that names the router.
    """
    views = Views(machine, roots=True)
    node = routing.reduction(views, views.x, views.y)
    inputs, outputs = ([views.all(bit) for bit in bits] for bits in node)
    on = _any(inputs)
    inside = (
        (views.x0 <= views.x)
        & (views.x <= views.x1)
        & (views.y0 <= views.y)
        & (views.y <= views.y1)
    )
    at_root = (views.x == views.root_x) & (views.y == views.root_y)
    # As far as this router can tell: the root is on the same side as both ends only if it may be
    # between them.
    root_inside = (
        (views.x0 <= views.root_x)
        & (views.root_x <= views.x1)
        & (views.y0 <= views.root_y)
        & (views.root_y <= views.y1)
    )
    _never(
        views,
        inputs[Port.LOCAL] ^ inside,
        "a reduction waits for a tile that is no member, or not for one that is",
    )
    _never(
        views,
        on & (sum(out.astype(int) for out in outputs) != 1),
        "a sum does not go to exactly one output",
    )
    _never(
        views, on & (outputs[Port.LOCAL] ^ at_root), "a reduction does not end exactly at its root"
    )
    _never(
        views,
        on & root_inside & ~inputs[Port.LOCAL],
        "a reduction to a member passes a tile that is none",
    )
    for port, inner in _neighbours(machine).items():
        _never(
            views,
            inputs[port] & ~inner[:, :, None, None],
            f"a reduction waits for its {port.name.lower()}, outside the mesh",
        )
        sent, expected = on & outputs[port], inputs[OPPOSITE[port]]
        _never(
            views,
            views.seen(sent, port) & ~expected,
            f"a sum arrives at the {OPPOSITE[port].name.lower()}, unexpected",
        )
        sent, expected = views.seen(expected, OPPOSITE[port]), on & outputs[port]
        _never(
            views,
            sent & ~expected,
            f"the next router to the {port.name.lower()} expects a sum that never comes",
        )


def _any(bits) -> Bools:
    return np.logical_or.reduce(np.broadcast_arrays(*bits))


def _never(views: Views, what: Bools, says: str) -> None:
    wrong = what & views.exists
    if wrong.any():
        x, y = np.argwhere(wrong)[0][:2]
        raise WaitCycle(f"router ({x},{y}): {says}")
