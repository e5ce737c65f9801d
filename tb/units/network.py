"""What the benches of whole networks share: a mesh of routers, traffic at its ends, and the book of
what has to arrive.
"""

import itertools
import os
import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping

import cocotb
from amaranth import Cat, Instance, Module, Value
from amaranth.hdl import ClockSignal, ResetSignal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from hw.emit import emit, port_names
from hw.network.reduce_router import ReduceRouter
from hw.network.router import Router
from isa.geometry import OPPOSITE, STEP
from isa.machine import MACHINES, Machine
from isa.packets import Port
from tb.runner import Build, build

__all__ = ["End", "Ends", "RouterMesh", "Scoreboard", "Wires", "build_network", "ends", "machine"]

End = tuple[int, int, Port]
Wires = tuple[Value, Value, Value]
"""Valid, ready and payload of a stream."""


def machine() -> Machine:
    """The machine whose mesh is under test; its mesh comes from the environment, as
    ``COLUMNSxROWS``.
    """
    return MACHINES["mesh4"].with_mesh(os.environ.get("FLATMESH_BENCH_MESH", "4x4"))


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


def build_network(router: Router | ReduceRouter, machine: Machine) -> Build:
    """Compile a mesh of this router, which is emitted once."""
    mesh = RouterMesh(machine=machine, router=router)
    sources = {"router.v": emit(router, "router"), "network.v": emit(mesh, "network")}
    return build(
        sources,
        "network",
        public={"network": ["clk", "rst", *port_names(mesh)]},
        hierarchical=["router"],
    )


class Scoreboard:
    """What has to arrive where, and in which order from each source: exactly that, exactly once."""

    def __init__(self) -> None:
        self.missing: dict[int, dict[int, deque[int]]] = defaultdict(lambda: defaultdict(deque))
        self.arrived: Counter[int] = Counter()

    def expect(self, source: int, target: int, item: int) -> None:
        """`item` has to arrive at `target`, after what `source` was to send there before."""
        self.missing[target][source].append(item)

    def check(self, source: int, target: int, item: int) -> None:
        """`item`, which says that it comes from `source`, has arrived."""
        queue = self.missing[target][source]
        if not queue:
            raise AssertionError(f"end {target}: an item too many from {source}: {item:#x}")
        if (expected := queue.popleft()) != item:
            raise AssertionError(
                f"end {target}: from {source} expected {expected:#x}, got {item:#x}"
            )
        self.arrived[target] += 1

    @property
    def left(self) -> int:
        """Items that have not arrived."""
        return sum(len(queue) for sources in self.missing.values() for queue in sources.values())

    def __str__(self) -> str:
        missing = [
            f"{target} from {source}: {len(queue)}, next {queue[0]:#x}"
            for target, sources in self.missing.items()
            for source, queue in sources.items()
            if queue
        ]
        return f"{self.left} items missing: {'; '.join(missing[:8])}"


class Ends:
    """Drives all ends of the network: one clocked task, back-pressure and pauses at random, offers
    checked to be held.
    """

    def __init__(self, dut, seed: int):
        self.dut = dut
        self.mesh = machine().mesh
        self.ends = ends(self.mesh.columns, self.mesh.rows)
        self.rng = random.Random(seed)
        self.cycle = 0
        self.entered: dict[int, list[int]] = defaultdict(list)
        """End to the cycles in which its items were taken."""
        self.inputs = [getattr(dut, f"i_payload__{end}") for end in range(len(self.ends))]
        self.outputs = [getattr(dut, f"o_payload__{end}") for end in range(len(self.ends))]

    async def start(self) -> None:
        """Start the clock and reset."""
        Clock(self.dut.clk, 2, unit="ns", impl="gpi").start()
        await self.reset()

    async def reset(self) -> None:
        """Empty the network."""
        self.dut.i_valid.value = 0
        self.dut.o_ready.value = 0
        self.dut.rst.value = 1
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0

    async def run(
        self,
        items: Mapping[int, Iterable[int]],
        arrive,
        *,
        stall: float | Mapping[int, float] = 0.0,
        gap: float = 0.0,
        patience: int = 400,
        until=None,
        drain: int = 10,
    ) -> int:
        """Send `items` of each end; call ``arrive(end, item, cycle)`` for what leaves; return the
        cycles it took.

        Ends after `drain` quiet cycles once ``until()`` (default: everything was sent) is true.

        Raises
        ------
        AssertionError
            If nothing moves for `patience` cycles, or an offer is changed or taken back.
        """
        dut, rng, count = self.dut, self.rng, len(self.ends)
        queues = {end: deque(queue) for end, queue in items.items() if queue}
        stalls = stall if isinstance(stall, Mapping) else dict.fromkeys(range(count), stall)
        offered = ready = held = 0
        started = moved = self.cycle
        while True:
            for end, queue in queues.items():
                if queue and not offered >> end & 1 and rng.random() >= gap:
                    offered |= 1 << end
                    self.inputs[end].value = queue[0]
            ready = sum((rng.random() >= stalls[end]) << end for end in range(count))
            dut.i_valid.value = offered
            dut.o_ready.value = ready
            await RisingEdge(dut.clk)
            self.cycle += 1
            taken, valid = offered & int(dut.i_ready.value), int(dut.o_valid.value)
            assert not held & ~valid, (
                f"cycle {self.cycle}: an offer was taken back at ends {held & ~valid:#x}"
            )
            held = valid & ~ready
            for end in _bits(taken):
                queues[end].popleft()
                self.entered[end].append(self.cycle)
            offered &= ~taken
            for end in _bits(valid & ready):
                arrive(end, int(self.outputs[end].value), self.cycle)
            if taken or valid & ready:
                moved = self.cycle
            sent = not any(queues.values())
            if sent and (until is None or until()) and self.cycle - moved >= drain:
                return moved - started
            assert self.cycle - moved < patience, (
                f"nothing moves since cycle {moved}; {self._where(queues, valid)}"
            )

    def _where(self, queues, valid) -> str:
        waiting = [f"{self.ends[end]}: {len(queue)}" for end, queue in queues.items() if queue]
        return f"unsent {waiting[:6]}, offered at {[self.ends[end] for end in _bits(valid)]}, seed {cocotb.RANDOM_SEED}"


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
