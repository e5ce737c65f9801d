"""The mesh of tiles with its HBM channels: the module that is simulated."""

from collections.abc import Callable

from amaranth import Array, Cat, ClockSignal, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.memory.channel import HbmChannel
from hw.mesh.tiles import TileArray
from hw.proof.deadlock import check_acyclic
from hw.sim.native import NativeTiles
from hw.sim.waves import add_waves
from isa.machine import Machine
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
    native : bool
        Leave the tiles and their links to a C++ model of compiled tiles, see `hw.sim.native`.
        Changes no cycle; such a mesh can stall, and has no waves.

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

    CHANNEL: Callable = HbmChannel
    """What is placed as a channel."""

    def __init__(
        self,
        *,
        machine: Machine,
        stall: bool = False,
        transport: bool = False,
        events: bool = False,
        waves: bool = False,
        native: bool = False,
    ):
        self._machine = machine
        self._waves = waves
        self._stall = stall
        self._events = events
        self._transport = transport
        self._native = native
        super().__init__(MESH_SIGNATURE)

    def elaborate(self, platform):
        check_acyclic(self._machine)
        m = Module()
        machine = self._machine
        self._running, self._expired = Signal(), Signal()
        m.submodules.tiles = tiles = self._tiles()
        channels = []
        for channel in machine.channels:
            controller = self.CHANNEL(machine=machine, index=channel.index)
            m.submodules[f"hbm_{channel.edge}_{channel.x}_{channel.y}"] = controller
            wiring.connect(m, tiles.request[channel.index], controller.request)
            wiring.connect(m, controller.data, tiles.data[channel.index])
            m.d.comb += [
                controller.latency.eq(self.hbm_latency),
                controller.bytes_per_cycle.eq(self.hbm_bytes_per_cycle),
                controller.count.eq(self._running),
                controller.dump.eq(self.dump),
            ]
            channels.append(controller)

        for name in ("boot_address", "boot_words", "stall_rate", "stall_seed"):
            m.d.comb += getattr(tiles, name).eq(getattr(self, name))
        m.d.comb += [
            tiles.run.eq(self._running),
            tiles.stop.eq(self.error),
            tiles.expired.eq(self._expired),
        ]
        cycle = self._control(m, tiles, channels)
        self._models(m, tiles, channels, cycle)
        self._probe(m, tiles, channels)
        return m

    def _tiles(self):
        if self._native:
            return NativeTiles(machine=self._machine, events=self._events)
        return TileArray(
            machine=self._machine,
            stall=self._stall,
            transport=self._transport,
            events=self._events,
            waves=self._waves,
        )

    def _control(self, m, tiles, channels) -> Signal:
        """Start, stop and watch the run; return the number of its cycle."""
        booted, done, alive, failed = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            booted.eq(tiles.booted),
            done.eq(tiles.done),
            alive.eq(tiles.alive | Cat(~channel.idle for channel in channels).any()),
            failed.eq(tiles.error | Cat(channel.error for channel in channels).any()),
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
            self._log(m, tiles, cycle)
        if self._waves:
            add_waves(
                m,
                self._machine,
                tiles.tiles,
                channels,
                on=self._running,
                finished=self.finished,
                cycle=cycle,
                hbm_latency=self.hbm_latency,
                hbm_bytes_per_cycle=self.hbm_bytes_per_cycle,
            )

    def _probe(self, m, tiles, channels):
        values = []
        for channel in channels:
            numbers = Array(
                [channel.words_read, channel.words_written, channel.error, channel.idle]
            )
            values.append(numbers[self.probe_index[:2]])
        count = self._machine.mesh.tiles
        m.d.comb += [
            tiles.probe_target.eq(self.probe_target),
            tiles.probe_index.eq(self.probe_index),
        ]
        m.d.sync += self.probe_data.eq(
            Mux(
                self.probe_target < count,
                tiles.probe_data,
                Array(values)[self.probe_target - count],
            )
        )

    def _log(self, m, tiles, cycle):
        m.submodules.event_log = Instance(
            "event_log",
            ("p", "TILES", self._machine.mesh.tiles),
            ("p", "KINDS", len(Event)),
            ("i", "clk", ClockSignal()),
            ("i", "on", self._running),
            ("i", "cycle", cycle),
            ("i", "valid", tiles.event_valid),
            ("i", "tags", tiles.event_tags),
        )
