"""Random traffic of every kind under every back-pressure, checked copy by copy."""

from functools import cache

import numpy as np

from hw.layouts import data_flit
from hw.network.router import Router
from isa.machine import MACHINES, Machine
from tb.noc.book import Book, Verdict
from tb.noc.coverage import ForkCoverage, JoinCoverage
from tb.noc.mesh import build_bench
from tb.noc.play import Progress, Run, play
from tb.noc.reductions import random_reductions, reduce_bench, reduction_run
from tb.noc.traffic import MIXES, data_run, mixed_packets
from tb.runner import Build, SimulationFailure
from tb.units.network import ends

__all__ = [
    "LIMIT",
    "OLDEST",
    "PRESSURES",
    "data_bench",
    "data_traffic",
    "machine_for",
    "random_traffic",
    "reduce_traffic",
    "refuse",
]

PRESSURES = ("ready", "10 %", "50 %", "90 %", "mixed", "sleeps")
"""How often sinks refuse: all alike, each in its own way, or some of them not at all for more than
1000 cycles.
"""
OLDEST = 20_000
"""Cycles that no flit may need from a source's port to a sink."""
LIMIT = 5 * OLDEST
"""Cycles after which a run ends in any case, such as one whose flits multiply."""
PROBED = 20
"""Tiles of the largest mesh whose forks carry probes."""


@cache
def machine_for(mesh: str, fifo_depth: int | None = None) -> Machine:
    """The machine whose network is under test: the narrowest links that a machine can have."""
    machine = MACHINES["mesh4"].with_mesh(mesh)
    if fifo_depth is None:
        return machine
    return machine.model_copy(
        update={"mesh": machine.mesh.model_copy(update={"fifo_depth": fifo_depth})}
    )


@cache
def data_bench(machine: Machine) -> Build:
    """Bench of the data network."""
    router = Router(machine=machine, payload=data_flit(machine.tile), multicast=True)
    return build_bench(
        router, machine, probe="fork_probe.v" if machine.mesh.tiles <= PROBED else None
    )


def pressure(kind: str, count: int, rng: np.random.Generator) -> dict:
    """Conditions of a `Run` at `count` ends."""
    if kind == "mixed":
        return {"stall": rng.choice([0.0, 0.1, 0.5, 0.9], count)}
    if kind == "sleeps":
        sleepers = rng.choice(count, min(3, count), replace=False)
        return {
            "stall": 0.1,
            "sleeps": [(end, rng.integers(1, 100), rng.integers(1001, 1500)) for end in sleepers],
        }
    return {"stall": {"ready": 0.0, "10 %": 0.1, "50 %": 0.5, "90 %": 0.9}[kind]}


