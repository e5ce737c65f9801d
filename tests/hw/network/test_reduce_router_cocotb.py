"""Whole reduction networks on Verilator: bit-exact in the order of the tree, no hang in a legal
order, else an error.
"""

import itertools

import numpy as np
import pytest

from isa.geometry import Rectangle
from isa.instructions import Format, ReduceOp
from isa.machine import Machine
from isa.timing import combine_cycles
from tb.noc.campaign import LIMIT, machine_for, reduce_traffic, refuse
from tb.noc.orders import disagreements
from tb.noc.play import Outcome, play
from tb.noc.reductions import Reduction, reduce_bench, reduction_run
from tb.units.network import ends

SLOW = [pytest.param(mesh, marks=pytest.mark.slow) for mesh in ("4x4", "3x2", "4x1")]
"""Meshes whose trees test_route has tested."""


@pytest.fixture(scope="module", params=["3x3", *SLOW])
def machine(request) -> Machine:
    return machine_for(request.param)


def name(machine: Machine) -> str:
    return f"{machine.mesh.columns}x{machine.mesh.rows}"


def summed(machine: Machine, *several: list[Reduction]) -> list[Outcome]:
    """Play reductions that all tiles issue at once, a run of each list; each must be right."""
    rng = np.random.default_rng(1)
    runs = [reduction_run(reductions, machine, rng, limit=LIMIT) for reductions in several]
    count = len(ends(machine.mesh.columns, machine.mesh.rows))
    outcomes = play(reduce_bench(machine), count, [run for run, _ in runs])
    assert not any(
        book.check(outcome).faults for (_, book), outcome in zip(runs, outcomes, strict=True)
    )
    return outcomes


def test_reductions_in_one_order_are_exact(machine):
    """Many at once, of all shapes and formats, to roots that are more or less ready."""
    verdicts, joins = reduce_traffic(name(machine), 1, 24)
    refuse(verdicts, name(machine), joins.left)
    assert not any(verdict.hung for _, verdict in verdicts)


def test_a_hop_costs_what_the_law_says_and_a_result_comes_every_cycle(machine):
    last, length = machine.mesh.columns - 1, 100
    cases = list(itertools.product(ReduceOp, range(last + 1)))
    row = Rectangle(0, 0, last, 0)
    rows = [[Reduction(row, (root, 0), op, Format.FP32, length)] for op, root in cases]
    for (op, root), outcome in zip(cases, summed(machine, *rows), strict=True):
        farthest = max(root, last - root)
        joins = [1] * (farthest > 0) + [2] * (farthest - 1) + [1 + (root > 0) + (root < last)]
        latency = sum(1 + combine_cycles(op, Format.FP32, inputs, 1) for inputs in joins)
        assert (outcome.cycle - outcome.entered.min() == latency + np.arange(length)).all()


def test_a_reduction_of_the_whole_mesh_takes_two_cycles_a_word_at_most(machine):
    columns, rows = machine.mesh.columns, machine.mesh.rows
    everyone, middle = Rectangle(0, 0, columns - 1, rows - 1), (columns // 2, rows // 2)
    outcomes = summed(
        machine, *([Reduction(everyone, middle, op, Format.FP32, 100)] for op in ReduceOp)
    )
    assert all(outcome.cycles <= 2 * 100 + 10 * (columns + rows) for outcome in outcomes)


def test_all_rows_then_all_columns(machine):
    """What attention does, from the same queues; nobody waits for the other rows."""
    columns, rows = machine.mesh.columns, machine.mesh.rows
    along = [
        Reduction(Rectangle(0, y, columns - 1, y), (columns // 2, y), ReduceOp.SUM, Format.FP32, 50)
        for y in range(rows)
    ]
    across = [
        Reduction(Rectangle(x, 0, x, rows - 1), (x, rows // 2), ReduceOp.MAX, Format.FP32, 50)
        for x in range(columns)
    ]
    (outcome,) = summed(machine, along + across)
    assert outcome.cycles <= 100 + 6 * (columns + rows)


def test_a_wrong_order_is_reported_and_never_summed(machine):
    result = disagreements("order", 20, mesh=name(machine))
    assert result["errors"] == 20 and not result["hangs"] and not result["wrong"]
