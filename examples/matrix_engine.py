"""A cocotb test of the matrix engine, with driver, monitor and reference from us.

``.venv/bin/python -m examples.matrix_engine`` builds the engine and runs the test on it.
"""

import cocotb
import numpy as np

from hw.matrix.engine import MatrixEngine
from isa.machine import MACHINES
from tb.runner import run_unit
from tb.units.matrix import MatrixBench
from tb.units.matrix_reference import Product

TILE = MACHINES["tiny"].tile


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_product(dut):
    """C = A B^T, 8 x 24 by 24 x 8 random elements: every bit of L1, which refuses now and then."""
    bench = MatrixBench(dut, TILE, np.random.default_rng(seed=1))
    await bench.reset()
    bench.refuse = 0.3
    counts = await bench.run([Product(8, 8, 24, trans_b=1)])
    dut._log.info("%d cycles, the array steps in %d", counts["cycles"], counts["active"])


if __name__ == "__main__":
    print("passed:", run_unit(MatrixEngine(tile=TILE), "matrix", "examples.matrix_engine"))
