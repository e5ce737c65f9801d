"""Program memory gives each queue the slots it asks for, whatever the width of a word."""

import random

import pytest
from amaranth.sim import Simulator

from hw.control.program import ProgramMemory
from isa.machine import MACHINES

TILE = MACHINES["mesh4"].tile


def simulate(tile, bench):
    dut = ProgramMemory(tile=tile)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def testbench(ctx):
        await bench(ctx, dut)

    sim.add_testbench(testbench)
    sim.run()


async def write(ctx, dut, addr, data):
    """Write a word; whether it overflowed."""
    ctx.set(dut.write_valid, 1)
    ctx.set(dut.write_addr, addr)
    ctx.set(dut.write_data, data)
    overflow = ctx.get(dut.overflow)
    await ctx.tick()
    ctx.set(dut.write_valid, 0)
    return overflow


@pytest.mark.parametrize("link_bits", [128, 256, 512, 1024])
@pytest.mark.parametrize("capacity", [16, 20])
def test_slots_come_back_to_who_asked(link_bits, capacity):
    tile = TILE.model_copy(update={"link_bits": link_bits, "program_instructions": capacity})
    rng = random.Random(link_bits + capacity)
    slots = [rng.getrandbits(256) for _ in range(capacity)]
    image = sum(slot << 256 * i for i, slot in enumerate(slots))
    words = [
        image >> link_bits * i & (1 << link_bits) - 1 for i in range(capacity * 256 // link_bits)
    ]

    async def bench(ctx, dut):
        for addr in rng.sample(range(len(words)), len(words)):
            assert not await write(ctx, dut, addr, words[addr])
        assert await write(ctx, dut, len(words), 1 << link_bits - 1), "a word beyond the memory"
        assert await write(ctx, dut, 0xFFFF, 1)
        wanted, answers, served = [None] * 4, None, [0] * 4
        for cycle in range(400):
            if answers is not None:
                q, slot = answers
                assert ctx.get(dut.fetch_valid) == 1 << q, f"cycle {cycle}"
                assert ctx.get(dut.fetch_data) == (slots[slot] if slot < capacity else 0), (
                    f"cycle {cycle}: slot {slot}"
                )
            else:
                assert ctx.get(dut.fetch_valid) == 0, f"cycle {cycle}"
            rate = 1.0 if cycle < 200 else 0.2
            new = [
                rng.choice([rng.randrange(capacity), capacity, 0xFFFF])
                if rng.random() < rate
                else None
                for _ in wanted
            ]
            wanted = [n if w is None else w for w, n in zip(wanted, new, strict=True)]
            for fetch, slot in zip(dut.fetch, wanted, strict=True):
                ctx.set(fetch.valid, slot is not None)
                ctx.set(fetch.payload, slot or 0)
            taken = [q for q in range(4) if wanted[q] is not None and ctx.get(dut.fetch[q].ready)]
            assert len(taken) == any(w is not None for w in wanted), (
                f"cycle {cycle}: one fetch a cycle"
            )
            answers = None
            for q in taken:
                answers, wanted[q] = (q, wanted[q]), None
                served[q] += 1
            if cycle == 199:
                assert served == [50] * 4, "queues that always ask are served in turn"
            await ctx.tick()

    simulate(tile, bench)
