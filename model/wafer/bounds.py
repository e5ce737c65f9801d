"""Closed bounds that no transfer beats."""

from collections.abc import Sequence

from model.wafer.flows import DieFlow
from model.wafer.topology import Topology

__all__ = ["bisection_seconds", "credit_bytes_per_s", "hop_seconds", "link_seconds"]


def hop_seconds(topology: Topology, source: int, target: int, packet_bytes: int) -> float:
    """A packet on an empty fabric: on each link its time and the wires' latency."""
    fabric = topology.fabric
    each = packet_bytes / (fabric.gb_per_s * 1e9) + fabric.latency_ns * 1e-9
    return topology.hops(source, target) * each


def credit_bytes_per_s(topology: Topology) -> float:
    """Of one link: all its credits in the time after which the first one is back."""
    fabric = topology.fabric
    trip = fabric.packet_seconds + 2 * fabric.latency_ns * 1e-9
    return fabric.credits * fabric.packet_bytes / trip


def link_seconds(topology: Topology, flows: Sequence[DieFlow]) -> float:
    """Time of the busiest link at its full bandwidth, with all bytes of unicasts that cross it."""
    loads = [0.0] * len(topology.links)
    for flow in flows:
        for target in flow.targets:
            for link in topology.route(flow.source, target):
                loads[link] += flow.bytes
    widths = [link.width * topology.fabric.gb_per_s * 1e9 for link in topology.links]
    return max((load / width for load, width in zip(loads, widths, strict=True)), default=0.0)


def bisection_seconds(topology: Topology, bytes_each: float) -> float:
    """All dies of a mesh or torus send `bytes_each` to every other one: what crosses the middle of
    the longer side, over the links that do.
    """
    fabric = topology.fabric
    across, along = max(fabric.columns, fabric.rows), min(fabric.columns, fabric.rows)
    near = across // 2 * along
    wires = along * (2 if fabric.shape == "torus" and across > 2 else 1)
    return near * (fabric.dies - near) * bytes_each / (wires * fabric.gb_per_s * 1e9)
