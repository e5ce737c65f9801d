"""L1 bench: random accesses of several clients, every grant, response and report checked against an
array of words.
"""

import random
from typing import NamedTuple

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge

from hw.layouts import L1Request
from isa.machine import MACHINES, Tile
from tb.units.bench import access, start

__all__ = ["PORTS", "TILE", "Client", "L1Access", "Model"]

TILE = MACHINES["mesh4"].tile.model_copy(update={"l1_bytes": 4096})
"""Small, so that accesses meet."""
PORTS = 4


class L1Access(NamedTuple):
    """One request to the L1."""

    write: int
    addr: int
    mask: int
    data: int

    def words(self) -> list[int]:
        """L1 words that are accessed."""
        return [self.addr + i for i in range(self.mask.bit_length()) if self.mask >> i & 1]


class Client:
    """Random accesses of one port; each is offered until it is taken."""

    def __init__(self, tile: Tile, rng: random.Random, *, idle: float, beyond: float = 0.05):
        self.tile, self.rng, self.idle, self.beyond = tile, rng, idle, beyond
        self.access: L1Access | None = None

    def next(self) -> L1Access | None:
        """Keep the current access, or perhaps think of a new one."""
        rng, banks, words = self.rng, self.tile.l1_banks, self.tile.l1_words
        if self.access is None and rng.random() >= self.idle:
            addr = rng.randrange(words)
            if rng.random() < self.beyond:
                addr = rng.choice([words - 1, words, words + 1, 0xFFFF, 0x8000 + addr]) & 0xFFFF
            mask = rng.choice([(1 << banks) - 1, 1, rng.getrandbits(banks)])
            self.access = L1Access(
                rng.getrandbits(1), addr, mask, rng.getrandbits(banks * self.tile.link_bits)
            )
        return self.access


class Model:
    """What an L1 answers: `step` takes the accesses of a cycle, the attributes describe the cycle
    after.
    """

    def __init__(self, tile: Tile):
        self.tile = tile
        self.memory = np.zeros(tile.l1_bytes, np.uint8)
        self.responses: dict[int, tuple[int, int]] = {}
        """Mask and line, for each port that read."""
        self.error: tuple[int, int] | None = None
        """(addr, port) of the first access beyond the L1."""
        self.conflict = 0

    def step(self, accesses: list[L1Access | None]) -> list[bool]:
        """Serve the accesses that do not collide with those before; whether each one was served."""
        used: set[int] = set()
        granted = []
        self.responses, self.error, self.conflict = {}, None, 0
        for port, request in enumerate(accesses):
            words = request.words() if request else []
            beyond = any(word >= self.tile.l1_words for word in words)
            banks = set() if beyond else {word % self.tile.l1_banks for word in words}
            granted.append(request is not None and not banks & used)
            if request is None or not granted[-1]:
                self.conflict |= request is not None
                continue
            used |= banks
            if beyond and self.error is None:
                self.error = (request.addr, port)
            line = access(self.memory, self.tile, request) if banks else 0
            if not request.write:
                self.responses[port] = request.mask, line or 0
        return granted

    def check(self, port: int, valid: int, data: int) -> None:
        """Compare a port's response with what the last step left."""
        assert bool(valid) == (port in self.responses), f"port {port}: response {valid}"
        mask, line = self.responses.get(port, (0, 0))
        for i in range(self.tile.l1_banks):
            expected, actual = (
                content >> i * self.tile.link_bits & (1 << self.tile.link_bits) - 1
                for content in (line, data)
            )
            assert not mask >> i & 1 or actual == expected, (
                f"port {port}, word {i}: expected {expected:#x}, got {actual:#x}"
            )


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def random_traffic(dut):
    """Every port busy, then mostly idle."""
    rng = random.Random(cocotb.RANDOM_SEED)
    ports = [
        {
            name: getattr(dut, f"ports__{p}__{name}")
            for name in ("req__valid", "req__ready", "req__payload", "rsp_valid", "rsp_data")
        }
        for p in range(PORTS)
    ]
    await start(dut, *(port["req__valid"] for port in ports))
    model, layout = Model(TILE), L1Request(TILE)
    for idle in (0.2, 0.8):
        clients = [Client(TILE, rng, idle=idle) for _ in ports]
        for cycle in range(1500):
            await RisingEdge(dut.clk)
            accesses = [client.next() for client in clients]
            for port, request in zip(ports, accesses, strict=True):
                port["req__valid"].value = request is not None
                if request is not None:
                    port["req__payload"].value = layout.const(request._asdict()).as_value().value
            await FallingEdge(dut.clk)
            where = f"idle {idle}, cycle {cycle}, seed {cocotb.RANDOM_SEED}"
            for p, port in enumerate(ports):
                model.check(p, int(port["rsp_valid"].value), int(port["rsp_data"].value))
            error = int(dut.error.value)
            expected = 0 if model.error is None else 1 | model.error[0] << 1 | model.error[1] << 17
            assert error & 1 == expected & 1 and (not expected or error == expected), (
                f"{where}: error {error:#x}"
            )
            assert int(dut.conflict.value) == model.conflict, where
            granted = model.step(accesses)
            for p, (port, client) in enumerate(zip(ports, clients, strict=True)):
                if client.access is not None:
                    assert bool(port["req__ready"].value) == granted[p], f"{where}, port {p}: grant"
                if granted[p]:
                    client.access = None
        # The last accesses are made at this edge; what was still offered then is forgotten.
        await RisingEdge(dut.clk)
        for port in ports:
            port["req__valid"].value = 0
        await FallingEdge(dut.clk)
        model.step([None] * PORTS)