def data_runs(
    machine: Machine, count: int, copies: int, rng: np.random.Generator
) -> list[tuple[str, Run, Book]]:
    """Draw `count` runs of about `copies` arrivals each: kinds of traffic and of pressure in turns,
    half of them under full load.
    """
    found = []
    for number in range(count):
        mix, kind = (
            MIXES[number % len(MIXES)],
            PRESSURES[(number + number // len(MIXES)) % len(PRESSURES)],
        )
        packets = mixed_packets(
            mix, machine.mesh, 100, rng, longest=1 if rng.random() < 0.3 else 16, copies=copies
        )
        if rng.random() < 0.5:
            packets.birth = np.sort(
                rng.integers(0, copies // machine.mesh.tiles * 3 + 1, len(packets.source))
            )
        conditions = pressure(kind, len(ends(machine.mesh.columns, machine.mesh.rows)), rng)
        found.append(
            (
                f"{mix}, {kind}",
                *data_run(packets, machine, rng, patience=4000, limit=LIMIT, **conditions),
            )
        )
    return found


def data_traffic(
    mesh: str, seed: int, flits: int, *, copies: int = 4000, progress: Progress | None = None
) -> tuple[list[tuple[str, Verdict]], ForkCoverage]:
    """Deliver about `flits` flits of random traffic; return what each run was and how it went, and
    the coverage.
    """
    machine = machine_for(mesh)
    runs = data_runs(machine, max(1, round(flits / copies)), copies, np.random.default_rng(seed))
    coverage = ForkCoverage(machine.mesh)
    count = len(ends(machine.mesh.columns, machine.mesh.rows))
    outcomes = play(
        data_bench(machine),
        count,
        [run for _, run, _ in runs],
        seed=seed,
        progress=progress,
        collect=coverage.collect,
    )
    verdicts = [
        (name, book.check(outcome, entered=outcome.entered))
        for (name, _, book), outcome in zip(runs, outcomes, strict=True)
    ]
    return verdicts, coverage


def reduce_traffic(
    mesh: str, seed: int, runs: int, *, progress: Progress | None = None
) -> tuple[list[tuple[str, Verdict]], JoinCoverage]:
    """Play runs of random reductions, a third of them with all roots inside; return how each went,
    and the coverage.
    """
    machine = machine_for(mesh)
    rng = np.random.default_rng(seed)
    count = len(ends(machine.mesh.columns, machine.mesh.rows))
    drawn = []
    for number in range(runs):
        kind, inside = PRESSURES[number % len(PRESSURES)], number % 3 == number // 6 % 3
        reductions = random_reductions(machine, 120, rng, inside=inside)
        name = f"reductions, root {'inside' if inside else 'anywhere'}, {kind}"
        drawn.append(
            (
                name,
                *reduction_run(
                    reductions,
                    machine,
                    rng,
                    patience=4000,
                    limit=LIMIT,
                    **pressure(kind, count, rng),
                ),
            )
        )
    coverage = JoinCoverage(machine.mesh, machine.mesh.formats)
    outcomes = play(
        reduce_bench(machine),
        count,
        [run for _, run, _ in drawn],
        seed=seed,
        progress=progress,
        collect=coverage.collect,
    )
    return [
        (name, book.check(outcome))
        for (name, _, book), outcome in zip(drawn, outcomes, strict=True)
    ], coverage


def random_traffic(
    mesh: str,
    seed: int = 1,
    flits: int = 100_000,
    quick: bool = False,
    *,
    reduce: bool = True,
    progress: Progress | None = None,
) -> dict:
    """Play random traffic of every kind on the data network, then on the reduction network, and
    check all that arrives.

    Parameters
    ----------
    flits
        Arrivals on the data network, about; the reduction network gets a run for every 2000 of
        them.
    quick
        Leave the reduction network out, which takes long to compile.

    Returns
    -------
    dict
        ``flits`` that arrived and were checked, ``hangs``, ``runs``, ``oldest``: most cycles a flit
        was under way, ``coverage``: by network, the report of what was seen inside the routers
        (meshes of up to 20 tiles).

    Raises
    ------
    SimulationFailure
        If anything is lost, duplicated, misdelivered, reordered or changed, or takes too long.
    """
    verdicts, forks = data_traffic(mesh, seed, flits, progress=progress)
    refuse(verdicts, f"data network, mesh {mesh}, seed {seed}", forks.left)
    probed = machine_for(mesh).mesh.tiles <= PROBED
    coverage = {"data": forks.report()} if probed else {}
    if reduce and not quick:
        results, joins = reduce_traffic(mesh, seed, max(24, flits // 2000), progress=progress)
        refuse(results, f"reduction network, mesh {mesh}, seed {seed}", joins.left)
        verdicts = verdicts + results
        coverage |= {"reduction": joins.report()} if probed else {}
    return {
        "flits": sum(verdict.arrived for _, verdict in verdicts),
        "hangs": sum(verdict.hung for _, verdict in verdicts),
        "runs": len(verdicts),
        "oldest": max(verdict.oldest for _, verdict in verdicts),
        "coverage": coverage,
    }


def refuse(verdicts: list[tuple[str, Verdict]], where: str, left: int = 0) -> None:
    """Raise if anything went wrong, but for hangs, which are counted; `left` flits stayed in the
    network.

    Raises
    ------
    SimulationFailure
        Says which run, and what is wrong with it.
    """
    for number, (name, verdict) in enumerate(verdicts):
        if verdict.faults and not verdict.hung:
            raise SimulationFailure(f"{where}, run {number} ({name}): {verdict}")
        if verdict.oldest > OLDEST:
            raise SimulationFailure(
                f"{where}, run {number} ({name}): a flit took {verdict.oldest} cycles, limit "
                f"{OLDEST}"
            )
    if left and not any(verdict.hung for _, verdict in verdicts):
        raise SimulationFailure(
            f"{where}: {left} flits were still in the network when a run was over"
        )
