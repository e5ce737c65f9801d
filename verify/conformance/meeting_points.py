"""Where two events can meet in one cycle, and hardware that notes which ones did.

Ports of a tile are those of the semaphores, the L1, the ejector, the streams that are merged, and
the joins of the reduction network; those of a channel are in `verify.conformance.meeting_channels`.
What is watched is ours with a simulation model beside it; no cycle depends on that.
"""

import hashlib
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

from amaranth import Cat, ClockSignal, Instance, Module, Signal

from hw.emit import emit
from hw.tile.core import TileCore
from hw.tile.tile import Tile
from isa.geometry import TileXY
from isa.instructions import Queue
from isa.machine import Machine
from isa.packets import FlitKind, Port
from isa.status import L1_CLIENTS
from tb.files import write
from tb.hardware import Design, hardware_of, in_any_mesh, verilog
from tb.runner import ROOT
from verify.conformance import meeting_channels
from verify.conformance.meeting_channels import CHANNEL_MEETINGS, CHANNEL_MODEL, WatchedMesh

__all__ = ["MEETINGS", "TILE_MEETINGS", "met_in", "watched_design"]

QUEUES = tuple(queue.name.lower() for queue in Queue)
BUMPS = ("data", "reduce", *QUEUES)
"""Sources of counts, in the order of the semaphores' ports."""
MERGES = {
    "data": ("turned", "signals", "out"),
    "signals": QUEUES,
    "request": ("boot", "load", "out"),
}


def _tile_names() -> tuple[str, ...]:
    """All meetings in a tile: the place, and the two ports."""
    found = [f"semaphores: bump {a} + bump {b}" for a, b in combinations(BUMPS, 2)]
    found += [f"semaphores: bump {a} + wait {b}" for a, b in product(BUMPS, QUEUES)]
    found += [f"semaphores: wait {a} + wait {b}" for a, b in combinations(QUEUES, 2)]
    found += [f"l1: {a} + {b}" for a, b in combinations(L1_CLIENTS, 2)]
    found += [
        f"ejector: {a} + {b}" for a, b in product(("word", "signal"), ("result", "turned result"))
    ]
    for name, inputs in MERGES.items():
        found += [f"{name} merge: {a} + {b}" for a, b in combinations(inputs, 2) if a != "boot"]
    found += [f"join: {a.name.lower()} + {b.name.lower()}" for a, b in combinations(Port, 2)]
    return tuple(found)


TILE_MEETINGS = _tile_names()
MEETINGS = (*TILE_MEETINGS, *CHANNEL_MEETINGS)


