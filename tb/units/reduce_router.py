"""Bench of a reduction network: collectives of all shapes at once, bit-exact under back-pressure;
rates; wrong orders.
"""

import itertools
import random
from typing import NamedTuple

import cocotb
import numpy as np

from golden.reduction import combine
from hw.layouts import reduce_flit
from isa.formats import canonical
from isa.geometry import Rectangle
from isa.instructions import Format, ReduceOp
from isa.timing import reduce_hop_cycles
from tb.noc.reductions import may_overlap
from tb.units.network import Ends, Scoreboard, machine

TILE = machine().tile
MESH = machine().mesh
FLIT = reduce_flit(TILE)
TILES = [(x, y) for y in range(MESH.rows) for x in range(MESH.columns)]
LANES = TILE.link_bits // 32

Words = np.ndarray
"""One word: FP32 bits."""


class Shape(NamedTuple):
    """Members and root of a reduction."""

    x0: int
    y0: int
    x1: int
    y1: int
    root_x: int
    root_y: int

    @property
    def rectangle(self) -> Rectangle:
        """The members."""
        return Rectangle(self.x0, self.y0, self.x1, self.y1)

    @property
    def root(self) -> tuple[int, int]:
        """Where the result goes."""
        return self.root_x, self.root_y


class Reductions:
    """Reductions that all tiles issue in one order (or not), and a book of their results at the
    roots.
    """

    def __init__(self, network: Ends, rng: random.Random):
        self.network, self.rng, self.numbers = (
            network,
            rng,
            np.random.default_rng(rng.getrandbits(32)),
        )
        self.book = Scoreboard()
        self.issue: dict[int, list[list[int]]] = {}
        """End to its flits, collective by collective."""
        self.arrivals: list[int] = []

    def word(self) -> Words:
        """Choose FP32 bits: mostly of similar size, some of anything."""
        ordinary = self.numbers.standard_normal(LANES).astype(np.float32).view(np.uint32)
        wild = canonical(
            self.numbers.integers(0, 1 << 32, LANES, dtype=np.uint32).view(np.float32)
        ).view(np.uint32)
        return np.where(self.numbers.random(LANES) < 0.2, wild, ordinary)

    def add(self, shape: Shape, *, tag: int, op: ReduceOp, length: int) -> None:
        """Let the members issue a reduction of `length` words."""
        header = {**shape._asdict(), "tag": tag, "op": int(op), "addr": self.rng.getrandbits(16)}
        words = {
            member: np.array([self.word() for _ in range(length)])
            for member in shape.rectangle.tiles()
        }
        for (x, y), column in words.items():
            flits = [flit(**header, seq=seq, data=word) for seq, word in enumerate(column)]
            self.issue.setdefault(TILES.index((x, y)), []).append(flits)
        members = {member: column.view(np.float32) for member, column in words.items()}
        results = combine(members, shape.rectangle, shape.root, op).view(np.uint32)
        root = TILES.index(shape.root)
        for seq, result in enumerate(results):
            self.book.expect(tag, root, flit(**header, seq=seq, data=result))

    def fill(self, count: int, *, inside: bool, length: int = 6) -> "Reductions":
        """Add random reductions that may be under way together; with the root `inside` the
        rectangle any may.
        """
        shapes: list[Shape] = []
        while len(shapes) < count:
            x0, x1 = sorted(self.rng.choices(range(MESH.columns), k=2))
            y0, y1 = sorted(self.rng.choices(range(MESH.rows), k=2))
            root = (
                (self.rng.randint(x0, x1), self.rng.randint(y0, y1))
                if inside
                else self.rng.choice(TILES)
            )
            shape = Shape(x0, y0, x1, y1, *root)
            if all(may_overlap(shape, other) for other in shapes):
                shapes.append(shape)
            else:
                assert not inside, f"the rule must hold for {shape}"
                count -= 1
        for tag, shape in enumerate(shapes):
            self.add(
                shape,
                tag=tag,
                op=self.rng.choice(list(ReduceOp)),
                length=self.rng.randint(1, length),
            )
        return self

    def arrive(self, end: int, item: int, cycle: int) -> None:
        """Check a result."""
        self.book.check(item >> FLIT["tag"].offset & 0xFF, end, item)
        self.arrivals.append(cycle)

    async def run(self, **options) -> int:
        """Issue everything in one order; the cycles until the last result."""
        items = {
            end: list(itertools.chain.from_iterable(flits)) for end, flits in self.issue.items()
        }
        cycles = await self.network.run(
            items, self.arrive, until=lambda: not self.book.left, **options
        )
        assert not self.book.left, str(self.book)
        assert not int(self.network.dut.mismatch.value)
        return cycles


