"""One tile of a mesh, whole: a bench that is its neighbours and its HBM, and compares with golden.

``examples/tile.py`` is a test with it.
"""

import random

import numpy as np
from cocotb.triggers import RisingEdge

from hw.emit import port_names
from hw.layouts import SHAPE, data_flit, reduce_flit, request_flit, shape_of
from hw.tile.ports import tile_signature
from isa.geometry import STEP, Rectangle, TileXY
from isa.instructions import EdgePort, Queue
from isa.packets import FLITS, Port
from isa.status import ErrorCode, Probe, QueueState
from programs.text.listing import Listing
from tb.hardware import tile_verilog
from tb.run_program import run_on_golden
from tb.runner import build, run
from tb.units.bench import start
from tb.units.links import LinkDriver, LinkMonitor
from tb.units.neighbours import HbmModel, neighbour_flits
from tb.verdict import differing_words, unmet

__all__ = ["TileBench", "run_tile"]

_LAYOUTS = {"data": data_flit, "request": request_flit, "reduce": reduce_flit}
_PLAIN = ("boot_words", "run", "stop", "expired", "probe_index")
_QUIET = 64
"""Cycles in which nothing moves, after which a tile has come to its end."""
_MOST_CYCLES = 20_000


def run_tile(listing: Listing, module: str, *, seed: int = 1):
    """Build the tile of a text's machine and run the cocotb tests of a module on it; the folder
    in which they ran.

    Raises
    ------
    SimulationFailure
        If a test fails.
    """
    ports = ["clk", "rst", *port_names(tile_signature(listing.machine))]
    text = tile_verilog(listing.machine)
    return run(build({"tile.v": text}, "tile", public={"tile": ports}), module, seed=seed)


