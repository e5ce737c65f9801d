"""Counts are conserved: each taken bump adds one, each taken wait subtracts its count, nothing is
taken too early.
"""

import random

import pytest
from amaranth import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.control.semaphores import Semaphores
from isa.machine import MACHINES

TILE = MACHINES["mesh4"].tile
SMALL = TILE.model_copy(update={"semaphores": 6, "semaphore_bits": 4})


def simulate(tile, bench, *, bumps=3, waiters=4):
    dut = Semaphores(tile=tile, bumps=bumps, waiters=waiters)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def testbench(ctx):
        await bench(ctx, dut)

    sim.add_testbench(testbench)
    sim.run()


@pytest.mark.parametrize("tile", [TILE, SMALL], ids=["32 of 8 bits", "6 of 4 bits"])
@pytest.mark.parametrize("bump_rate", [0.2, 0.9])
def test_counts_are_the_models(tile, bump_rate):
    rng = random.Random(f"{tile.semaphores} {bump_rate}")
    names = [0, 1, 2, tile.semaphores - 1] + ([tile.semaphores, 31] if tile.semaphores < 32 else [])
    full = (1 << tile.semaphore_bits) - 1

    async def bench(ctx, dut):
        counts, seen = [0] * 32, {"waits": 0, "overflows": 0}
        bumps, waits = [None] * len(dut.bump), [None] * len(dut.wait)
        for cycle in range(1500):
            bumps = [
                rng.choice(names) if b is None and rng.random() < bump_rate else b for b in bumps
            ]
            waits = [
                (rng.choice(names[:4]), rng.choice([0, 1, 1, 2, 3, 7]))
                if w is None and rng.random() < 0.6
                else w
                for w in waits
            ]
            for port, sem in zip(dut.bump, bumps, strict=True):
                ctx.set(port.valid, sem is not None)
                ctx.set(port.payload, sem or 0)
            for port, wait in zip(dut.wait, waits, strict=True):
                ctx.set(port.valid, wait is not None)
                ctx.set(port.payload, dict(zip(("sem", "count"), wait or (0, 0), strict=True)))
            ctx.set(dut.read_sem, probe := rng.choice(names))
            assert ctx.get(dut.read_count) == counts[probe], f"cycle {cycle}: semaphore {probe}"

            # Which waits are met is decided by the counts before this cycle's bump.
            bumped = next((b for b, sem in enumerate(bumps) if sem is not None), None)
            bumped_sem = None if bumped is None else bumps[bumped]
            met = [w is not None and counts[w[0]] >= w[1] and w[0] != bumped_sem for w in waits]
            granted = met.index(True) if any(met) else None
            for i, wait in enumerate(waits):
                if wait is not None:
                    assert ctx.get(dut.wait[i].ready) == (i == granted), f"cycle {cycle}: wait {i}"
            for i, sem in enumerate(bumps):
                if sem is not None:
                    assert ctx.get(dut.bump[i].ready) == (i == bumped), f"cycle {cycle}: bump {i}"
            lost = bumped is not None and (
                bumped_sem >= tile.semaphores or counts[bumped_sem] == full
            )
            assert ctx.get(dut.overflow) == lost, (
                f"cycle {cycle}: overflow of semaphore {bumped_sem}"
            )
            if lost:
                seen["overflows"] += 1
                assert ctx.get(dut.overflow_sem) == bumped_sem
            elif bumped is not None:
                counts[bumped_sem] += 1
            if granted is not None:
                counts[waits[granted][0]] -= waits[granted][1]
                waits[granted] = None
                seen["waits"] += 1
            if bumped is not None:
                bumps[bumped] = None
            await ctx.tick()
        assert seen["waits"] > 100, seen
        assert seen["overflows"] or bump_rate < 0.5 or tile is TILE, seen

    simulate(tile, bench)


def test_the_first_wait_of_a_semaphore_after_reset_sees_zero():
    """Counts of an earlier run must not survive a reset, although a memory's cells do."""
    dut = Semaphores(tile=SMALL, bumps=1, waiters=1)
    reset = Signal()
    sim = Simulator(ResetInserter(reset)(dut))
    sim.add_clock(1e-6)

    async def bench(ctx):
        ctx.set(dut.bump[0].payload, 3)
        ctx.set(dut.read_sem, 3)
        ctx.set(dut.bump[0].valid, 1)
        await ctx.tick().repeat(5)
        ctx.set(dut.bump[0].valid, 0)
        assert ctx.get(dut.read_count) == 5
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert ctx.get(dut.read_count) == 0
        ctx.set(dut.bump[0].valid, 1)
        await ctx.tick()
        assert ctx.get(dut.read_count) == 1

    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize("numbers", [{"bumps": 0, "waiters": 1}, {"bumps": 1, "waiters": "4"}])
def test_refuses_bad_numbers_of_ports(numbers):
    with pytest.raises(
        TypeError, match=r"^Number of (bumps|waiters) must be a positive integer, not "
    ):
        Semaphores(tile=TILE, **numbers)
