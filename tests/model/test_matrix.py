"""The matrix engine of the model against the RTL's, alone: cycles of a few instructions."""

import pytest

from hw.matrix.engine import MatrixEngine
from isa.image import Program
from isa.instructions import LAYOUTS, Instruction, Kind, Opcode, Queue
from isa.machine import Hbm, Machine, Mesh, Tile
from model.costs import laws_of
from model.decode import decode
from model.engine.run import simulate
from model.routes import Links
from tests.hw.simulation import simulation

SMALL = Tile(
    matrix_rows=3, matrix_columns=2, vector_lanes=4, l1_bytes=16 << 10, l1_banks=1, link_bits=128
)
DEEP = Tile(
    matrix_rows=4, matrix_columns=2, vector_lanes=4, l1_bytes=16 << 10, l1_banks=2, link_bits=128
)
HALT = Instruction.of(Opcode.HALT)
ISSUE, DRAIN = 3, 3
"""Cycles from the first fetch to the first command, and from the last done to the end of HALT."""
TURN = 3
"""Fetches of other queues before the first of the matrix queue."""


def product(m, n, k, trans_b=0, accumulate=0):
    places = {"a": 0, "b": 100, "c": 300, "lda": 4, "ldb": 4, "ldc": 8, "fmt_a": 1, "fmt_b": 1}
    return Instruction.of(
        Opcode.MATMUL, **places, m=m, n=n, k=k, trans_b=trans_b, accumulate=accumulate
    )


def cycles_of_rtl(tile, code):
    """From the first command to the last done, and the cycles in which the array is active."""
    shared = simulation(MatrixEngine, tile=tile)
    dut = shared.dut
    names = [field.name for field in LAYOUTS[Kind.MATRIX]]
    seen = {"cycles": 0, "done": 0, "active": 0}

    async def commands(ctx):
        for instruction in code:
            ctx.set(dut.command.payload, {name: instruction[name] for name in names})
            ctx.set(dut.command.valid, 1)
            await ctx.tick().until(dut.command.ready)
            ctx.set(dut.command.valid, 0)
            await ctx.tick().repeat(ISSUE)

    async def l1(ctx):
        ctx.set(dut.l1.req.ready, 1)
        while seen["done"] < len(code):
            *_, valid, payload, done, active = await ctx.tick().sample(
                dut.l1.req.valid, dut.l1.req.payload.write, dut.done, dut.active
            )
            seen["cycles"] += 1
            seen["done"] += done
            seen["active"] += active
            ctx.set(dut.l1.rsp_valid, valid and not payload)
            assert seen["cycles"] < 5000

    shared.run(commands, l1)
    return seen["cycles"] - 1, seen["active"]


def cycles_of_model(tile, code):
    machine = Machine(
        name="one",
        mesh=Mesh(columns=1, rows=1),
        tile=tile,
        hbm=Hbm(west_pitch=1, bytes_per_cycle=8),
    )
    program = Program({queue: [HALT] for queue in Queue})
    program.queues[Queue.MATRIX] = [*code, HALT]
    decoded = decode(machine, {(0, 0): program.words()})
    laws = laws_of(machine)
    seen = simulate(*decoded, Links(machine).fabric(), laws)
    return seen.cycles - laws.start - TURN - ISSUE - DRAIN, seen.matrix_active[0]


@pytest.mark.parametrize("tile", [SMALL, DEEP], ids=["3x2", "4x2"])
@pytest.mark.parametrize(
    ("shapes", "tolerance"),
    [
        ([(1, 1, 1)], 0),
        ([(1, 1, 1, 1)], 0),
        ([(1, 1, 1)] * 3, 0),
        ([(1, 1, 1, 1)] * 3, 0),
        ([(2, 0.25, 2, 1)] * 2, 0),
        ([(1, 1, 1, 0, 1)] * 2, 0.02),
        ([(2, 2, 0.25, 0, 1)] * 2, 0.1),
        ([(2, 0.5, 2, 1), (2, 2, 0.5, 0, 1)] * 2, 0.03),
    ],
    ids=["one", "transposed", "three", "three-t", "narrow", "accumulate", "short", "mixed"],
)
def test_cycles(tile, shapes, tolerance):
    """Shapes are in blocks: rows of the array, columns and steps of a line."""
    rows, width = tile.matrix_rows, tile.line_elements
    code = [product(m * rows, int(n * width), int(k * width), *more) for m, n, k, *more in shapes]
    (real, real_active), (seen, active) = cycles_of_rtl(tile, code), cycles_of_model(tile, code)
    assert active == real_active
    assert abs(seen - real) <= tolerance * real + 0.5, f"model {seen}, RTL {real}"
