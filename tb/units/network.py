"""A mesh of routers, with what enters and leaves it at its ends."""

import itertools
from collections.abc import Mapping

from amaranth import Cat, Instance, Module, Value
from amaranth.hdl import ClockSignal, ResetSignal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from isa.geometry import OPPOSITE, STEP
from isa.machine import Machine
from isa.packets import Port

__all__ = ["End", "RouterMesh", "Wires", "ends"]

End = tuple[int, int, Port]
Wires = tuple[Value, Value, Value]
"""Valid, ready and payload of a stream."""


def ends(columns: int, rows: int) -> list[End]:
    """Where a network begins and ends: the LOCAL ports of all tiles, row by row, then all outer
    ports.
    """
    tiles = [(x, y) for y in range(rows) for x in range(columns)]
    steps = [(x, y, port, (x + dx, y + dy)) for x, y in tiles for port, (dx, dy) in STEP.items()]
    return [(x, y, Port.LOCAL) for x, y in tiles] + [
        (x, y, port) for x, y, port, there in steps if there not in tiles
    ]


class RouterMesh(wiring.Component):
    """Routers in a mesh. End e of `ends` has bit e of the valid and ready ports, and one payload
    port each way.

    `members` are ports that a subclass has besides `MEMBERS`; with reduction routers there is
    `waiting`, a bit for each.
    """

    MEMBERS = ("i_valid", "i_ready", "i_payload", "o_valid", "o_ready", "o_payload", "mismatch")

    def __init__(
        self,
        *,
        machine: Machine,
        router: wiring.Component,
        members: Mapping[str, wiring.Member] | None = None,
    ):
        self.mesh = machine.mesh
        self.router = router
        self.ends = ends(self.mesh.columns, self.mesh.rows)
        count, flit = len(self.ends), data.Layout.cast(router.i[0].payload.shape()).size
        self.mismatches, self.waits = hasattr(router, "mismatch"), hasattr(router, "waiting")
        members = {**(members or {}), **({"waiting": Out(self.mesh.tiles)} if self.waits else {})}
        super().__init__(
            {
                "i_valid": In(count),
                "i_ready": Out(count),
                "i_payload": In(flit).array(count),
                "o_valid": Out(count),
                "o_ready": In(count),
                "o_payload": Out(flit).array(count),
                "mismatch": Out(self.mesh.tiles),
                **members,
            }
        )

    def elaborate(self, platform):  # noqa: D102
        m = Module()
        columns, rows = self.mesh.columns, self.mesh.rows
        placed = {}
        for y, x in itertools.product(range(rows), range(columns)):
            placed[x, y] = router = wiring.PureInterface(
                self.router.signature, path=(f"router_{x}_{y}",)
            )
            ports = [("i", "clk", ClockSignal()), ("i", "rst", ResetSignal())]
            for path, member, value in router.signature.flatten(router):
                name = "__".join(map(str, path))
                ports.append(("i" if member.flow == wiring.In else "o", name, Value.cast(value)))
            m.submodules[f"router_{x}_{y}"] = Instance("router", *ports)
            m.d.comb += [router.x.eq(x), router.y.eq(y)]
        if self.mismatches:
            m.d.comb += self.mismatch.eq(Cat(router.mismatch for router in placed.values()))
        if self.waits:
            m.d.comb += self.waiting.eq(Cat(router.waiting for router in placed.values()))
        for (x, y), router in placed.items():
            for port, (dx, dy) in STEP.items():
                neighbour = placed.get((x + dx, y + dy))
                if neighbour is not None:
                    self.link(m, _wires(router.o[port]), _wires(neighbour.i[OPPOSITE[port]]))
        for end, (x, y, port) in enumerate(self.ends):
            enter, leave = placed[x, y].i[port], placed[x, y].o[port]
            self.link(m, (self.i_valid[end], self.i_ready[end], self.i_payload[end]), _wires(enter))
            self.link(m, _wires(leave), (self.o_valid[end], self.o_ready[end], self.o_payload[end]))
        return m

    def link(self, m: Module, leave: Wires, enter: Wires) -> None:
        """Lead one stream (valid, ready, payload) to another: from a router or an input end to a
        router or an output end.
        """
        m.d.comb += [enter[0].eq(leave[0]), leave[1].eq(enter[1]), enter[2].eq(leave[2])]


def _wires(stream) -> Wires:
    return stream.valid, stream.ready, Value.cast(stream.payload)
