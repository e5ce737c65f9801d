"""L1 bench: random accesses of several clients, every grant, response and report checked against an
array of words.
"""

import random
from typing import NamedTuple

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

from hw.layouts import L1Request
from isa.machine import MACHINES, Tile

__all__ = ["PORTS", "TILE", "Access", "Client", "Model"]

TILE = MACHINES["mesh4"].tile.model_copy(update={"l1_bytes": 4096})
"""Small, so that accesses meet."""
PORTS = 4


class Access(NamedTuple):
    """One request to the L1."""

    write: int
    addr: int
    mask: int
    data: int

    def words(self) -> dict[int, int]:
        """L1 word of each position in the line that is accessed."""
        return {i: self.addr + i for i in range(self.mask.bit_length()) if self.mask >> i & 1}


class Client:
    """Random accesses of one port; each is offered until it is taken."""

    def __init__(self, tile: Tile, rng: random.Random, *, idle: float, beyond: float = 0.05):
        self.tile, self.rng, self.idle, self.beyond = tile, rng, idle, beyond
        self.access: Access | None = None

    def next(self) -> Access | None:
        """Keep the current access, or perhaps think of a new one."""
        rng, banks, words = self.rng, self.tile.l1_banks, self.tile.l1_words
        if self.access is None and rng.random() >= self.idle:
            addr = rng.randrange(words)
            if rng.random() < self.beyond:
                addr = rng.choice([words - 1, words, words + 1, 0xFFFF, 0x8000 + addr]) & 0xFFFF
            mask = rng.choice([(1 << banks) - 1, 1, rng.getrandbits(banks)])
            self.access = Access(
                rng.getrandbits(1), addr, mask, rng.getrandbits(banks * self.tile.link_bits)
            )
        return self.access


class Model:
    """What an L1 answers: `step` takes the accesses of a cycle, the attributes describe the cycle
    after.
    """

    def __init__(self, tile: Tile):
        self.tile = tile
        self.memory = [0] * tile.l1_words
        self.responses: dict[int, dict[int, int]] = {}
        """Words by position, for each port that read."""
        self.error: tuple[int, int] | None = None
        """(addr, port) of the first access beyond the L1."""
        self.conflict = 0

    def step(self, accesses: list[Access | None]) -> list[bool]:
        """Serve the accesses that do not collide with those before; whether each one was served."""
        used: set[int] = set()
        granted = []
        self.responses, self.error, self.conflict = {}, None, 0
        for port, access in enumerate(accesses):
            words = access.words() if access else {}
            beyond = any(word >= self.tile.l1_words for word in words.values())
            banks = set() if beyond else {word % self.tile.l1_banks for word in words.values()}
            granted.append(access is not None and not banks & used)
            if not granted[-1]:
                self.conflict |= access is not None
                continue
            used |= banks
            if beyond and self.error is None:
                self.error = (access.addr, port)
            if not access.write:
                self.responses[port] = {
                    i: 0 if beyond else self.memory[word] for i, word in words.items()
                }
            elif not beyond:
                for i, word in words.items():
                    self.memory[word] = (
                        access.data >> i * self.tile.link_bits & (1 << self.tile.link_bits) - 1
                    )
        return granted

    def check(self, port: int, valid: int, data: int) -> None:
        """Compare a port's response with what the last step left."""
        assert bool(valid) == (port in self.responses), f"port {port}: response {valid}"
        for i, word in self.responses.get(port, {}).items():
            actual = data >> i * self.tile.link_bits & (1 << self.tile.link_bits) - 1
            assert actual == word, f"port {port}, word {i}: expected {word:#x}, got {actual:#x}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def random_traffic(dut):
    """Every port busy, then mostly idle."""
    rng = random.Random(cocotb.RANDOM_SEED)
    Clock(dut.clk, 2, unit="ns", impl="gpi").start()
    ports = [
        {
            name: getattr(dut, f"ports__{p}__{name}")
            for name in ("req__valid", "req__ready", "req__payload", "rsp_valid", "rsp_data")
        }
        for p in range(PORTS)
    ]
    for port in ports:
        port["req__valid"].value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    model, request = Model(TILE), L1Request(TILE)
    for idle in (0.2, 0.8):
        clients = [Client(TILE, rng, idle=idle) for _ in ports]
        for cycle in range(1500):
            await RisingEdge(dut.clk)
            accesses = [client.next() for client in clients]
            for port, access in zip(ports, accesses, strict=True):
                port["req__valid"].value = access is not None
                if access is not None:
                    port["req__payload"].value = request.const(access._asdict()).as_value().value
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
