"""MATMUL instructions for the matrix engine, with an L1 that refuses at random; run by
tests/hw/test_matrix_cocotb.py.
"""

import itertools
import json
import os

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from hw.layouts import L1Request, command_layout
from isa.instructions import Kind
from isa.machine import MACHINES, Tile
from tb.units.bench import access, seed_and_count, start
from tb.units.matrix_reference import (
    FORMATS_OF_OPERANDS,
    Product,
    first_difference,
    place,
    random_cases,
)

__all__ = ["MatrixBench", "tile_from_environment"]

EVENTS = ("active", "busy", "operand_stall", "drain_stall", "done")


def tile_from_environment() -> Tile:
    """The tile of machine FLATMESH_MACHINE, changed by the JSON object FLATMESH_TILE."""
    tile = MACHINES[os.environ.get("FLATMESH_MACHINE", "tiny")].tile
    return Tile.model_validate(
        tile.model_dump() | json.loads(os.environ.get("FLATMESH_TILE", "{}"))
    )


class MatrixBench:
    """The engine with an L1 at its port, and the checks that hold in every cycle."""

    def __init__(self, dut, tile: Tile, rng: np.random.Generator):
        self.dut, self.tile, self.rng = dut, tile, rng
        self.refuse = 0.0
        self.memory = np.zeros(tile.l1_bytes, np.uint8)
        self.counts = dict.fromkeys((*EVENTS, "cycles", "reads", "writes"), 0)
        self._events = {name: getattr(dut, name) for name in EVENTS}
        self._request = {
            part: getattr(dut, f"l1__req__{part}") for part in ("valid", "ready", "payload")
        }
        self._layout = L1Request(tile)
        self._kept: tuple | None = None
        self._ready = 0
        self._responding = False

    async def reset(self):
        """Start the clock, with the engine idle."""
        await start(
            self.dut, self.dut.command__valid, self.dut.l1__rsp_valid, self._request["ready"]
        )

    def _access(self, request) -> bool:
        """Serve a request; whether there is a response."""
        rest = (
            0 if request.write else int.from_bytes(self.rng.bytes(self.tile.line_bytes), "little")
        )
        line = access(self.memory, self.tile, request, rest)
        self.counts["writes" if request.write else "reads"] += 1
        if line is not None:
            self.dut.l1__rsp_data.value = line
        return line is not None

    async def tick(self) -> bool:
        """Let one cycle pass; return whether in it a command was taken."""
        await RisingEdge(self.dut.clk)
        self.counts["cycles"] += 1
        for name, handle in self._events.items():
            self.counts[name] += int(handle.value)
        request = offered = None
        if int(self._request["valid"].value):
            request = self._layout.from_bits(int(self._request["payload"].value))
            offered = request.write, request.addr, request.mask, request.write and request.data
        assert self._kept in (None, offered), (
            f"a refused request changed from {self._kept} to {offered}"
        )
        read = bool(request is not None and self._ready and self._access(request))
        if read != self._responding:
            self.dut.l1__rsp_valid.value = self._responding = read
        self._kept = None if self._ready else offered
        ready = int(self.rng.random() >= self.refuse)
        if ready != self._ready:
            self._request["ready"].value = self._ready = ready
        return bool(int(self.dut.command__valid.value) and int(self.dut.command__ready.value))

    async def run(self, cases: list[Product], *, gaps: bool = False) -> dict[str, int]:
        """Issue the cases, back to back or with random gaps, until all are done; compare L1; return
        this run's counts.
        """
        self.memory, expected = place(self.tile, cases, self.rng)
        before, layout = dict(self.counts), command_layout(Kind.MATRIX)
        limit = 5000 + 20 * sum(
            case.m * max(case.n, self.tile.line_elements) * (case.k + 8) for case in cases
        )
        waiting, offered = list(cases), False
        while self.counts["done"] - before["done"] < len(cases):
            assert self.counts["cycles"] - before["cycles"] < limit, (
                f"hangs with {len(waiting)} of {cases} not issued"
            )
            if waiting and not offered and not (gaps and self.rng.random() < 0.95):
                self.dut.command__payload.value = layout.const(waiting[0].fields).as_value().value
                self.dut.command__valid.value = offered = True
            if await self.tick():
                waiting.pop(0)
                offered = False
                self.dut.command__valid.value = 0
                if waiting and not gaps:
                    self.dut.command__payload.value = (
                        layout.const(waiting[0].fields).as_value().value
                    )
                    self.dut.command__valid.value = offered = True
        counts = {name: count - before[name] for name, count in self.counts.items()}
        for _ in range(10):
            await self.tick()
            assert not any(int(self._events[name].value) for name in ("busy", "done", "active")), (
                "not idle after the last done"
            )
        assert not (difference := first_difference(self.tile, cases, self.memory, expected)), (
            difference
        )
        return counts


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def random_instructions(dut):
    """Sequences of random instructions leave L1 as the reference does, whatever L1 refuses."""
    seed, count = seed_and_count(6)
    rng = np.random.default_rng(seed)
    tile = tile_from_environment()
    engine = MatrixBench(dut, tile, rng)
    await engine.reset()
    for index in range(count):
        engine.refuse = float(rng.choice([0, 0, 0.3, 0.8]))
        cases = random_cases(tile, int(rng.integers(1 << 30)), int(rng.integers(1, 9)))
        try:
            await engine.run(cases, gaps=bool(rng.integers(2)))
        except AssertionError as error:
            raise AssertionError(
                f"seed {seed}, sequence {index}, refusing {engine.refuse}: {error}"
            ) from error


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_pair_of_formats(dut):
    """Each format of A with each format of B, both ways round B, in several chunks and blocks, of
    any bits.
    """
    tile = tile_from_environment()
    engine = MatrixBench(dut, tile, np.random.default_rng(1))
    await engine.reset()
    m, n, k = tile.matrix_rows + 1, tile.line_elements + 5, 2 * tile.line_elements + 3
    for pair in itertools.product(FORMATS_OF_OPERANDS, repeat=2):
        for special in (False, True):
            await engine.run(
                [Product(m, n, k, *pair, trans_b=trans_b, special=special) for trans_b in (0, 1)]
            )


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def full_blocks(dut):
    """Back-to-back instructions of full blocks keep the array stepping from the first slot to the
    last.
    """
    tile = tile_from_environment()
    engine = MatrixBench(dut, tile, np.random.default_rng(1))
    await engine.reset()
    for accumulate in (0, 1):
        rows, width = 4 * tile.matrix_rows, 2 * tile.line_elements
        cases = [
            Product(rows, width, width, trans_b=index % 2, accumulate=accumulate)
            for index in range(2)
        ]
        counts = await engine.run(cases)
        slots = len(cases) * (rows // tile.matrix_rows) * width * (width // tile.matrix_columns)
        dut._log.info("accumulate %d: %s", accumulate, counts)
        assert counts["active"] == slots
        # All else is before the first slot (A, or C in the accumulators) and after the last one (a
        # block of C to L1).
        block = tile.matrix_rows * tile.column_groups
        assert (
            counts["cycles"]
            <= slots + max(tile.matrix_rows, accumulate * block) + block + 12 + tile.mac_latency
        ), counts
        assert slots < 4000 or counts["active"] >= 0.98 * counts["cycles"], counts
