"""Bench of a data network: multicasts of all shapes, from tiles and outer ports, under
back-pressure; rates, latencies.
"""

import itertools
import random
from collections.abc import Callable
from typing import NamedTuple

import cocotb

from hw.layouts import data_flit
from isa.packets import Port
from tb.units.network import Ends, Scoreboard, machine

FLIT = data_flit(machine().tile)
MESH = machine().mesh
TILES = [(x, y) for y in range(MESH.rows) for x in range(MESH.columns)]
SOURCE_BITS = 8

Rectangle = tuple[int, int, int, int]
"""West column, south row, east column, north row."""


class Pattern(NamedTuple):
    """Traffic: which ends send, and what each sends next."""

    sources: Callable
    """Whether an end (x, y, port) sends."""
    choose: Callable[[random.Random, int, int], Rectangle]
    """Rectangle of the next flit of an end at tile (x, y)."""


def one(x, y):
    """Rectangle of one tile."""
    return x, y, x, y


def anything(rng, x, y):
    """Choose any rectangle."""
    x0, x1 = sorted(rng.choices(range(MESH.columns), k=2))
    y0, y1 = sorted(rng.choices(range(MESH.rows), k=2))
    return x0, y0, x1, y1


def mixed(rng, x, y):
    """Choose a tile, a row, a column or a rectangle."""
    return rng.choice(
        [
            one(*rng.choice(TILES)),
            (0, y, MESH.columns - 1, y),
            (x, 0, x, MESH.rows - 1),
            anything(rng, x, y),
        ]
    )


def local(end):
    """Whether an end is a tile."""
    return end[2] == Port.LOCAL


def everyone(end):
    """Tiles and outer ports alike."""
    return True


WHOLE = (0, 0, MESH.columns - 1, MESH.rows - 1)
CORNERS = [(x, y, Port.LOCAL) for x in {0, MESH.columns - 1} for y in {0, MESH.rows - 1}]
PATTERNS = {
    "uniform": Pattern(local, lambda rng, x, y: one(*rng.choice(TILES))),
    "transpose": Pattern(local, lambda rng, x, y: one(y % MESH.columns, x % MESH.rows)),
    "complement": Pattern(local, lambda rng, x, y: one(MESH.columns - 1 - x, MESH.rows - 1 - y)),
    "hotspot": Pattern(
        everyone, lambda rng, x, y: one(*TILES[rng.choice([0, 0, rng.randrange(len(TILES))])])
    ),
    # What hangs a network whose multicasts lock their outputs: rows against each other, everybody
    # to everybody.
    "row all-gather": Pattern(local, lambda rng, x, y: (0, y, MESH.columns - 1, y)),
    "column all-gather": Pattern(local, lambda rng, x, y: (x, 0, x, MESH.rows - 1)),
    "four broadcasts": Pattern(lambda end: end in CORNERS, lambda rng, x, y: WHOLE),
    "all broadcast": Pattern(everyone, lambda rng, x, y: WHOLE),
    "rectangles": Pattern(everyone, anything),
    "mixed": Pattern(everyone, mixed),
}


class Traffic:
    """Random flits with a book of their copies. The word of a flit names its source, the rest of it
    is random.
    """

    def __init__(self, network: Ends, rng: random.Random):
        self.network, self.rng = network, rng
        self.book = Scoreboard()
        self.index = {end: number for number, end in enumerate(network.ends)}
        self.items: dict[int, list[int]] = {}
        self.latest: list[tuple[int, int]] = []
        """End and cycle of each arrival."""

    def send(self, source: int, rectangle: Rectangle) -> None:
        """Queue a flit."""
        x0, y0, x1, y1 = rectangle
        word = self.rng.getrandbits(FLIT["data"].width - SOURCE_BITS) << SOURCE_BITS | source
        fields = {
            "x0": x0,
            "y0": y0,
            "x1": x1,
            "y1": y1,
            "data": word,
            "addr": self.rng.getrandbits(16),
        }
        flit = FLIT.const(fields).as_value().value
        self.items.setdefault(source, []).append(flit)
        for x, y in itertools.product(range(x0, x1 + 1), range(y0, y1 + 1)):
            self.book.expect(source, self.index[x, y, Port.LOCAL], flit)

    def fill(self, pattern: Pattern, flits: int) -> "Traffic":
        """Queue `flits` flits of every source of a pattern."""
        for source, end in enumerate(self.network.ends):
            if pattern.sources(end):
                for _ in range(flits):
                    self.send(source, pattern.choose(self.rng, end[0], end[1]))
        return self

    def arrive(self, end: int, flit: int, cycle: int) -> None:
        """Check a flit that left."""
        self.book.check(flit >> FLIT["data"].offset & (1 << SOURCE_BITS) - 1, end, flit)
        self.latest.append((end, cycle))

    async def run(self, **options) -> int:
        """Send everything; the cycles until the last copy arrived, all of them."""
        cycles = await self.network.run(
            self.items, self.arrive, until=lambda: not self.book.left, **options
        )
        assert not self.book.left, str(self.book)
        return cycles


