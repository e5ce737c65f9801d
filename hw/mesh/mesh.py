"""The mesh of tiles with its HBM channels: the module that is simulated."""

from amaranth import Array, Cat, ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.memory.channel import HbmChannel
from hw.mesh.placed_tile import PlacedTile
from hw.proof.deadlock import check_acyclic
from hw.sim.stall import Stall
from hw.sim.transport import Transport
from hw.sim.waves import add_waves
from isa.instructions import EdgePort
from isa.machine import Machine
from isa.packets import FLITS, Port
from isa.status import Event

__all__ = ["GRACE_CYCLES", "MESH_SIGNATURE", "QUIET_CYCLES", "Mesh"]

QUIET_CYCLES = 64
"""Cycles without any activity, all queues halted, after which a run counts as finished."""

GRACE_CYCLES = 16
"""Cycles that the tiles then have to report an incomplete reduction."""


MESH_SIGNATURE = wiring.Signature(
    {
        "boot_address": In(28),
        "boot_words": In(16),
        "hbm_latency": In(12),
        "hbm_bytes_per_cycle": In(8),
        "watchdog": In(24),
        "stall_rate": In(8),
        "stall_seed": In(16),
        "dump": In(1),
        "probe_target": In(14),
        "probe_index": In(8),
        "probe_data": Out(32),
        "finished": Out(1),
        "error": Out(1),
        "hung": Out(1),
        "boot_cycles": Out(32),
        "cycles": Out(32),
    }
)
"""Ports of a mesh, whatever its machine."""


