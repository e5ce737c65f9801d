"""What the benches of single units share: how they start, and the L1 that they answer for."""

import os
from typing import Protocol

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from numpy.typing import NDArray

from isa.machine import Tile

__all__ = ["Request", "access", "seed_and_count", "start"]


class Request(Protocol):
    """One access to the L1, see `hw.layouts.L1Request`."""

    @property
    def write(self) -> int:
        """1 for a write."""

    @property
    def addr(self) -> int:
        """First word."""

    @property
    def mask(self) -> int:
        """Words of the line that are meant."""

    @property
    def data(self) -> int:
        """What is written."""


def access(memory: NDArray[np.uint8], tile: Tile, request: Request, rest: int = 0) -> int | None:
    """Make one access to the bytes of an L1; return the line that it reads, None if it writes.

    The words of that line which were not asked for are those of the line `rest`.
    """
    assert request.mask, f"access to word {request.addr} without words"
    size = tile.word_bytes
    line = bytearray((request.data if request.write else rest).to_bytes(tile.line_bytes, "little"))
    for index in range(tile.l1_banks):
        if request.mask >> index & 1:
            here = slice(index * size, (index + 1) * size)
            there = slice((request.addr + index) * size, (request.addr + index + 1) * size)
            if request.write:
                memory[there] = np.frombuffer(line[here], np.uint8)
            else:
                line[here] = memory[there].tobytes()
    return None if request.write else int.from_bytes(line, "little")


async def start(dut, *quiet) -> None:
    """Start the clock and reset, with the inputs `quiet` at 0."""
    for handle in quiet:
        handle.value = 0
    dut.rst.value = 1
    Clock(dut.clk, 2, unit="ns", impl="gpi").start()
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0


def seed_and_count(count: int) -> tuple[int, int]:
    """FLATMESH_SEED, and how many trials: FLATMESH_COUNT, or `count`."""
    return int(os.environ.get("FLATMESH_SEED", "1")), int(os.environ.get("FLATMESH_COUNT", count))
