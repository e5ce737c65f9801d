"""Latency without other traffic, cycle by cycle: unicasts over every distance, a multicast and a
sum along a row.
"""

import numpy as np

from isa.geometry import Rectangle
from isa.instructions import Format, ReduceOp
from isa.machine import Machine
from tb.noc.campaign import data_bench, machine_for
from tb.noc.play import Outcome, Progress, Run, play
from tb.noc.reductions import Reduction, reduce_bench, reduction_run
from tb.noc.traffic import Packets, data_run
from tb.runner import SimulationFailure
from tb.units.network import ends

__all__ = ["LENGTHS", "zero_load"]

LENGTHS = (1, 2, 4, 16, 64, 256, 1024)
ROW = 4
APART = 200
"""Cycles between unicasts: the network is empty before each."""


def zero_load(mesh: str, *, quick: bool = False, progress: Progress | None = None) -> dict:
    """Measure latencies of the bare routers, from the cycle in which the first flit enters to that
    in which the last one leaves.

    Returns
    -------
    dict
        ``cycles_per_hop``: of a flit, the same from every end to every tile. ``multicast_row4``,
        ``reduce_row4_sum``: cycles by number of flits, from the west end of a row of 4 to all of
        it, and of all of it to the east end.
    """
    machine = machine_for(mesh)
    if machine.mesh.columns < ROW:
        raise ValueError(f"mesh must have a row of {ROW}, {mesh} has not")
    rng = np.random.default_rng(1)
    lengths = LENGTHS[:-2] if quick else LENGTHS
    count = len(ends(machine.mesh.columns, machine.mesh.rows))
    along = (0, 0, ROW - 1, 0)
    data = [_unicasts(machine, rng)]
    data += [
        data_run(Packets(np.array([0]), np.array([along]), np.array([n])), machine, rng)
        for n in lengths
    ]
    outcomes = play(data_bench(machine), count, [run for run, _ in data])
    if progress:
        progress(0.5)
    sums = []
    for length in lengths:
        one = Reduction(Rectangle(*along), (ROW - 1, 0), ReduceOp.SUM, Format.FP32, length)
        sums.append(reduction_run([one], machine, rng))
    totals = play(reduce_bench(machine), count, [run for run, _ in sums])
    for (_, book), outcome in zip([*data, *sums], [*outcomes, *totals], strict=True):
        if (verdict := book.check(outcome)).faults:
            raise SimulationFailure(f"zero load on {mesh}: {verdict}")
    return {
        "cycles_per_hop": _per_hop(machine, data[0][0], data[0][1], outcomes[0]),
        "multicast_row4": {
            n: _cycles(outcome) for n, outcome in zip(lengths, outcomes[1:], strict=True)
        },
        "reduce_row4_sum": {
            n: _cycles(outcome) for n, outcome in zip(lengths, totals, strict=True)
        },
    }


def _unicasts(machine: Machine, rng: np.random.Generator):
    """A flit from every end to every tile, one after the other."""
    everywhere = range(len(ends(machine.mesh.columns, machine.mesh.rows)))
    source, target = map(
        np.ravel, np.meshgrid(everywhere, range(machine.mesh.tiles), indexing="ij")
    )
    x, y = target % machine.mesh.columns, target // machine.mesh.columns
    birth = np.arange(len(source)) * APART
    return data_run(
        Packets(source, np.stack([x, y, x, y]).T, np.ones(len(source), np.int64), birth),
        machine,
        rng,
    )


def _per_hop(machine: Machine, run: Run, book, outcome: Outcome) -> float:
    where = np.array([(x, y) for x, y, _ in ends(machine.mesh.columns, machine.mesh.rows)])
    number = book.identify(outcome.flits)
    hops = np.abs(where[run.source[number]] - where[outcome.target]).sum(axis=1) + 1
    found = set(((outcome.cycle - outcome.entered[number]) / hops).tolist())
    if len(found) != 1:
        raise SimulationFailure(f"hops cost {sorted(found)} cycles at zero load, not all the same")
    return found.pop()


def _cycles(outcome: Outcome) -> int:
    return int(outcome.cycle.max() - outcome.entered.min())
