"""The tile: the module that is emitted once and placed everywhere."""

from amaranth import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.tile.core import TileCore
from hw.tile.ports import GATED, tile_signature
from isa.machine import Machine

__all__ = ["Tile"]


class Tile(wiring.Component):
    """One tile, the same wherever it is placed: its position comes in as ``x`` and ``y``.

    After reset it boots (`BootLoader`) and raises ``booted``; its queues run from two cycles after
    ``run`` rises, until all have executed HALT (``done``). The first error is kept in the status
    probes and raises ``error``; while ``stop`` is 1 the queues issue nothing more. ``alive`` is 1
    in cycles in which anything moves.

    Reset and all plain inputs go through a register first. That is good for timing, and a simulator
    would otherwise look at everything that depends on them whenever any input changes.

    Parameters
    ----------
    machine : :class:`Machine`
        Machine description.
    waves : bool
        Show what waveforms need, see `hw.tile.inside`.
    gated : bool
        Clock the parts `GATED` by inputs of their own, ``clk_<name>``: ``clk``, or held low in a
        cycle in which ``awake`` and the links let the part sleep. No cycle and no bit depends on
        it.

    Members
    -------
    See `tile_signature`.
    """

    CORE = TileCore
    """What it is around; a simulation that watches more puts its own in."""

    def __init__(self, *, machine: Machine, waves: bool = False, gated: bool = False):
        self._machine = machine
        self._options = {"waves": waves, "gated": gated}
        self._clocks = {f"clk_{name}": In(1) for name in GATED if gated}
        signature = tile_signature(machine, **self._options)
        super().__init__(wiring.Signature({**signature.members, **self._clocks}))

    def elaborate(self, platform):
        m = Module()
        core = self.CORE(machine=self._machine, **self._options)
        reset = Signal(init=1, reset_less=True)
        m.d.sync += reset.eq(ResetSignal())
        m.domains.core = ClockDomain(local=True)
        m.d.comb += [ClockSignal("core").eq(ClockSignal()), ResetSignal("core").eq(reset)]
        for name in self._clocks:
            domain = name.removeprefix("clk_")
            m.domains += ClockDomain(domain, local=True)
            m.d.comb += [
                ClockSignal(domain).eq(getattr(self, name)),
                ResetSignal(domain).eq(reset),
            ]
        m.submodules.core = DomainRenamer("core")(core)
        for name, member in core.signature.members.items():
            outer, inner = getattr(self, name), getattr(core, name)
            if member.is_signature:
                for theirs, ours in zip(inner, outer, strict=True):
                    wiring.connect(m, theirs, wiring.flipped(ours))
            elif member.flow == In:
                register = Signal.like(outer, name=f"{name}_register", reset_less=True)
                m.d.sync += register.eq(outer)
                m.d.comb += inner.eq(register)
            else:
                m.d.comb += outer.eq(inner)
        return m