class WatchedCore(TileCore):
    """A core that tells the model ``meetings`` which pairs of its ports meet in a cycle."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        parts = self._parts
        met = [
            *_semaphores(m, parts.semaphores),
            *_pairs([port.req.valid for port in parts.l1.ports]),
            *_ejector(parts.ejector),
            *_merges(m),
            *_joins(parts.routers["reduce"]),
        ]
        assert len(met) == len(TILE_MEETINGS)
        seen = Signal(len(met))
        m.d.comb += seen.eq(Cat(met))
        m.submodules.meetings = Instance(
            "meetings",
            ("p", "PAIRS", len(met)),
            ("i", "clk", ClockSignal()),
            ("i", "on", self.run),
            ("i", "x", self.x),
            ("i", "y", self.y),
            ("i", "met", seen),
        )
        return m


def _pairs(ports):
    return [a & b for a, b in combinations(ports, 2)]


def _semaphores(m: Module, semaphores):
    """Two counts that come at once; a count that is added as a wait begins for the same semaphore;
    and two waits that are both met: one is taken, the other in the next cycle, without a count.
    """
    bumps, waits = semaphores.bump, semaphores.wait
    taken = [bump.valid & bump.ready for bump in bumps]
    fresh, granted, before, stood = [], [], [], []
    for number, wait in enumerate(waits):
        was = Signal(name=f"was_waiting{number}")
        m.d.sync += was.eq(wait.valid & ~wait.ready)
        fresh.append(wait.valid & ~was)
        granted.append(wait.valid & wait.ready)
        last, back = Signal(name=f"was_granted{number}"), Signal(name=f"stood_back{number}")
        m.d.sync += [
            last.eq(granted[-1]),
            back.eq(fresh[-1] & ~wait.ready & ~Cat(taken).any()),
        ]
        before.append(last)
        stood.append(back)
    yield from _pairs([bump.valid for bump in bumps])
    for bump, wait in product(range(len(bumps)), range(len(waits))):
        same = bumps[bump].payload == waits[wait].payload.sem
        yield taken[bump] & fresh[wait] & same
    for a, b in combinations(range(len(waits)), 2):
        yield before[a] & stood[b] & granted[b] | before[b] & stood[a] & granted[a]


def _ejector(ejector):
    for kind in (FlitKind.WRITE, FlitKind.SIGNAL):
        for turn in (0, 1):
            data, reduce = ejector.data, ejector.reduce
            word = data.valid & (data.payload.kind == kind)
            yield word & reduce.valid & (reduce.payload.turn == turn)


def _merges(m: Module):
    for name, inputs in MERGES.items():
        merge = m.submodules[name if name == "signals" else f"{name}_merge"]
        for a, b in combinations(range(len(inputs)), 2):
            if inputs[a] != "boot":
                yield merge.i[a].valid & merge.i[b].valid


def _joins(router):
    """Members of one collective that come in at two inputs at once."""
    for a, b in combinations(Port, 2):
        one, other = router.i[a], router.i[b]
        same = one.payload.tag == other.payload.tag
        yield one.valid & one.ready & other.valid & other.ready & same


class WatchedTile(Tile):
    """A tile around a `WatchedCore`."""

    CORE: Callable = WatchedCore


_MODEL = """
module meetings #(parameter PAIRS = 1) (
    input wire clk, input wire on, input wire [5:0] x, input wire [5:0] y,
    input wire [PAIRS-1:0] met
);
    reg [PAIRS-1:0] seen = 0;
    string folder;
    integer file;
    always @(posedge clk) if (on) seen <= seen | met;
    final if ($value$plusargs("hbm_dir=%s", folder)) begin
        file = $fopen($sformatf("%s/met_%0d_%0d.txt", folder, x, y), "w");
        $fwrite(file, "%b", seen);
        $fclose(file);
    end
endmodule
"""


def watched_design(machine: Machine) -> Design:
    """Our mesh with tiles and channels that are watched."""
    files = verilog(machine, native=True)
    hardware = hardware_of(machine)

    def tile() -> str:
        return emit(WatchedTile(machine=in_any_mesh(hardware), gated=True), "tile") + _MODEL

    def mesh() -> str:
        return emit(WatchedMesh(machine=hardware, native=True), "mesh") + CHANNEL_MODEL

    watched = {"tile.v": _kept(files["tile.v"], tile), "mesh.v": _kept(files["mesh.v"], mesh)}
    return Design({**files, **watched})


def _kept(text: str, make: Callable[[], str]) -> str:
    """What `make` gives, kept by the text of what is not watched: emission takes seconds."""
    watching = "".join(Path(module).read_text() for module in (__file__, meeting_channels.__file__))
    name = hashlib.sha256((text + watching).encode()).hexdigest()[:16]
    kept = ROOT / "build" / "verilog" / f"{name}.v"
    if not kept.exists():
        write(kept, make())
    return kept.read_text()


def met_in(folder: Path, tile: TileXY) -> set[str]:
    """The meetings that a tile had in a run whose files are in a folder."""
    text = (folder / f"met_{tile[0]}_{tile[1]}.txt").read_text()
    return {name for name, bit in zip(TILE_MEETINGS, reversed(text), strict=True) if bit == "1"}
