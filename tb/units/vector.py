"""Random instructions for the vector engine, with an L1 that refuses at random; run by
tests/hw/test_vector_cocotb.py.
"""

import os

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from hw.layouts import L1Request, command_layout
from isa.instructions import Kind
from isa.machine import MACHINES, Tile
from tb.units.bench import access, seed_and_count, start
from tb.units.vector_reference import execute, instructions

LIMIT = 20000
"""Cycles after which an instruction hangs."""


def tile_from_environment() -> Tile:
    """The tile of machine FLATMESH_MACHINE, with FLATMESH_LANES lanes."""
    tile = MACHINES[os.environ.get("FLATMESH_MACHINE", "tiny")].tile
    return tile.model_copy(
        update={"vector_lanes": int(os.environ.get("FLATMESH_LANES", tile.vector_lanes))}
    )


class VectorBench:
    """The engine, an L1 for its two ports, and the checks that hold in every cycle."""

    def __init__(self, dut, tile: Tile, rng: np.random.Generator):
        self.dut, self.tile, self.rng = dut, tile, rng
        self.memory = np.zeros(tile.l1_bytes, np.uint8)
        self.refuse = {"read": 0.0, "write": 0.0}
        self.write_first = False
        self._request = L1Request(tile)
        self._ports = {
            name: [
                getattr(dut, f"{name}__{part}")
                for part in ("req__valid", "req__ready", "req__payload")
            ]
            for name in ("read", "write")
        }
        self._offered: dict[str, int | None] = {"read": None, "write": None}
        self._ready = {"read": 0, "write": 0}
        self._responding = False
        self.cycle = 0
        self.counts = {"read": 0, "write": 0, "active": 0}

    async def reset(self):
        """Start the clock, with the engine idle."""
        ready = [handle for _, handle, _ in self._ports.values()]
        await start(self.dut, self.dut.command__valid, self.dut.read__rsp_valid, *ready)

    def _access(self, name: str, payload: int):
        request = self._request.from_bits(payload)
        assert request.write == (name == "write"), f"{name} port has write {request.write}"
        line = access(self.memory, self.tile, request)
        if line is not None:
            self.dut.read__rsp_valid.value = 1
            self.dut.read__rsp_data.value = line
            self._responding = True
        self.counts[name] += 1

    async def tick(self) -> tuple[bool, bool]:
        """Let one cycle pass; return whether in it a command was taken, and whether an instruction
        was done.
        """
        dut = self.dut
        await RisingEdge(dut.clk)
        self.cycle += 1
        if self._responding:
            dut.read__rsp_valid.value = 0
            dut.read__rsp_data.value = int.from_bytes(self.rng.bytes(4), "little")
            self._responding = False
        for name in ("write", "read") if self.write_first else ("read", "write"):
            valid, ready, payload = self._ports[name]
            offered = int(payload.value) if int(valid.value) else None
            if self._offered[name] is not None:
                assert offered == self._offered[name], f"{name} request changed before it was taken"
            if offered is not None and self._ready[name]:
                self._access(name, offered)
                offered = None
            self._offered[name] = offered
            grant = int(self.rng.random() >= self.refuse[name])
            if grant != self._ready[name]:
                ready.value = self._ready[name] = grant
        self.counts["active"] += int(dut.active.value)
        return bool(dut.command__valid.value) and bool(dut.command__ready.value), bool(
            dut.done.value
        )


def command(opcode, fields) -> int:
    """Bits of a command."""
    return command_layout(Kind.VECTOR).const({"opcode": int(opcode), **fields}).as_value().value


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def random_instructions(dut):
    """Every instruction leaves the L1 as the reference does, and no request or done comes when none
    is due.
    """
    seed, count = seed_and_count(400)
    rng = np.random.default_rng(seed)
    tile = tile_from_environment()
    engine = VectorBench(dut, tile, rng)
    await engine.reset()
    for index, (opcode, fields) in enumerate(instructions(tile, engine.memory, rng, count)):
        engine.refuse = {name: float(rng.choice([0, 0, 0.3, 0.8])) for name in engine.refuse}
        engine.write_first = bool(rng.integers(2))
        expected = engine.memory.copy()
        execute(expected, tile, opcode, fields)
        dut.command__payload.value = command(opcode, fields)
        dut.command__valid.value = 1
        where = f"seed {seed}, instruction {index}, {opcode.name} {fields}"
        started = None
        for _ in range(LIMIT):
            accepted, done = await engine.tick()
            if accepted:
                assert started is None, f"{where}: taken twice"
                started = engine.cycle
                dut.command__valid.value = 0
            if done:
                break
        else:
            raise AssertionError(f"{where}: not done after {LIMIT} cycles")
        assert started is not None, f"{where}: done without being taken"
        wrong = np.flatnonzero(engine.memory != expected)
        if len(wrong):
            word, byte = divmod(int(wrong[0]), tile.word_bytes)
            wanted, seen = (
                content[wrong[0] & ~3 :][:8].tobytes().hex()
                for content in (expected, engine.memory)
            )
            raise AssertionError(
                f"{where}: {len(wrong)} bytes differ, first at word {word}, byte {byte}: expected "
                f"{wanted}, got {seen}"
            )
        for _ in range(int(rng.integers(3))):
            _, done = await engine.tick()
            assert not done, f"{where}: done twice"
