"""One request is granted, stays granted until taken, and nobody waits for more than one turn of
each other.
"""

import random

import pytest
from amaranth.sim import Simulator

from hw.network.arbiter import Arbiter


def simulate(inputs, body):
    dut = Arbiter(inputs=inputs)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        await body(ctx, dut)

    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize("inputs", [1, 3, 4, 5])
@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
def test_grants_are_fair_and_never_taken_back(inputs, stall):
    rng = random.Random(f"{inputs} {stall}")

    async def body(ctx, dut):
        request, held, passed = 0, 0, [0] * inputs
        for _ in range(600):
            request |= rng.getrandbits(inputs) & rng.getrandbits(inputs)
            ctx.set(dut.request, request)
            grant = ctx.get(dut.grant)
            assert grant & request == grant and grant.bit_count() == bool(request)
            assert not held or grant == held, "an offer was taken back"
            taken = rng.random() >= stall
            ctx.set(dut.taken, taken)
            assert ctx.get(dut.grant) == grant, "grant depends on taken"
            await ctx.tick()
            held = 0 if taken else grant
            if taken and grant:
                for i in range(inputs):
                    passed[i] = passed[i] + 1 if request & ~grant & 1 << i else 0
                    assert passed[i] <= inputs - 1, f"input {i} starves"
                request &= ~grant

    simulate(inputs, body)


def test_takes_turns():
    async def body(ctx, dut):
        order = []
        ctx.set(dut.request, 0b1011)
        ctx.set(dut.taken, 1)
        for _ in range(6):
            order.append(ctx.get(dut.grant).bit_length() - 1)
            await ctx.tick()
        assert order == [0, 1, 3, 0, 1, 3]

    simulate(4, body)


@pytest.mark.parametrize("inputs", [0, -1, "2"])
def test_refuses_a_bad_number_of_inputs(inputs):
    with pytest.raises(TypeError, match=r"^Number of inputs must be a positive integer, not "):
        Arbiter(inputs=inputs)
