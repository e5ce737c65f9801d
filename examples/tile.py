"""A cocotb test of a whole tile, with driver, monitor and golden model from us.

``.venv/bin/python -m examples.tile`` builds the tile and runs the test on it.
"""

from pathlib import Path

import cocotb

from programs.text.reader import read_listing
from tb.units.tile import TileBench, run_tile

LISTING = read_listing(Path(__file__).with_name("tile.s"))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def all_engines_and_networks(dut):
    """Tile (0,0) of the text; every link stalls in a third of all cycles."""
    bench = TileBench(dut, LISTING, tile=(0, 0), seed=1, stall=0.3)
    await bench.boot()
    dut._log.info("%d cycles", await bench.run())
    await bench.check()


if __name__ == "__main__":
    print("passed:", run_tile(LISTING, "examples.tile"))
