"""Paths and joins of a mesh, as the core takes them. Where flits go says `isa.routes`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.geometry import OPPOSITE, STEP, Rectangle, TileXY
from isa.instructions import Format, ReduceOp
from isa.machine import Machine
from isa.packets import Port
from isa.routes import forked, reduction_tree, requested
from isa.timing import combine_cycles
from model.engine.tables import Collectives, Fabric, LinkKind, Paths

__all__ = ["Links", "ReduceTree", "collectives", "data_path", "paths_of", "request_path"]

DATA, REQUEST, REDUCE = range(3)
_INJECT = 5
_PORTS = 6
_ARRIVALS = 3
"""Requests that wait at a channel before its controller."""

_OUTER = {"west": Port.WEST, "east": Port.EAST, "south": Port.SOUTH, "north": Port.NORTH}

_EJECTED = 2
"""Results of reductions that wait at their root to turn."""

Node = tuple[int, int, int]
"""Link, parent, tile: see `model.engine.tables.Paths`."""


class Links:
    """Numbers of a machine's links: what goes out of each router, what a tile puts into it, and
    what the channels do.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        self._tiles = machine.mesh.tiles

    def out(self, network: int, tile: TileXY, port: Port) -> int:
        """Output of a router; LOCAL leads into the tile."""
        return (network * self._tiles + self.machine.tile_index(*tile)) * _PORTS + port

    def inject(self, network: int, tile: TileXY) -> int:
        """What a tile puts into its router."""
        return (network * self._tiles + self.machine.tile_index(*tile)) * _PORTS + _INJECT

    def channel(self, index: int) -> int:
        """What a channel puts into its router."""
        return 3 * self._tiles * _PORTS + index

    def fabric(self) -> Fabric:
        """All of them, with the queues behind them."""
        machine, channels = self.machine, len(self.machine.channels)
        routers = 3 * self._tiles * _PORTS
        depth = np.full(routers + channels, machine.mesh.fifo_depth, np.int32)
        kind = np.full(routers + channels, LinkKind.FORK, np.int32)
        port = np.zeros(routers + channels, np.int32)
        depths, kinds, ports = (
            array[:routers].reshape(3, self._tiles, _PORTS) for array in (depth, kind, port)
        )
        kinds[REDUCE] = LinkKind.JOIN
        kinds[REDUCE, :, Port.LOCAL] = LinkKind.ROOT
        depths[:, :, Port.LOCAL], depths[REDUCE, :, Port.LOCAL] = 0, _EJECTED
        for out, opposite in OPPOSITE.items():
            ports[:, :, out] = opposite
        request = np.zeros(channels, np.int32)
        for channel in machine.channels:
            edge, place = _OUTER[channel.edge], (channel.x, channel.y)
            link = request[channel.index] = self.out(REQUEST, place, edge)
            depth[link], kind[link] = _ARRIVALS, LinkKind.CHANNEL
            port[self.channel(channel.index)] = edge
        by_router = np.arange(routers, dtype=np.int32).reshape(3, self._tiles, _PORTS)
        return Fabric(
            depth,
            kind,
            port,
            inject=by_router[:, :, _INJECT].T,
            result=by_router[REDUCE, :, :_INJECT],
            response=np.arange(channels, dtype=np.int32) + np.int32(routers),
            request=request,
        )


def data_path(links: Links, source: TileXY, channel: int, rectangle: Rectangle) -> list[Node]:
    """From a tile, or from the channel that sits there (-1: none), to all tiles of a rectangle."""
    mesh = links.machine.mesh
    port = Port.LOCAL
    start = links.inject(DATA, source)
    if channel >= 0:
        port = _OUTER[links.machine.channels[channel].edge]
        start = links.channel(channel)
    nodes: list[Node] = [(start, -1, -1)]
    heads = [(source, port, 0)]
    for tile, came, node in heads:
        for out in forked(mesh, rectangle, tile, came):
            local = out == Port.LOCAL
            nodes.append(
                (
                    links.out(DATA, tile, out),
                    node,
                    links.machine.tile_index(*tile) if local else -1,
                )
            )
            if not local:
                dx, dy = STEP[out]
                heads.append(((tile[0] + dx, tile[1] + dy), OPPOSITE[out], len(nodes) - 1))
    return nodes


def request_path(links: Links, source: TileXY, channel: int) -> list[Node]:
    """From a tile to a channel."""
    to = links.machine.channels[channel]
    outer, tile = _OUTER[to.edge], source
    nodes: list[Node] = [(links.inject(REQUEST, source), -1, -1)]
    while True:
        at_end = tile == (to.x, to.y)
        port = requested(tile, (to.x, to.y), outer)
        nodes.append((links.out(REQUEST, tile, port), len(nodes) - 1, -1))
        if at_end:
            return nodes
        tile = tile[0] + STEP[port][0], tile[1] + STEP[port][1]


def paths_of(found: Sequence[list[Node]]) -> Paths:
    """Paths as arrays."""
    at = np.cumsum([0, *map(len, found)]).astype(np.int32)
    nodes = np.array([node for path in found for node in path], np.int32).reshape(-1, 3)
    link, parent, tile = np.ascontiguousarray(nodes.T)
    return Paths(at, link, parent, tile)


class ReduceTree(NamedTuple):
    """A reduction: what its members have in common."""

    rectangle: Rectangle
    root: TileXY
    op: ReduceOp
    fmt: Format


def collectives(links: Links, found: Sequence[ReduceTree]) -> Collectives:
    """Trees of joins."""
    machine = links.machine
    rows: list[tuple[int, ...]] = []
    feeds: list[list[int]] = []
    node_of = np.full((max(1, len(found)), machine.mesh.tiles), -1, np.int32)
    for number, what in enumerate(found):
        tree = reduction_tree(what.rectangle, what.root)
        index = {tile: len(rows) + i for i, tile in enumerate(tree)}
        for tile, (inputs, out) in tree.items():
            count = len(inputs)
            parent = -1 if tile == what.root else index[_next(tile, out)]
            extra = combine_cycles(what.op, what.fmt, count, machine.mesh.adder_stages)
            each = 2 if what.op == ReduceOp.SUM and count > 3 else 1
            own = machine.tile_index(*tile)
            rows.append((parent, count, extra, each, own, out, min(inputs)))
            behind = [
                links.inject(REDUCE, tile)
                if port == Port.LOCAL
                else links.out(REDUCE, _next(tile, port), OPPOSITE[port])
                for port in inputs
            ]
            feeds.append(behind + [-1] * (5 - count))
            node_of[number, own] = index[tile]
    table = np.array(rows or np.zeros((0, 7)), np.int32)
    parent, inputs, extra, each, own_tile, out_port, first = np.ascontiguousarray(table.T)
    kept: NDArray[np.int32] = np.array(feeds or np.zeros((0, 5)), np.int32)
    return Collectives(node_of, parent, inputs, extra, each, own_tile, out_port, first, kept)


def _next(tile: TileXY, port: Port) -> TileXY:
    return tile[0] + STEP[port][0], tile[1] + STEP[port][1]