class Mesh(wiring.Component):
    """All tiles, all links, all channels, and the few wires that start, stop and watch them.

    After reset every tile loads its image: tile i from channel ``i mod channels``, at word
    ``boot_address + (i div channels) * boot_words``. When all have booted, all start in the same
    cycle. The run is over (``finished``) when every queue has halted and nothing has moved for
    `QUIET_CYCLES`, or an error was raised (``error``), or nothing has moved for ``watchdog`` cycles
    with work left (``hung``; ``error`` if a reduction turns out to be incomplete).

    Parameters
    ----------
    machine : :class:`Machine`
        The machine. HBM latency and bandwidth are inputs, so that they can change without a new
        build.
    stall : bool
        Build random back-pressure into every link.
    transport : bool
        Build links that simulate faster, see :class:`Transport`. Changes no cycle.
    events : bool
        Build in the simulation model ``event_log``, which writes every `Event` of every tile to a
        file.
    waves : bool
        Build in the simulation model of `hw.sim.waves`, which writes a VCD.

    Members
    -------
    boot_address, boot_words : ``In``
        Where the images are, and the words of each.
    hbm_latency, hbm_bytes_per_cycle : ``In``
        See :class:`HbmChannel`.
    watchdog : ``In(24)``
        Cycles without activity that count as a hang.
    stall_rate, stall_seed : ``In``
        See :class:`Stall`; no effect on a mesh built without.
    dump : ``In(1)``
        Channels write their memory files.
    probe_target, probe_index : ``In``, probe_data : ``Out(32)``
        Value `probe_index` (see `isa.status.Probe`) of tile `probe_target`, two cycles later;
        targets from the number of tiles up are channels, with 0 words read, 1 words written, 2
        error.
    finished, error, hung : ``Out(1)``
        Sticky.
    boot_cycles, cycles : ``Out(32)``
        Cycles from reset to the start, and from the start to the last activity.
    """

    def __init__(
        self,
        *,
        machine: Machine,
        stall: bool = False,
        transport: bool = False,
        events: bool = False,
        waves: bool = False,
    ):
        self._machine = machine
        self._waves = waves
        self._stall = stall
        self._events = events
        self._transport = transport
        self._links = 0
        super().__init__(MESH_SIGNATURE)

    def elaborate(self, platform):
        check_acyclic(self._machine)
        m = Module()
        machine = self._machine
        columns, rows = machine.mesh.columns, machine.mesh.rows

        self._running, self._expired = Signal(), Signal()
        tiles = {}
        for y in range(rows):
            for x in range(columns):
                tiles[x, y] = m.submodules[f"tile_{x}_{y}"] = tile = PlacedTile(
                    machine=machine, transport=self._transport, waves=self._waves
                )
                m.d.comb += [tile.x.eq(x), tile.y.eq(y)]
        channels = []
        for channel in machine.channels:
            controller = m.submodules[f"hbm_{channel.edge}_{channel.x}_{channel.y}"] = HbmChannel(
                machine=machine, index=channel.index
            )
            channels.append(controller)

        self._connect_links(m, tiles)
        self._connect_channels(m, tiles, channels)
        self._connect_boot(m, tiles)
        cycle = self._control(m, tiles, channels)
        self._models(m, tiles, channels, cycle)
        self._probe(m, tiles, channels)
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
            stall.load.eq(~self._running),
        ]

    def _connect_links(self, m, tiles):
        outward = {
            Port.EAST: (1, 0, Port.WEST),
            Port.NORTH: (0, 1, Port.SOUTH),
            Port.WEST: (-1, 0, Port.EAST),
            Port.SOUTH: (0, -1, Port.NORTH),
        }
        for (x, y), tile in tiles.items():
            for port, (dx, dy, opposite) in outward.items():
                neighbour = tiles.get((x + dx, y + dy))
                if neighbour is None:
                    continue
                for network in FLITS:
                    source = getattr(tile, f"{network}_o")[port - 1]
                    sink = getattr(neighbour, f"{network}_i")[opposite - 1]
                    self._connect(m, f"{network}_{x}_{y}_{port.name.lower()}", source, sink)

    def _connect_channels(self, m, tiles, channels):
        for channel, controller in zip(self._machine.channels, channels, strict=True):
            port = EdgePort[channel.edge.upper()]
            tile = tiles[channel.x, channel.y]
            self._connect(
                m, f"hbm_request_{channel.index}", tile.request_o[port], controller.request
            )
            self._connect(m, f"hbm_data_{channel.index}", controller.data, tile.data_i[port])
            m.d.comb += [
                controller.latency.eq(self.hbm_latency),
                controller.bytes_per_cycle.eq(self.hbm_bytes_per_cycle),
                controller.count.eq(self._running),
                controller.dump.eq(self.dump),
            ]

    def _connect_boot(self, m, tiles):
        channels = self._machine.channels
        for (x, y), tile in tiles.items():
            turn, index = divmod(self._machine.tile_index(x, y), len(channels))
            m.d.comb += [
                tile.boot_x.eq(channels[index].x),
                tile.boot_y.eq(channels[index].y),
                tile.boot_edge.eq(EdgePort[channels[index].edge.upper()]),
                tile.boot_address.eq(self.boot_address + turn * self.boot_words),
                tile.boot_words.eq(self.boot_words),
                tile.run.eq(self._running),
                tile.stop.eq(self.error),
                tile.expired.eq(self._expired),
            ]

    def _control(self, m, tiles, channels):
        every = tiles.values()
        booted, done, alive, failed = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            booted.eq(Cat(tile.booted for tile in every).all()),
            done.eq(Cat(tile.done for tile in every).all()),
            alive.eq(
                Cat(*(tile.alive for tile in every), *(~channel.idle for channel in channels)).any()
            ),
            failed.eq(
                Cat(*(tile.error for tile in every), *(channel.error for channel in channels)).any()
            ),
        ]

        # `alive` and `done` are one cycle late, and so is the count of quiet cycles.
        quiet = Signal(24)
        with m.If(alive):
            m.d.sync += quiet.eq(0)
        with m.Elif(~self.finished):
            m.d.sync += quiet.eq(quiet + 1)
        running = Signal(32)
        with m.If(failed):
            m.d.sync += [self.error.eq(1), self.finished.eq(1)]
        with m.If(booted):
            m.d.sync += self._running.eq(1)
        self._end(m, done, quiet)
        with m.If(~self._running):
            m.d.sync += self.boot_cycles.eq(self.boot_cycles + ~self.error)
        with m.Elif(~self.finished):
            m.d.sync += running.eq(running + 1)
            with m.If(alive):
                m.d.sync += self.cycles.eq(running)
        return running

    def _end(self, m, done, quiet):
        """All is quiet: a reduction that still waits for a member is waiting in vain, and its tile
        reports it now; then the run is over.
        """
        with m.If((quiet == self.watchdog) | done & (quiet == QUIET_CYCLES)):
            m.d.sync += self._expired.eq(1)
        with m.If(done & (quiet == QUIET_CYCLES + GRACE_CYCLES)):
            m.d.sync += self.finished.eq(1)
        with m.Elif(quiet == self.watchdog + GRACE_CYCLES):
            m.d.sync += [self.hung.eq(1), self.finished.eq(1)]

    def _models(self, m, tiles, channels, cycle):
        """The simulation models that watch a run."""
        if self._events:
            self._log(m, tiles.values(), cycle)
        if self._waves:
            add_waves(
                m,
                self._machine,
                tiles,
                channels,
                on=self._running,
                finished=self.finished,
                cycle=cycle,
                hbm_latency=self.hbm_latency,
                hbm_bytes_per_cycle=self.hbm_bytes_per_cycle,
            )

    def _probe(self, m, tiles, channels):
        targets = [tile.probe_data for tile in tiles.values()]
        for channel in channels:
            values = Array([channel.words_read, channel.words_written, channel.error, channel.idle])
            targets.append(values[self.probe_index[:2]])
        m.d.comb += [tile.probe_index.eq(self.probe_index) for tile in tiles.values()]
        m.d.sync += self.probe_data.eq(Array(targets)[self.probe_target])

    def _log(self, m, tiles, cycle):
        events = [event for tile in tiles for event in tile.view.events]
        m.submodules.event_log = Instance(
            "event_log",
            ("p", "TILES", len(tiles)),
            ("p", "KINDS", len(Event)),
            ("i", "clk", ClockSignal()),
            ("i", "on", self._running),
            ("i", "cycle", cycle),
            ("i", "valid", Cat(event.valid for event in events)),
            ("i", "tags", Cat(event.tag for event in events)),
        )