class TileBench:
    """A tile in a mesh of its own and its direct neighbours: 1 to 3 tiles in a row or a column.

    The tile runs its program of the text. Neighbours do not run: what their programs put and reduce
    is driven into the tile's links, and what leaves the tile is monitored and written to their L1.
    Requests that leave by any link are answered as the HBM channels would, the tile's boot first,
    as late as the bench likes. The golden machine runs all programs of the text for comparison.

    Parameters
    ----------
    dut
        A tile with the ports of `hw.tile.ports.tile_signature`, of ours or any other.
    listing
        The text, with no contents for the L1 of the tile: whoever looks at ports cannot put them
        there.
    tile
        Which of the mesh's tiles it is.
    seed
        Of gaps, refusals and latencies.
    stall
        Probability that a link refuses a flit in a cycle, or offers none.

    Raises
    ------
    ValueError
        If the mesh or a neighbour's program is not like that, or a reduction has another root.
    """

    def __init__(self, dut, listing: Listing, *, tile: TileXY, seed: int = 1, stall: float = 0.0):
        self.dut, self.listing, self.tile, self.seed = dut, listing, tile, seed
        self._rng = random.Random(seed)
        self._sides = _sides(listing, tile)
        machine = listing.machine
        self.l1 = {place: np.zeros(machine.tile.l1_bytes, np.uint8) for place in listing.tiles}
        """Of the neighbours; that of the tile itself is hidden in it."""
        listing.fill_l1(self.l1)
        if self.l1[tile].any():
            raise ValueError(f"{listing.path}: .l1 of the tile under test: must be empty")
        self.hbm = [HbmModel(listing, content) for content in listing.hbm()]
        self.counts = {place: [0] * machine.tile.semaphores for place in self._sides.values()}
        """Semaphores of the neighbours."""
        layouts = {network: _LAYOUTS[network](machine.tile) for network in FLITS}
        self.drivers = {
            (network, port): LinkDriver(
                dut, f"{network}_i__{port - 1}", layout, self._rng, gaps=stall
            )
            for network, layout in layouts.items()
            for port in STEP
        }
        self.monitors = {
            (network, port): LinkMonitor(
                dut, f"{network}_o__{port - 1}", layout, self._rng, refuse=stall
            )
            for network, layout in layouts.items()
            for port in STEP
        }
        self._late: list[tuple[int, Port, dict[str, int]]] = []
        self.cycles = 0

    async def boot(self) -> int:
        """Reset, and let the tile fetch its program; the cycles that took."""
        dut, machine = self.dut, self.listing.machine
        (dut.x.value, dut.y.value), shape = self.tile, SHAPE.const(shape_of(machine))
        dut.mesh.value = shape.as_value().value
        channel, address = machine.channels[0], machine.channel_words // 2
        words = self.hbm[0].put_image(address, self.listing.programs[self.tile].words())
        dut.boot_x.value, dut.boot_y.value = channel.x, channel.y
        dut.boot_edge.value, dut.boot_address.value = EdgePort[channel.edge.upper()], address
        await start(dut, *(getattr(dut, name) for name in _PLAIN))
        dut.boot_words.value = words
        while not int(dut.booted.value):
            await self._tick()
        return self.cycles

    async def run(self) -> int:
        """Let the neighbours send and the tile run until nothing moves; the cycles until then.

        Raises
        ------
        AssertionError
            If the tile reports an error or hangs: which queue waits for what.
        """
        for port, place in self._sides.items():
            for network, flit in neighbour_flits(self.listing, place, self.l1[place]):
                self._sent_by(place, port, network, flit)
        self.dut.run.value, began, quiet = 1, self.cycles, 0
        while quiet < _QUIET:
            await self._tick()
            assert not int(self.dut.error.value), await self._why("stopped")
            assert self.cycles - began < _MOST_CYCLES, await self._why("hangs")
            busy = self._late or any(map(len, self.drivers.values()))
            moves = busy or int(self.dut.alive.value) or not int(self.dut.done.value)
            quiet = 0 if moves else quiet + 1
        return self.cycles - began - _QUIET

    async def check(self) -> None:
        """Compare HBM, the neighbours' L1, and all semaphores with the golden machine's, and golden
        with what the text expects.

        Raises
        ------
        AssertionError
            One line for each difference, or for what is wrong with the text itself.
        """
        golden, size = run_on_golden(self.listing), self.listing.machine.tile.word_bytes
        wrong = [*golden.races, *unmet(self.listing, golden)]
        wrong += [f"golden stopped: {golden.failure.text}"] if golden.failure else []
        for index, (model, ours) in enumerate(zip(self.hbm, golden.hbm, strict=True)):
            seen = model.content(len(ours) // size)
            wrong += differing_words(f"HBM channel {index}", ours, seen, size)
        for place, counts in {**self.counts, self.tile: await self._semaphores()}.items():
            if place != self.tile:
                where = f"L1 of tile {place}"
                wrong += differing_words(where, golden.l1[place], self.l1[place], size)
            pairs = zip(golden.semaphores[place], counts, strict=True)
            for semaphore, (count, has) in enumerate(pairs):
                if count != has:
                    name = self.listing.named(f"semaphore {semaphore}")
                    wrong.append(f"{name} of tile {place}: golden {count}, RTL {has}")
        assert not wrong, "\n".join([f"tile {self.tile}, seed {self.seed}:", *wrong])

    async def probe(self, index: int) -> int:
        """A value of the tile, see `isa.status.Probe`."""
        self.dut.probe_index.value = index
        for _ in range(4):
            await self._tick()
        return int(self.dut.probe_data.value)

    async def _semaphores(self) -> list[int]:
        count = self.listing.machine.tile.semaphores
        return [await self.probe(Probe.SEMAPHORE + index) for index in range(count)]

    async def _why(self, what: str) -> str:
        error = await self.probe(Probe.ERROR)
        if code := error & 0xFF:
            return f"the tile {what}: {ErrorCode(code).name}, slot {error >> 16}"
        lines = []
        for queue in Queue:
            pc, state, semaphore, count = [
                await self.probe(Probe.QUEUE + 16 * queue + index) for index in range(4)
            ]
            if state in (QueueState.WAIT0, QueueState.WAIT1):
                where = self.listing.where(self.tile, queue, pc)
                name = self.listing.semaphores.get(semaphore, semaphore)
                lines.append(f"{where}: {queue.name.lower()} waits for {name} >= {count}")
        return "\n".join([f"the tile {what} after {self.cycles} cycles:", *lines])

    async def _tick(self) -> None:
        """Let one cycle pass on all links."""
        await RisingEdge(self.dut.clk)
        self.cycles += 1
        while self._late and self._late[0][0] <= self.cycles:
            _, port, flit = self._late.pop(0)
            self.drivers["data", port].send(flit)
        for driver in self.drivers.values():
            driver.tick()
        for (network, port), monitor in self.monitors.items():
            taken = monitor.tick()
            if taken is not None:
                self._left(network, port, taken)

    def _left(self, network: str, port: Port, flit: dict[str, int]) -> None:
        """A flit has left the tile."""
        if network == "request":
            index = next(
                c.index
                for c in self.listing.machine.channels
                if (c.x, c.y, EdgePort[c.edge.upper()]) == (flit["x"], flit["y"], flit["edge"])
            )
            at = self.cycles + self._rng.randrange(1, 40)
            at = max(at, self._late[-1][0] if self._late else 0)  # answers keep their order
            self._late += [(at, port, answer) for answer in self.hbm[index].answer(flit)]
        elif network == "data" and port in self._sides:
            self._deliver(self._sides[port], flit)
        else:
            raise AssertionError(f"a {network} flit left by the {port.name.lower()} link: {flit}")

    def _sent_by(self, place: TileXY, port: Port, network: str, flit: dict[str, int]) -> None:
        """A neighbour sends: into the tile's link, and to itself if it is meant, too."""
        root = (flit.get("root_x"), flit.get("root_y"))
        if network == "reduce" and root != self.tile:
            raise ValueError(f"a reduction's root must be the tile under test, not {root}")
        if network == "data" and place in _rectangle(flit):
            self._deliver(place, flit)
        if network == "reduce" or _rectangle(flit) != Rectangle(*place, *place):
            self.drivers[network, port].send(flit)

    def _deliver(self, place: TileXY, flit: dict[str, int]) -> None:
        """A data flit arrives at a neighbour."""
        assert place in _rectangle(flit), f"tile {place} got a flit that is not for it: {flit}"
        size = self.listing.machine.tile.word_bytes
        if flit["kind"] == 0:
            at = slice(flit["addr"] * size, (flit["addr"] + 1) * size)
            self.l1[place][at] = np.frombuffer(flit["data"].to_bytes(size, "little"), np.uint8)
        self.counts[place][flit["sem"]] += flit["bump"]


def _rectangle(flit: dict[str, int]) -> Rectangle:
    return Rectangle(flit["x0"], flit["y0"], flit["x1"], flit["y1"])


def _sides(listing: Listing, tile: TileXY) -> dict[Port, TileXY]:
    """The neighbours by the tile's ports; they must be all other tiles of a row or a column."""
    mesh, (x, y) = listing.machine.mesh, tile
    around = {port: (x + dx, y + dy) for port, (dx, dy) in STEP.items()}
    sides = {port: place for port, place in around.items() if place in listing.tiles}
    if min(mesh.columns, mesh.rows) > 1 or {tile, *sides.values()} != set(listing.tiles):
        raise ValueError(
            f"{listing.path}: the mesh must be a row or a column of tile {tile} and its direct "
            f"neighbours, not {mesh.columns}x{mesh.rows}"
        )
    return sides
