"""All tiles of a mesh and the links between them: what is simulated tile by tile."""

from amaranth import (
    Array,
    Cat,
    Module,
)
from amaranth.lib import wiring

from hw.layouts import SHAPE, shape_of
from hw.mesh.placed_tile import PlacedTile
from hw.mesh.signature import array_signature
from hw.sim.stall import Stall
from hw.sim.transport import Transport
from isa.geometry import OPPOSITE, STEP
from isa.instructions import EdgePort
from isa.machine import Machine
from isa.packets import FLITS, Port

__all__ = ["TileArray"]


class TileArray(wiring.Component):
    """All tiles of a mesh, their links to each other, and the wires that reach every tile.

    Parameters
    ----------
    machine, stall, transport, events, waves
        See `hw.mesh.mesh.Mesh`.

    Members
    -------
    boot_address, boot_words : ``In``
        Where the images are: tile i boots from channel ``i mod channels``, at word
        ``boot_address + (i div channels) * boot_words``.
    run, stop, expired : ``In(1)``
        See `hw.tile.tile.Tile`.
    stall_rate, stall_seed : ``In``
        See `Stall`.
    probe_target, probe_index : ``In``, probe_data : ``Out(32)``
        A status probe of a tile; 0 for a target beyond the tiles.
    booted, done : ``Out(1)``
        Whether every tile has.
    alive, error : ``Out(1)``
        Whether any tile is.
    request, data : ``stream`` arrays
        Links to and from the HBM channels.
    event_valid, event_tags : ``Out``
        With `events`: a bit and a byte for each tile and `Event`.
    """

    def __init__(
        self, *, machine: Machine, stall=False, transport=False, events=False, waves=False
    ):
        self._machine = machine
        self._stall, self._transport = stall, transport
        self._events, self._waves = events, waves
        self._links = 0
        super().__init__(array_signature(machine, events=events))
        self.tiles = {
            (x, y): PlacedTile(machine=machine, transport=transport, waves=waves)
            for y in range(machine.mesh.rows)
            for x in range(machine.mesh.columns)
        }
        """The placed tiles by position."""

    def elaborate(self, platform):
        m = Module()
        shape = SHAPE.const(shape_of(self._machine))
        for (x, y), tile in self.tiles.items():
            m.submodules[f"tile_{x}_{y}"] = tile
            m.d.comb += [tile.x.eq(x), tile.y.eq(y), tile.mesh.eq(shape)]
        self._connect_links(m)
        self._connect_channels(m)
        self._connect_boot(m)
        self._gather(m)
        return m

    def _connect(self, m, name, source, sink):
        """Join two streams, through a Transport and a Stall where the mesh is built with them."""
        if self._transport:
            m.submodules[f"transport_{name}"] = transport = Transport(shape=source.payload.shape())
            wiring.connect(m, transport.o, sink)
            sink = transport.i
        if not self._stall:
            wiring.connect(m, source, sink)
            return
        index = self._links = self._links + 1
        m.submodules[f"stall_{name}"] = stall = Stall(shape=source.payload.shape(), seed=index)
        wiring.connect(m, source, stall.i)
        wiring.connect(m, stall.o, sink)
        m.d.comb += [
            stall.rate.eq(self.stall_rate),
            stall.seed.eq(self.stall_seed),
            stall.load.eq(~self.run),
        ]

    def _connect_links(self, m):
        for (x, y), tile in self.tiles.items():
            for port in (Port.EAST, Port.NORTH, Port.WEST, Port.SOUTH):
                dx, dy = STEP[port]
                neighbour = self.tiles.get((x + dx, y + dy))
                if neighbour is None:
                    continue
                for network in FLITS:
                    source = getattr(tile, f"{network}_o")[port - 1]
                    sink = getattr(neighbour, f"{network}_i")[OPPOSITE[port] - 1]
                    self._connect(m, f"{network}_{x}_{y}_{port.name.lower()}", source, sink)

    def _connect_channels(self, m):
        for channel in self._machine.channels:
            index, port = channel.index, EdgePort[channel.edge.upper()]
            tile = self.tiles[channel.x, channel.y]
            request, data = (wiring.flipped(link[index]) for link in (self.request, self.data))
            self._connect(m, f"hbm_request_{index}", tile.request_o[port], request)
            self._connect(m, f"hbm_data_{index}", data, tile.data_i[port])

    def _connect_boot(self, m):
        channels = self._machine.channels
        for (x, y), tile in self.tiles.items():
            turn, index = divmod(self._machine.tile_index(x, y), len(channels))
            m.d.comb += [
                tile.boot_x.eq(channels[index].x),
                tile.boot_y.eq(channels[index].y),
                tile.boot_edge.eq(EdgePort[channels[index].edge.upper()]),
                tile.boot_address.eq(self.boot_address + turn * self.boot_words),
                tile.boot_words.eq(self.boot_words),
                tile.run.eq(self.run),
                tile.stop.eq(self.stop),
                tile.expired.eq(self.expired),
                tile.probe_index.eq(self.probe_index),
            ]

    def _gather(self, m):
        every = self.tiles.values()
        m.d.comb += [
            self.booted.eq(Cat(tile.booted for tile in every).all()),
            self.done.eq(Cat(tile.done for tile in every).all()),
            self.alive.eq(Cat(tile.alive for tile in every).any()),
            self.error.eq(Cat(tile.error for tile in every).any()),
            self.probe_data.eq(Array(tile.probe_data for tile in every)[self.probe_target]),
        ]
        if self._events:
            events = [event for tile in every for event in tile.view.events]
            m.d.comb += [
                self.event_valid.eq(Cat(event.valid for event in events)),
                self.event_tags.eq(Cat(event.tag for event in events)),
            ]
