"""L1 is an array of words: every granted access sees and leaves what NumPy would, whatever collides."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.control.l1 import L1
from isa.machine import MACHINES

TILE = MACHINES["mesh4"].tile
TILES = {
    "4 banks": TILE.model_copy(update={"l1_bytes": 1024}),
    "2 banks": TILE.model_copy(update={"l1_bytes": 1024, "l1_banks": 2}),
    "1 bank": TILE.model_copy(update={"l1_bytes": 1024, "l1_banks": 1}),
    "rows not a power of two": TILE.model_copy(update={"l1_bytes": 20 * 64}),
    "wide words": TILE.model_copy(update={"l1_bytes": 16 * 256, "link_bits": 512}),
}
PORTS = 4


class Client:
    """Random accesses of one port; each is offered until it is taken."""

    def __init__(self, tile, rng, *, idle, write=0.5, beyond=0.05):
        self.tile, self.rng, self.idle, self.write, self.beyond = tile, rng, idle, write, beyond
        self.request = None

    def next(self):
        """Keep the current request, or perhaps think of a new one."""
        if self.request is None and self.rng.random() >= self.idle:
            banks, words = self.tile.l1_banks, self.tile.l1_words
            addr = self.rng.randrange(words)
            if self.rng.random() < self.beyond:
                addr = self.rng.choice([words - 1, words, words + 1, 0xFFFF, 0x8000 + self.rng.randrange(words)]) & 0xFFFF
            mask = self.rng.choice([(1 << banks) - 1, 1, self.rng.getrandbits(banks)])
            data = self.rng.getrandbits(banks * self.tile.link_bits)
            self.request = (int(self.rng.random() < self.write), addr, mask, data)
        return self.request


def words_of(request, tile):
    """(position in the line, L1 word) of each word accessed."""
    _, addr, mask, _ = request
    return [(i, addr + i) for i in range(tile.l1_banks) if mask >> i & 1]


def simulate(tile, clients, cycles):
    """Drive the clients; check grants, responses, contents, errors and the conflict event against the model."""
    dut = L1(tile=tile, ports=len(clients))
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    link = (1 << tile.link_bits) - 1
    grants = [0] * len(clients)

    async def bench(ctx):
        memory = np.zeros(tile.l1_words, object)
        expected = [None] * len(clients)
        error, conflict = None, 0
        for cycle in range(cycles):
            requests = [client.next() for client in clients]
            for port, request in zip(dut.ports, requests, strict=True):
                ctx.set(port.req.valid, request is not None)
                if request:
                    write, addr, mask, data = request
                    ctx.set(port.req.payload, {"write": write, "addr": addr, "mask": mask, "data": data})
            for p, (port, response) in enumerate(zip(dut.ports, expected, strict=True)):
                where = f"cycle {cycle}, port {p}"
                assert ctx.get(port.rsp_valid) == (response is not None), where
                for i, word in response or ():
                    got = ctx.get(port.rsp_data) >> i * tile.link_bits & link
                    assert got == word, f"{where}, word {i}: expected {word:#x}, got {got:#x}"
            assert ctx.get(dut.error.valid) == (error is not None), f"cycle {cycle}"
            if error:
                assert (ctx.get(dut.error.addr), ctx.get(dut.error.port)) == error, f"cycle {cycle}"
            assert ctx.get(dut.conflict) == conflict, f"cycle {cycle}"

            used, error, conflict = set(), None, 0
            expected = [None] * len(clients)
            for p, request in enumerate(requests):
                if request is None:
                    continue
                accessed = words_of(request, tile)
                beyond = any(word >= tile.l1_words for _, word in accessed)
                banks = set() if beyond else {word % tile.l1_banks for _, word in accessed}
                granted = not banks & used
                assert ctx.get(dut.ports[p].req.ready) == granted, f"cycle {cycle}, port {p}: grant"
                if not granted:
                    conflict = 1
                    continue
                used |= banks
                write, addr, _, data = request
                if beyond and error is None:
                    error = (addr, p)
                if not write:
                    expected[p] = [(i, 0 if beyond else int(memory[word])) for i, word in accessed]
                elif not beyond:
                    for i, word in accessed:
                        memory[word] = data >> i * tile.link_bits & link
                grants[p] += 1
                clients[p].request = None
            await ctx.tick()

    sim.add_testbench(bench)
    sim.run()
    return grants


@pytest.mark.parametrize("name", TILES)
@pytest.mark.parametrize("idle", [0.0, 0.7])
def test_accesses_are_an_arrays(name, idle):
    tile, rng = TILES[name], random.Random(f"{name} {idle}")
    grants = simulate(tile, [Client(tile, rng, idle=idle) for _ in range(PORTS)], 500)
    assert all(grants) or not idle, f"a port was never served: {grants}"


def test_two_ports_share_the_banks_of_a_cycle():
    """A line from the first port and none of its banks left; then halves, which are served together."""
    tile = TILES["4 banks"]
    halves = [Client(tile, random.Random(1), idle=0) for _ in range(2)]
    halves[0].request, halves[1].request = (0, 6, 0b0011, 0), (1, 8, 0b0011, 1 << 128 | 2)
    assert simulate(tile, halves, 1) == [1, 1]
    halves[0].request, halves[1].request = (0, 6, 0b0111, 0), (1, 8, 0b0011, 1 << 128 | 2)
    assert simulate(tile, halves, 1) == [1, 0]


@pytest.mark.parametrize("ports", [0, -1, "2"])
def test_refuses_a_bad_number_of_ports(ports):
    with pytest.raises(TypeError, match=r"^Number of ports must be a positive integer, not "):
        L1(tile=TILE, ports=ports)
