"""Reductions whose members do not agree: the routers have to report it, soon, and never to pass on
a wrong sum.
"""

from dataclasses import replace

import numpy as np

from hw.layouts import reduce_flit
from isa.geometry import Rectangle
from isa.instructions import Format, ReduceOp
from isa.machine import Machine
from tb.noc.book import Book
from tb.noc.campaign import machine_for
from tb.noc.flits import Packing
from tb.noc.play import Outcome, Progress, Run, play
from tb.noc.reductions import Reduction, reduce_bench, reduction_run
from tb.units.network import ends

__all__ = ["KINDS", "disagreements"]

KINDS = ("order", "rectangle", "root", "op", "length")
"""What one of the members has otherwise than the others."""
PATIENCE = 400


def disagreements(
    kind: str,
    runs: int,
    stall: float = 0.0,
    *,
    mesh: str = "4x4",
    seed: int = 1,
    progress: Progress | None = None,
) -> dict:
    """Let the members of a random rectangle of two tiles or more issue three sums each, one of them
    not like the others.

    order: it issues two of them in another order. rectangle, root, op, length: it has something
    else there in one of them; what it sends then may wait for partners that never come, which no
    single router can know, or reach the root it names as a reduction of its own.

    Returns
    -------
    dict
        ``runs``; ``errors``: runs in which a router reported a mismatch; ``hangs``: runs that stood
        still and nobody reported it; ``wrong``: results under the header that the others agreed on
        that are not their sum; ``slowest``: cycles from the start of a run to the first report, at
        most.
    """
    machine = machine_for(mesh)
    rng = np.random.default_rng(seed)
    prepared = [_run(kind, machine, rng, stall) for _ in range(runs)]
    count = len(ends(machine.mesh.columns, machine.mesh.rows))
    outcomes = play(
        reduce_bench(machine), count, [run for run, _ in prepared], seed=seed, progress=progress
    )
    verdicts = [
        book.check(_agreed(book, outcome, machine))
        for (_, book), outcome in zip(prepared, outcomes, strict=True)
    ]
    alarms = [outcome.alarm for outcome in outcomes]
    return {
        "runs": runs,
        "errors": sum(alarm is not None for alarm in alarms),
        "hangs": sum(outcome.hung and outcome.alarm is None for outcome in outcomes),
        "wrong": sum(verdict.corrupted + verdict.extra + verdict.reordered for verdict in verdicts),
        "slowest": max((alarm for alarm in alarms if alarm is not None), default=None),
    }


def _agreed(book: Book, outcome: Outcome, machine: Machine) -> Outcome:
    """Leave only the results whose headers are as the members agreed."""
    words = machine.tile.link_bits // 32
    number = book.identify(outcome.flits)
    kept = (number >= 0) & (
        outcome.flits[:, words:] == book.flits[np.maximum(number, 0), words:]
    ).all(axis=1)
    return replace(
        outcome, target=outcome.target[kept], cycle=outcome.cycle[kept], flits=outcome.flits[kept]
    )


def _run(kind: str, machine: Machine, rng: np.random.Generator, stall: float) -> tuple[Run, Book]:
    columns, rows = machine.mesh.columns, machine.mesh.rows
    while True:
        x0, x1 = sorted(map(int, rng.integers(0, columns, 2)))
        y0, y1 = sorted(map(int, rng.integers(0, rows, 2)))
        if (x0, y0) != (x1, y1):
            break
    root = int(rng.integers(x0, x1 + 1)), int(rng.integers(y0, y1 + 1))
    lengths = rng.integers(1, 9, 3)
    agreed = [
        Reduction(Rectangle(x0, y0, x1, y1), root, ReduceOp.SUM, Format.FP32, int(length))
        for length in lengths
    ]
    culprit = int(rng.integers(x0, x1 + 1)), int(rng.integers(y0, y1 + 1))
    order = [0, 1, 2]
    first, second = rng.choice(3, 2, replace=False)
    order[first], order[second] = order[second], order[first]
    orders = {culprit: order} if kind == "order" else None
    run, book = reduction_run(
        agreed, machine, rng, orders=orders, wild=0.0, stall=stall, patience=PATIENCE
    )
    if kind != "order":
        _tamper(run, kind, agreed, int(first), culprit, machine, rng)
    return run, book


def _tamper(
    run: Run,
    kind: str,
    agreed: list[Reduction],
    number: int,
    culprit: tuple[int, int],
    machine: Machine,
    rng: np.random.Generator,
) -> None:
    """Change what `culprit` sends for a collective."""
    packing = Packing(reduce_flit(machine.tile))
    mine = (run.source == culprit[1] * machine.mesh.columns + culprit[0]) & (
        packing.get(run.flits, "tag") == number
    )
    one = agreed[number]
    x0, y0, x1, y1 = one.rectangle
    if kind == "length":
        keep = ~mine | (packing.get(run.flits, "seq") < one.length - 1)
        run.source, run.flits = run.source[keep], run.flits[keep]
        return
    if kind == "op":
        change = {"op": ReduceOp.MAX.value}
    elif kind == "root":
        others = [
            (x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1) if (x, y) != one.root
        ]
        change = dict(zip(("root_x", "root_y"), others[rng.integers(len(others))], strict=True))
    else:
        # A smaller rectangle that still holds the culprit.
        change = (
            {"x0": culprit[0], "x1": culprit[0]}
            if x0 != x1
            else {"y0": culprit[1], "y1": culprit[1]}
        )
    flits = run.flits[mine]
    for name, value in change.items():
        packing.clear(flits, name)
        packing.put(flits, name, value)
    run.flits[mine] = flits
