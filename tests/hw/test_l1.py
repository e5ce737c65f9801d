"""L1 is an array of words: every granted access sees and leaves what the model's would, whatever
collides.
"""

import random

import pytest
from amaranth.sim import Simulator

from hw.control.l1 import L1
from isa.machine import MACHINES
from tb.runner import run_unit
from tb.units import l1 as bench
from tb.units.l1 import Client, L1Access, Model

TILE = MACHINES["mesh4"].tile
TILES = {
    "4 banks": TILE.model_copy(update={"l1_bytes": 1024}),
    "2 banks": TILE.model_copy(update={"l1_bytes": 1024, "l1_banks": 2}),
    "1 bank": TILE.model_copy(update={"l1_bytes": 1024, "l1_banks": 1}),
    "rows not a power of two": TILE.model_copy(update={"l1_bytes": 20 * 64}),
    "wide words": TILE.model_copy(update={"l1_bytes": 16 * 256, "link_bits": 512}),
}
PORTS = 4


def simulate(tile, clients, cycles):
    """Drive the clients and check every cycle; grants of each."""
    dut = L1(tile=tile, ports=len(clients))
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    grants = [0] * len(clients)

    async def testbench(ctx):
        model = Model(tile)
        for cycle in range(cycles):
            accesses = [client.next() for client in clients]
            for p, (port, access) in enumerate(zip(dut.ports, accesses, strict=True)):
                ctx.set(port.req.valid, access is not None)
                if access:
                    ctx.set(port.req.payload, access._asdict())
                model.check(p, ctx.get(port.rsp_valid), ctx.get(port.rsp_data))
            error = (
                (ctx.get(dut.error.addr), ctx.get(dut.error.port))
                if ctx.get(dut.error.valid)
                else None
            )
            assert error == model.error, f"cycle {cycle}"
            assert ctx.get(dut.conflict) == model.conflict, f"cycle {cycle}"
            for p, granted in enumerate(model.step(accesses)):
                if accesses[p] is not None:
                    assert ctx.get(dut.ports[p].req.ready) == granted, (
                        f"cycle {cycle}, port {p}: grant"
                    )
                if granted:
                    grants[p] += 1
                    clients[p].access = None
            await ctx.tick()

    sim.add_testbench(testbench)
    sim.run()
    return grants


@pytest.mark.parametrize("name", TILES)
@pytest.mark.parametrize("idle", [0.0, 0.7])
def test_accesses_are_an_arrays(name, idle):
    tile, rng = TILES[name], random.Random(f"{name} {idle}")
    grants = simulate(tile, [Client(tile, rng, idle=idle) for _ in range(PORTS)], 500)
    assert all(grants) or not idle, f"a port was never served: {grants}"


def test_two_ports_share_the_banks_of_a_cycle():
    """Half a line each: served together unless they meet in a bank."""
    tile = TILES["4 banks"]
    for mask, served in ((0b0011, [1, 1]), (0b0111, [1, 0])):
        clients = [Client(tile, random.Random(1), idle=0) for _ in range(2)]
        clients[0].access, clients[1].access = (
            L1Access(0, 6, mask, 0),
            L1Access(1, 8, 0b0011, 1 << 128 | 2),
        )
        assert simulate(tile, clients, 1) == served


def test_on_verilator(tmp_path):
    run_unit(L1(tile=bench.TILE, ports=bench.PORTS), "l1", "tb.units.l1", workdir=tmp_path)


@pytest.mark.parametrize("ports", [0, -1, "2"])
def test_refuses_a_bad_number_of_ports(ports):
    with pytest.raises(TypeError, match=r"^Number of ports must be a positive integer, not "):
        L1(tile=TILE, ports=ports)