async def started(dut):
    """Network and random numbers of a test."""
    network = Ends(dut, cocotb.RANDOM_SEED)
    await network.start()
    return network, random.Random(cocotb.RANDOM_SEED)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pattern=list(PATTERNS), stall=[0.0, 0.5, 0.9])
async def every_copy_arrives_once_and_in_order(dut, pattern, stall):
    """Scoreboard by source and target, at several levels of back-pressure."""
    network, rng = await started(dut)
    flits = max(5, int(640 * (1 - stall) / len(TILES)))
    cycles = (
        await Traffic(network, rng)
        .fill(PATTERNS[pattern], flits)
        .run(stall=stall, gap=rng.choice([0.0, 0.3]))
    )
    dut._log.info(f"{pattern}, stall {stall}: {cycles} cycles")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_sink_that_sleeps_delays_only_what_waits_for_it(dut):
    """A sink is dead for long; all else that does not queue behind it goes on; then everything
    arrives.
    """
    network, rng = await started(dut)
    sleepy = len(TILES) - 1
    traffic = Traffic(network, rng).fill(PATTERNS["mixed"], 10)
    stall = {end: 1.0 if end == sleepy else 0.2 for end in range(len(network.ends))}
    awake = 0

    def arrive(end, flit, cycle):
        nonlocal awake
        traffic.arrive(end, flit, cycle)
        awake += 1

    try:
        await network.run(traffic.items, arrive, stall=stall, patience=1200)
    except AssertionError as error:
        assert "nothing moves" in str(error)
    # The flits stand in the network now, and on the input wires: wake the sink without sending
    # anything again.
    sent = {end: len(network.entered[end]) for end in traffic.items}
    rest = {end: queue[sent[end] :] for end, queue in traffic.items.items()}
    await network.run(rest, arrive, until=lambda: not traffic.book.left)
    assert not traffic.book.left and awake == sum(traffic.book.arrived.values())


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_hop_is_a_cycle(dut):
    """Without load a flit takes one cycle a router, to every tile, from every end; so does each
    copy of a multicast.
    """
    network, rng = await started(dut)
    for source, (x, y, _) in enumerate(network.ends):
        for rectangle in (one(*rng.choice(TILES)), anything(rng, x, y)):
            traffic = Traffic(network, rng)
            traffic.send(source, rectangle)
            await traffic.run(drain=1)
            entered = network.entered[source][-1]
            for end, cycle in traffic.latest:
                there_x, there_y, _ = network.ends[end]
                assert cycle - entered == abs(there_x - x) + abs(there_y - y) + 1, (
                    source,
                    rectangle,
                )


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def rates(dut):
    """A flit a cycle between neighbours and along a broadcast; uniform traffic at least half of
    what links allow.
    """
    network, rng = await started(dut)
    if MESH.columns > 1:
        traffic = Traffic(network, rng)
        for source, (x, y) in enumerate(TILES):
            for _ in range(100 if x + 1 < MESH.columns else 0):
                traffic.send(source, one(x + 1, y))
        assert await traffic.run() <= 100 + 3
    traffic = Traffic(network, rng)
    for _ in range(100):
        traffic.send(0, WHOLE)
    assert await traffic.run() <= 100 + MESH.columns + MESH.rows
    traffic = Traffic(network, rng)
    for source, (_, y) in enumerate(TILES):
        for _ in range(40):
            traffic.send(source, (0, y, MESH.columns - 1, y))
    # Row all-gather: a tile takes one flit a cycle, of all its row's.
    bound = 40 * MESH.columns
    cycles = await traffic.run()
    dut._log.info(f"row all-gather: {cycles} cycles, bound {bound}")
    assert cycles <= 1.2 * bound + 10
    traffic = Traffic(network, rng).fill(PATTERNS["uniform"], 300)
    begin = network.cycle
    await traffic.run()
    # In the steady state: not the beginning, and not the end, when some sources have finished.
    arrived = (
        sum(begin + 50 <= cycle < begin + 300 for _, cycle in traffic.latest) / 250 / len(TILES)
    )
    bound = min(1.0, 4 / max(MESH.columns, MESH.rows))
    dut._log.info(f"uniform: {arrived:.3f} flits a tile and cycle, links allow {bound:.3f}")
    assert arrived >= 0.5 * bound
