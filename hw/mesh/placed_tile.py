"""A tile as the mesh places it."""

from amaranth import ClockDomain, ClockSignal, Instance, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring

from hw.tile.ports import tile_signature
from isa.machine import Machine

__all__ = ["PlacedTile"]


class PlacedTile(wiring.Component):
    """One placement of the module ``tile``, which is emitted once (see `hw.tile.tile.Tile`).

    With `transport`, its plain inputs and its reset are sampled at the falling edge, like the links
    (see `Transport`).
    """

    def __init__(self, *, machine: Machine, transport: bool = False, waves: bool = False):
        self._transport = transport
        super().__init__(tile_signature(machine, waves=waves))

    def elaborate(self, platform):
        m = Module()
        if self._transport:
            m.domains.falling = ClockDomain(clk_edge="neg", reset_less=True, local=True)
            m.d.comb += ClockSignal("falling").eq(ClockSignal())

        def sampled(value, name):
            if not self._transport:
                return value
            register = Signal(len(value), name=name)
            m.d.falling += register.eq(value)
            return register

        ports = [("i", "clk", ClockSignal()), ("i", "rst", sampled(ResetSignal(), "rst_sampled"))]
        for path, member, value in self.signature.flatten(self):
            name, wire = "__".join(map(str, path)), Value.cast(value)
            if member.flow == wiring.Out:
                ports.append(("o", name, wire))
            else:
                ports.append(
                    ("i", name, wire if len(path) > 1 else sampled(wire, f"{name}_sampled"))
                )
        m.submodules.tile = Instance("tile", *ports)
        return m
