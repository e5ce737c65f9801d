"""Packet by packet: what `flows` is checked against on small cases.

Every packet waits in an input buffer, for the arbiter of its output link, and for a
credit. Nothing here is shared with the flow model but links and routes.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.wafer.flows import DieFlow
from model.wafer.topology import Topology

__all__ = ["run_packets"]


@dataclass
class _Packet:
    """A packet in one buffer, with copies that have not left it yet."""

    flow: int
    bytes: int
    copies: int
    age: float
    """When it left its source's memory: the oldest goes first."""
    buffer: tuple[int, int] | None
    """Link and virtual channel whose credit it holds; None: in its source's memory."""


@dataclass
class _Output:
    """A link, or a die's port, with what waits for it."""

    seconds_per_byte: float
    latency: float
    credits: list[int] | None
    """Free places of the receiver for each virtual channel; None: as many as it takes."""
    queues: dict[object, deque[_Packet]] = field(default_factory=dict)
    turns: deque[object] = field(default_factory=deque)
    busy: bool = False


class _Network:
    def __init__(
        self, topology: Topology, flows: Sequence[DieFlow], port: float, age: bool
    ) -> None:
        self.oldest_first = age
        fabric = topology.fabric
        self.topology, self.flows, self.links = topology, flows, len(topology.links)
        self.now, self.order = 0.0, 0
        self.events: list[tuple[float, int, tuple]] = []
        channels = 2 if fabric.shape == "torus" else 1
        self.outputs = [
            _Output(
                1 / (fabric.gb_per_s * 1e9 * link.width),
                fabric.latency_ns * 1e-9,
                [fabric.credits * link.width] * channels,
            )
            for link in topology.links
        ] + [_Output(1 / port, 0.0, None) for _ in range(2 * topology.dies)]
        self.next: list[dict[int | None, list[int]]] = []
        self.channel: list[dict[int, int]] = []
        self.arrived = np.zeros(len(flows))
        for number, flow in enumerate(flows):
            self._lay_out(flow)
            left = round(flow.bytes)
            into = self.links + flow.source
            while left > 0:
                size = min(left, fabric.packet_bytes)
                self._put(into, ("flow", number), _Packet(number, size, 1, 0.0, None))
                left -= size

    def _lay_out(self, flow: DieFlow) -> None:
        """Where packets of a flow go after each link, and on which virtual channel of it."""
        after: dict[int | None, list[int]] = {}
        channel: dict[int, int] = {}
        for target in flow.targets:
            before, wrapped, axis = None, 0, None
            for index in self.topology.route(flow.source, target):
                link = self.topology.links[index]
                along = abs(link.target - link.source)
                turned = self._vertical(link.source, link.target)
                wrapped = wrapped if turned == axis else 0
                ring_end = along not in (1, self.topology.fabric.columns)
                axis, wrapped = turned, int(wrapped or ring_end)
                channel[index] = wrapped if self.topology.fabric.shape == "torus" else 0
                if index not in after.setdefault(before, []):
                    after[before].append(index)
                before = index
            after.setdefault(before, []).append(self.links + self.topology.dies + target)
        self.next.append(after)
        self.channel.append(channel)

    def _vertical(self, source: int, target: int) -> bool:
        return source % self.topology.fabric.columns == target % self.topology.fabric.columns

    def _put(self, output: int, origin: object, packet: _Packet) -> None:
        """A packet joins the queue of its input port at an output."""
        out = self.outputs[output]
        if origin not in out.queues:
            out.queues[origin] = deque()
            out.turns.append(origin)
        out.queues[origin].append(packet)

    def _at(self, seconds: float, *event) -> None:
        self.order += 1
        heapq.heappush(self.events, (seconds, self.order, event))

    def _start(self, output: int) -> None:
        """Send the next packet of an output, if it is free and one has a credit."""
        out = self.outputs[output]
        if out.busy:
            return
        waiting = [origin for origin in out.turns if out.queues[origin]]
        if self.oldest_first:
            waiting.sort(key=lambda origin: out.queues[origin][0].age)
        for origin in waiting:
            queue = out.queues[origin]
            packet = queue[0]
            channel = self.channel[packet.flow].get(output, 0)
            if out.credits is not None:
                if not out.credits[channel]:
                    continue
                out.credits[channel] -= 1
            queue.popleft()
            out.turns.remove(origin)
            out.turns.append(origin)
            packet.copies -= 1
            if not packet.copies and packet.buffer:
                link, held = packet.buffer
                self._at(self.now + self.outputs[link].latency, "credit", link, held)
            out.busy = True
            sent = self.now + packet.bytes * out.seconds_per_byte
            self._at(sent, "free", output)
            self._at(sent + out.latency, "arrive", output, channel, packet)
            return

    def run(self) -> NDArray[np.float64]:
        for output in range(len(self.outputs)):
            self._start(output)
        while self.events:
            self.now, _, (kind, output, *rest) = heapq.heappop(self.events)
            if kind == "free":
                self.outputs[output].busy = False
                self._start(output)
            elif kind == "credit":
                credits = self.outputs[output].credits
                assert credits is not None
                credits[rest[0]] += 1
                self._start(output)
            else:
                self._arrive(output, *rest)
        assert not any(queue for out in self.outputs for queue in out.queues.values()), "deadlock"
        return self.arrived

    def _arrive(self, output: int, channel: int, packet: _Packet) -> None:
        if output >= self.links + self.topology.dies:
            self.arrived[packet.flow] = max(self.arrived[packet.flow], self.now)
            return
        link = output < self.links
        onward = self.next[packet.flow][output if link else None]
        buffer = (output, channel) if link else None
        stored = _Packet(
            packet.flow, packet.bytes, len(onward), packet.age if link else self.now, buffer
        )
        origin = (output, channel) if link else "local"
        for following in onward:
            self._put(following, origin, stored)
            self._start(following)


def run_packets(
    topology: Topology,
    flows: Sequence[DieFlow],
    port_bytes_per_s: float,
    *,
    oldest_first: bool = True,
) -> NDArray[np.float64]:
    """Seconds until the last packet of each flow has arrived at the last of its targets.

    All flows begin together. A packet is stored whole at every node, and forwarded when its output
    is free and the buffer behind that has a place; the place it leaves is known to its sender a
    latency later. Buffers are not FIFOs: a packet waits for its own output only. In a torus, every
    link has two virtual channels with `credits` places each, and a packet changes to the second one
    where it crosses the end of a ring: otherwise it could deadlock.

    Parameters
    ----------
    oldest_first
        Arbiters choose the packet that left its source's memory first; otherwise, and at the dies'
        ports in any case, they take turns. Taking turns among a router's inputs serves those who
        are near before those who are far, whose packets then fill the buffers.

    Raises
    ------
    ValueError
        If a flow has shares, or is reversed: this model copies whole packets.
    """
    if any(flow.shares or flow.reverse for flow in flows):
        raise ValueError("packets: a flow must be a unicast or a whole multicast")
    return _Network(topology, flows, port_bytes_per_s, oldest_first).run()
