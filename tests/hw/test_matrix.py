"""The matrix engine on small arrays, in Amaranth's simulator: every format and shape, with an L1
that refuses at random.
"""

import itertools
import random

import numpy as np
import pytest

from hw.layouts import L1Request, command_layout
from hw.matrix.engine import MatrixEngine
from isa.instructions import Kind
from isa.machine import Tile
from isa.timing import array_cycles, matmul_lines
from tb.units.bench import access
from tb.units.matrix_reference import (
    FORMATS_OF_OPERANDS,
    Product,
    first_difference,
    place,
    random_cases,
)
from tests.hw.simulation import simulation

SMALL = Tile(
    matrix_rows=3, matrix_columns=2, vector_lanes=4, l1_bytes=16 << 10, l1_banks=1, link_bits=128
)
DEEP = Tile(
    matrix_rows=2,
    matrix_columns=4,
    mac_latency=4,
    vector_lanes=4,
    l1_bytes=16 << 10,
    l1_banks=2,
    link_bits=128,
)
EVENTS = ("active", "busy", "operand_stall", "drain_stall")


def simulate(tile, cases, *, refuse=0.0, seed=1):
    """Run the cases back to back and compare L1; return how many cycles it took, and in how many
    each event was seen, and how many accesses L1 served.
    """
    rng = random.Random(seed)
    memory, expected = place(tile, cases, np.random.default_rng(seed))
    shared = simulation(MatrixEngine, tile=tile)
    dut, layout_of_l1, layout = shared.dut, L1Request(tile), command_layout(Kind.MATRIX)
    counts = dict.fromkeys(EVENTS, 0) | {"cycles": 0, "done": 0, "lines": 0}

    async def commands(ctx):
        for case in cases:
            ctx.set(dut.command.payload, layout.const(case.fields))
            ctx.set(dut.command.valid, 1)
            await ctx.tick().until(dut.command.ready)
        ctx.set(dut.command.valid, 0)

    async def l1(ctx):
        port, kept = dut.l1.req, None
        while counts["done"] < len(cases):
            assert counts["cycles"] < 20000, f"{counts['done']} of {len(cases)} done"
            ready = rng.random() >= refuse
            ctx.set(port.ready, ready)
            *_, valid, bits, done, active, busy, operand, drain = await ctx.tick().sample(
                port.valid,
                port.payload.as_value(),
                dut.done,
                *(getattr(dut, name) for name in EVENTS),
            )
            counts["cycles"] += 1
            for name, seen in zip(
                ("done", *EVENTS), (done, active, busy, operand, drain), strict=True
            ):
                counts[name] += seen
            request = layout_of_l1.from_bits(bits)
            offered = (
                (request.write, request.addr, request.mask, request.write and request.data)
                if valid
                else None
            )
            assert kept in (None, offered), f"a refused request changed from {kept} to {offered}"
            kept = None if ready else offered
            rest = rng.getrandbits(8 * tile.line_bytes)
            answer = None
            if valid and ready:
                answer = access(memory, tile, request, rest)
                counts["lines"] += 1
            ctx.set(dut.l1.rsp_valid, answer is not None)
            ctx.set(dut.l1.rsp_data, rest if answer is None else answer)
        for _ in range(20):
            *_, done, busy, valid = await ctx.tick().sample(dut.done, dut.busy, port.valid)
            assert not (done or busy or valid), "not idle after the last instruction"

    shared.run(commands, l1)
    assert not (difference := first_difference(tile, cases, memory, expected)), difference
    return counts


@pytest.mark.parametrize("trans_b", [0, 1])
def test_one_block(trans_b):
    simulate(SMALL, [Product(3, 8, 8, trans_b=trans_b)])


def test_every_pair_of_formats():
    # Two chunks of k and two column blocks: each operand's lines are found by the width of its own
    # elements.
    pairs = itertools.product(FORMATS_OF_OPERANDS, repeat=2)
    simulate(SMALL, [Product(2, 10, 10, *pair, trans_b=sum(pair) % 2) for pair in pairs])


@pytest.mark.parametrize("refuse", [0.0, 0.5])
@pytest.mark.parametrize("tile", [SMALL, DEEP], ids=["3x2", "2x4"])
def test_random_instructions(tile, refuse):
    simulate(tile, random_cases(tile, seed=int(10 * refuse), count=5), refuse=refuse)


def test_array_is_never_idle_between_full_blocks():
    tile = SMALL
    cases = [Product(6, 16, 16, trans_b=trans_b, accumulate=trans_b) for trans_b in (0, 1, 0)]
    counts = simulate(tile, cases)
    assert counts["active"] == 3 * array_cycles(tile, 6, 16, 16)
    assert counts["active"] >= 0.9 * counts["cycles"]


@pytest.mark.parametrize(("tile", "columns"), [(SMALL, 1), (DEEP, 5)], ids=["3x2", "2x4"])
def test_each_k_takes_what_the_law_says(tile, columns):
    """Few columns wait for the accumulators: a longer product takes as much longer as the law."""
    rows = 2 * tile.matrix_rows
    short, long = (
        simulate(tile, [Product(rows, columns, k, trans_b=0, accumulate=0)])["cycles"]
        for k in (16, 32)
    )
    assert long - short == array_cycles(tile, rows, columns, 32) - array_cycles(
        tile, rows, columns, 16
    )


@pytest.mark.parametrize("tile", [SMALL, DEEP], ids=["3x2", "2x4"])
def test_accesses_to_l1_are_those_of_the_law(tile):
    shapes = ((2, 3, 5), (7, 9, 18), (4, 18, 9), (5, 17, 4))
    flags = ((0, 0), (1, 0), (0, 1), (1, 1))
    cases = [
        Product(*shape, trans_b=trans_b, accumulate=accumulate)
        for shape, (trans_b, accumulate) in zip(shapes, flags, strict=True)
    ]
    assert simulate(tile, cases)["lines"] == sum(
        matmul_lines(tile, one.m, one.n, one.k, trans_b=one.trans_b, accumulate=one.accumulate)
        for one in cases
    )
