"""Benches of a whole tile that must fail: run by tests/tb/test_tile_bench.py."""

from dataclasses import replace

import cocotb

from examples.tile import LISTING
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Queue
from tb.units.tile import TileBench

HERE, NEIGHBOUR = (0, 0), (1, 0)


def changed(tile: TileXY, queue: Queue, index: int, **fields: int):
    """The listing with other fields in an instruction; without fields, without it."""
    queues = {name: list(code) for name, code in LISTING.programs[tile].queues.items()}
    queues[queue][index : index + 1] = [queues[queue][index].replace(**fields)] if fields else []
    return replace(LISTING, programs={**LISTING.programs, tile: Program(queues)})


async def fails(bench: TileBench, *said: str) -> None:
    """Run to the end, and read what is said."""
    try:
        await bench.boot()
        await bench.run()
        await bench.check()
    except AssertionError as error:
        assert all(part in str(error) for part in said), f"said {error}, not {said}"
    else:
        raise AssertionError(f"nothing was noticed, {said} expected")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def another_product(dut):
    """The tile runs another program than golden: HBM and the neighbour's L1 are not the same."""
    bench = TileBench(dut, changed(HERE, Queue.MATRIX, 0, trans_b=1), tile=HERE)
    await bench.boot()
    await bench.run()
    bench.listing = LISTING
    try:
        await bench.check()
    except AssertionError as error:
        assert "HBM channel 0, word 0x80: golden 0x" in str(error)
        assert "L1 of tile (1, 0), word 0x60" in str(error)
    else:
        raise AssertionError("nothing was noticed")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_silent_neighbour(dut):
    """Without the neighbour's put the product waits: line, queue and semaphore are named."""
    await fails(
        TileBench(dut, changed(NEIGHBOUR, Queue.OUT, 0), tile=HERE),
        "hangs",
        "waits for b_full >= 1",
    )


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_bump_too_many(dut):
    """A semaphore that is left over differs by its name."""
    bench = TileBench(dut, LISTING, tile=HERE)
    await bench.boot()
    await bench.run()
    bench.counts[NEIGHBOUR][3] += 1
    try:
        await bench.check()
    except AssertionError as error:
        assert "semaphore added (3) of tile (1, 0): golden 1, RTL 2" in str(error)
    else:
        raise AssertionError("nothing was noticed")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def an_address_beyond_l1(dut):
    """The tile's own error is reported with its code."""
    await fails(TileBench(dut, changed(HERE, Queue.MATRIX, 0, c=511), tile=HERE), "ADDRESS")
