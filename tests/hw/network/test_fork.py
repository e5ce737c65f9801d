"""Each item reaches each of its branches exactly once, whoever stalls, and leaves with the last of
them.
"""

import random

import pytest
from amaranth.sim import Simulator

from hw.network.fork import Fork

ITEMS = 100


@pytest.mark.parametrize("branches", [1, 3, 5])
@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
def test_every_branch_takes_every_item_once(branches, stall):
    rng = random.Random(f"{branches} {stall}")
    masks = [rng.randrange(1 << branches) for _ in range(ITEMS)]
    dut = Fork(branches=branches)
    partial = cycles = 0

    async def bench(ctx):
        nonlocal partial, cycles
        for mask in masks:
            missing = mask
            ctx.set(dut.mask, mask)
            ctx.set(dut.valid, 1)
            while True:
                ctx.set(dut.taken, 0)
                pending = ctx.get(dut.pending)
                assert pending == missing
                taken = pending & sum((rng.random() >= stall) << b for b in range(branches))
                ctx.set(dut.taken, taken)
                assert ctx.get(dut.pending) == pending, "pending depends on taken"
                missing &= ~taken
                partial += bool(missing and taken)
                cycles += 1
                done = ctx.get(dut.done)
                assert done == (not missing)
                await ctx.tick()
                if done:
                    break
            if rng.random() < 0.3:
                ctx.set(dut.valid, 0)
                assert ctx.get(dut.pending) == 0 and not ctx.get(dut.done)
                await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert partial or branches == 1 or not stall
    assert cycles == ITEMS or stall


@pytest.mark.parametrize("branches", [0, -1, "2"])
def test_refuses_a_bad_number_of_branches(branches):
    with pytest.raises(TypeError, match=r"^Number of branches must be a positive integer, not "):
        Fork(branches=branches)
