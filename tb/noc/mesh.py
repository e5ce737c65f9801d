"""A mesh of routers with a source and a sink at every end: traffic is played and logged inside the
simulator.
"""

from collections.abc import Callable
from pathlib import Path

from amaranth import ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.emit import emit, port_names
from isa.machine import Machine
from tb.runner import Build, build
from tb.units.network import RouterMesh

__all__ = ["ALWAYS", "Bench", "build_bench"]

ALWAYS = 1 << 16
"""Value of a sink's `stall` that takes nothing."""
HERE = Path(__file__).parent


class Bench(wiring.Component):
    """A `RouterMesh` between the sources and sinks of ``traffic.v``, and their referee.

    Members
    -------
    go : ``In(1)``
        Start the next run of the sources' files, in the cycle after the reset.
    expected, drain, patience, limit, seed : ``In(32)``
        See ``noc_referee``; seed of the sinks' hesitation.
    stall : ``In(17).array(ends)``
        By end: the sink refuses in `stall` of 2^16 cycles.
    cycle, age, entered, arrived, moved, alarm, done, hung, over : ``Out``
        See ``noc_referee``.
    broken : ``Out(ends)``
        Sinks at which an offer was changed or taken back.
    mismatch : ``Out(tiles)``
        Reduction routers that report a mismatch.

    What the network has besides the members of a `RouterMesh` is passed on.
    """

    def __init__(self, *, network: RouterMesh):
        self.network = network
        count = len(network.ends)
        inputs = dict.fromkeys(("expected", "drain", "patience", "limit", "seed"), In(32))
        outputs = dict.fromkeys(("cycle", "age", "entered", "arrived", "moved", "alarm"), Out(32))
        self.more = {
            name: member
            for name, member in network.signature.members.items()
            if name not in RouterMesh.MEMBERS
        }
        super().__init__(
            {
                "go": In(1),
                **inputs,
                "stall": In(17).array(count),
                **outputs,
                "done": Out(1),
                "hung": Out(1),
                "over": Out(1),
                "broken": Out(count),
                "mismatch": Out(network.mesh.tiles),
                **self.more,
            }
        )

    def elaborate(self, platform):  # noqa: D102
        m = Module()
        m.submodules.network = network = self.network
        count = len(network.ends)
        width = self.network.i_payload[0].shape().width
        clock = [("i", "clk", ClockSignal()), ("i", "rst", ResetSignal())]
        active, entering, leaving, eager = Signal(count), Signal(count), Signal(count), Signal()
        for end in range(count):
            m.submodules[f"source_{end}"] = Instance(
                "noc_source",
                ("p", "WIDTH", width),
                *clock,
                ("i", "go", self.go),
                ("i", "index", Const(end, 16)),
                ("i", "age", self.age),
                ("i", "cycle", self.cycle),
                ("o", "valid", network.i_valid[end]),
                ("i", "ready", network.i_ready[end]),
                ("o", "flit", network.i_payload[end]),
                ("o", "active", active[end]),
                ("o", "taken", entering[end]),
            )
            m.submodules[f"sink_{end}"] = Instance(
                "noc_sink",
                ("p", "WIDTH", width),
                *clock,
                ("i", "index", Const(end, 16)),
                ("i", "cycle", self.cycle),
                ("i", "seed", self.seed),
                ("i", "stall", self.stall[end]),
                ("i", "eager", eager),
                ("i", "valid", network.o_valid[end]),
                ("o", "ready", network.o_ready[end]),
                ("i", "flit", network.o_payload[end]),
                ("o", "taken", leaving[end]),
                ("o", "broken", self.broken[end]),
            )
        settings = [
            ("i", name, getattr(self, name))
            for name in ("go", "expected", "drain", "patience", "limit")
        ]
        results = [
            ("o", name, getattr(self, name))
            for name in (
                "cycle",
                "age",
                "entered",
                "arrived",
                "moved",
                "alarm",
                "done",
                "hung",
                "over",
            )
        ]
        m.submodules.referee = Instance(
            "noc_referee",
            ("p", "ENDS", count),
            *clock,
            *settings,
            *results,
            ("o", "eager", eager),
            ("i", "active", active),
            ("i", "entering", entering),
            ("i", "leaving", leaving),
            ("i", "alarming", network.mismatch.any()),
        )
        m.d.comb += self.mismatch.eq(network.mismatch)
        for name, member in self.more.items():
            inner, outer = getattr(network, name), getattr(self, name)
            m.d.comb += inner.eq(outer) if member.flow == wiring.In else outer.eq(inner)
        return m


def build_bench(
    router: wiring.Component,
    machine: Machine,
    *,
    network: Callable[..., RouterMesh] = RouterMesh,
    probe: str | None = None,
    inside: str = "",
    hierarchical: bool = False,
) -> Build:
    """Compile the bench of a mesh of this router, a `Router` or `ReduceRouter`.

    `network` makes the mesh of `machine` and `router`. `probe` names a Verilog file: it binds
    itself into the routers, or `inside` is the text that places it there. With `hierarchical`, a
    router is compiled once for all of them: sooner built where routers are large, and slower.
    """
    bench = Bench(network=network(machine=machine, router=router))
    sources = {
        # The router is the first module of its file.
        "router.v": emit(router, "router").replace("endmodule", f"{inside}\nendmodule", 1),
        "bench.v": emit(bench, "bench"),
        "traffic.v": (HERE / "traffic.v").read_text(),
    }
    if network is not RouterMesh:
        sources["fault.v"] = (HERE / "fault.v").read_text()
    if probe:
        sources[probe] = (HERE / probe).read_text()
    return build(
        sources,
        "bench",
        public={"bench": ["clk", "rst", *port_names(bench)]},
        hierarchical=["router"] if hierarchical else [],
    )