def flit(*, data: Words, **fields: int) -> int:
    """Pack a flit."""
    return (
        FLIT.const({**fields, "data": int.from_bytes(data.astype("<u4").tobytes(), "little")})
        .as_value()
        .value
    )


async def started(dut) -> tuple[Ends, random.Random]:
    """Network and random numbers of a test."""
    network = Ends(dut, cocotb.RANDOM_SEED)
    await network.start()
    return network, random.Random(cocotb.RANDOM_SEED)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(inside=[True, False], stall=[0.0, 0.5, 0.9], gap=[0.0, 0.5])
async def reductions_in_one_order_are_exact(dut, inside, stall, gap):
    """Many at once, of all shapes, from tiles that are more or less eager, to roots that are more
    or less ready.
    """
    network, rng = await started(dut)
    for _ in range(3):
        await Reductions(network, rng).fill(30, inside=inside).run(stall=stall, gap=gap)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(op=list(ReduceOp))
async def latencies_and_rates(dut, op):
    """Rows and columns: a hop costs what `ReduceRouter.latency` says, and a result comes every
    cycle.
    """
    network, rng = await started(dut)
    columns, rows = MESH.columns, MESH.rows
    for root_x in range(columns):
        reductions = Reductions(network, rng)
        reductions.add(Shape(0, 0, columns - 1, 0, root_x, 0), tag=1, op=op, length=100)
        await reductions.run()
        begin = network.entered[0][-100]

        def hops(distance):
            return (distance > 0) * reduce_hop_cycles(op, Format.FP32, 1, 1) + max(
                0, distance - 1
            ) * reduce_hop_cycles(op, Format.FP32, 2, 1)

        inputs = 1 + (root_x > 0) + (root_x < columns - 1)
        latency = max(hops(root_x), hops(columns - 1 - root_x)) + reduce_hop_cycles(
            op, Format.FP32, inputs, 1
        )
        assert [cycle - begin for cycle in reductions.arrivals] == list(
            range(latency, latency + 100)
        ), root_x
    reductions = Reductions(network, rng)
    reductions.add(
        Shape(0, 0, columns - 1, rows - 1, columns // 2, rows // 2), tag=1, op=op, length=100
    )
    cycles = await reductions.run()
    dut._log.info(f"{op.name} over the whole mesh: {cycles} cycles for 100 words")
    assert cycles <= 2 * 100 + 10 * (columns + rows)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def all_rows_then_all_columns(dut):
    """What attention does: every row at once, then every column, from the same queues; nobody waits
    for the other rows.
    """
    network, rng = await started(dut)
    reductions = Reductions(network, rng)
    for y in range(MESH.rows):
        reductions.add(
            Shape(0, y, MESH.columns - 1, y, MESH.columns // 2, y),
            tag=y,
            op=ReduceOp.SUM,
            length=50,
        )
    for x in range(MESH.columns):
        reductions.add(
            Shape(x, 0, x, MESH.rows - 1, x, MESH.rows // 2), tag=32 + x, op=ReduceOp.MAX, length=50
        )
    cycles = await reductions.run()
    dut._log.info(f"rows, then columns: {cycles} cycles for 50 + 50 words a tile")
    assert cycles <= 100 + 6 * (MESH.columns + MESH.rows)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_wrong_order_is_reported_and_never_summed(dut):
    """Two tiles of a row issue two reductions in different orders: the error is raised, and no
    wrong result comes out.
    """
    network, rng = await started(dut)
    for number in range(4):
        reductions = Reductions(network, rng)
        y = number % MESH.rows
        shape = Shape(0, y, MESH.columns - 1, y, rng.randrange(MESH.columns), y)
        for tag in range(2):
            reductions.add(shape, tag=tag, op=ReduceOp.SUM, length=4)
        culprit = rng.choice(list(reductions.issue))
        reductions.issue[culprit].reverse()
        items = {
            end: list(itertools.chain.from_iterable(flits))
            for end, flits in reductions.issue.items()
        }
        hung = False
        try:
            await network.run(
                items,
                reductions.arrive,
                patience=60,
                until=lambda book=reductions.book: not book.left,
            )
        except AssertionError as error:
            assert "nothing moves" in str(error)
            hung = True
        assert hung and int(dut.mismatch.value)
        await network.reset()
