"""Transfers as flows that share links max-min fairly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.wafer.topology import Topology

__all__ = ["DieFlow", "FlowTimes", "run_flows"]

_DONE = 1e-9
"""Share of a flow's bytes below which rounding, not data, is left."""


@dataclass(frozen=True)
class DieFlow:
    """Bytes that leave die `source`.

    A unicast takes the route to its one target. A multicast goes along the tree of the routes to
    all targets, with a share of its bytes on each link: `shares` (and that of each ejection).
    """

    source: int
    targets: tuple[int, ...]
    bytes: float
    shares: Mapping[int, float] | None = None
    """Link to the share of the bytes that crosses it; None: all bytes on all links."""
    ejected: Mapping[int, float] | None = None
    """Target to the share of the bytes that it takes."""
    reverse: bool = False
    """The bytes are reduced along the tree to `source`: each link the other way."""


@dataclass(frozen=True)
class FlowTimes:
    """What `run_flows` found: times in seconds, loads in bytes, both in order of flows or links."""

    draining: NDArray[np.float64]
    """Until the last byte of each flow is sent, as if wires had no length."""
    latency: NDArray[np.float64]
    """Of each flow's longest route: what a packet takes without any traffic, less its sending."""
    link_bytes: NDArray[np.float64]
    port_bytes: NDArray[np.float64]
    """Sent by each die, then received by each die."""

    def makespan(self, scale: float = 1.0) -> float:
        """Seconds to the last arrival, with `scale` times the bytes in every flow."""
        if not self.draining.size:
            return 0.0
        return float(np.max(self.draining * scale + self.latency))


def run_flows(topology: Topology, flows: Sequence[DieFlow], port_bytes_per_s: float) -> FlowTimes:
    """Let all flows begin together, and share links, and the dies' ports, max-min fairly.

    A flow has at every moment the largest rate that takes nothing from a slower one (progressive
    filling). A link carries `DieFabric.link_bytes_per_s`, its credits included, times its width; a
    die's port `port_bytes_per_s` in each direction. On top comes the route's latency: that of its
    wires, and a packet's time on every link but the first (packets are stored and forwarded).
    """
    flows = [flow for flow in flows if flow.bytes > 0]
    who, where, weight = _incidence(topology, flows)
    links = len(topology.links)
    widths = np.array([link.width for link in topology.links], float)
    capacity = np.concatenate(
        [
            widths * topology.fabric.link_bytes_per_s,
            np.full(2 * topology.dies, port_bytes_per_s),
        ]
    )
    sizes = np.array([flow.bytes for flow in flows], float)
    loads = np.bincount(where, weight * sizes[who], minlength=len(capacity)).astype(float)
    hop = topology.fabric.latency_ns * 1e-9
    again = topology.fabric.packet_seconds
    hops = [max((topology.hops(f.source, t) for t in f.targets), default=0) for f in flows]
    return FlowTimes(
        draining=_drain(who, where, weight, sizes, capacity),
        latency=np.array([h * hop + max(0, h - 1) * again for h in hops], float),
        link_bytes=loads[:links],
        port_bytes=loads[links:],
    )


def _incidence(topology: Topology, flows: Sequence[DieFlow]) -> tuple[NDArray, NDArray, NDArray]:
    """Flow, resource and weight of each use; resources are links, then out ports, then in ports."""
    who, where, weight = [], [], []
    links, dies = len(topology.links), topology.dies

    def use(flow: int, resource: int, share: float) -> None:
        if share > 0:
            who.append(flow)
            where.append(resource)
            weight.append(share)

    opposite = {
        i: topology.index[link.target, link.source] for i, link in enumerate(topology.links)
    }
    for number, flow in enumerate(flows):
        out, into = (links + dies, links) if flow.reverse else (links, links + dies)
        if any(target != flow.source for target in flow.targets):
            use(number, out + flow.source, 1.0)
        for target in flow.targets:
            if target != flow.source:
                use(number, into + target, flow.ejected[target] if flow.ejected else 1.0)
        for link in topology.tree(flow.source, flow.targets):
            share = flow.shares[link] if flow.shares else 1.0
            use(number, opposite[link] if flow.reverse else link, share)
    return np.array(who, int), np.array(where, int), np.array(weight, float)


def _drain(who, where, weight, sizes, capacity) -> NDArray[np.float64]:
    """Seconds until each flow is sent."""
    left, ends, now = sizes.copy(), np.zeros(len(sizes)), 0.0
    active = np.zeros(len(sizes), bool)
    active[who] = True  # others stay on their die
    while active.any():
        uses = active[who]
        rates = _fair(who[uses], where[uses], weight[uses], active, capacity)
        left_seconds = left[active] / rates[active]
        step = float(left_seconds.min())
        now += step
        left[active] -= rates[active] * step
        done = active & (left <= _DONE * sizes)
        ends[done] = now
        active &= ~done
    return ends


def _fair(who, where, weight, active, capacity) -> NDArray[np.float64]:
    """Max-min fair rates of the active flows."""
    rates, free = np.zeros(len(active)), active.copy()
    spare = capacity.copy()
    while free.any():
        uses = free[who]
        demand = np.bincount(where[uses], weight[uses], minlength=len(capacity))
        full = np.full(len(capacity), np.inf)
        np.divide(spare, demand, out=full, where=demand > 0)
        level = full.min()
        tight = full <= level * (1 + 1e-12)
        fixed = np.zeros(len(active), bool)
        fixed[who[uses & tight[where]]] = True
        rates[fixed] = level
        mine = fixed[who]
        spare = spare - np.bincount(where[mine], weight[mine] * level, minlength=len(capacity))
        spare = np.maximum(spare, 0)
        free &= ~fixed
    return rates
