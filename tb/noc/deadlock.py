"""The traffic that hangs networks whose multicasts hold outputs across a packet, and reductions
issued in two orders.
"""

from collections.abc import Callable

import numpy as np

from hw.network.router import Router
from isa.machine import Machine, Mesh
from tb.noc.campaign import data_bench, machine_for, refuse
from tb.noc.mesh import build_bench
from tb.noc.orders import disagreements
from tb.noc.play import Progress, play
from tb.noc.traffic import Packets, data_run
from tb.units.network import ends

__all__ = ["ILLEGAL", "PATTERNS", "deadlock_runs", "deadlock_set"]

LONGEST = 16
"""Flits of the longest packet."""
ILLEGAL = "illegal reduction order"
PACKETS = 2
"""Packets that each source sends, one after the other."""
PATIENCE = 100, 2000
"""Cycles without progress that count as a hang, with sinks that are always ready and with others.
"""


def _rows(mesh: Mesh, rng: np.random.Generator, senders: int) -> list[tuple]:
    """`senders` random tiles of each row multicast to the row."""
    return [
        (y * mesh.columns + x, (0, y, mesh.columns - 1, y))
        for y in range(mesh.rows)
        for x in rng.choice(mesh.columns, senders, replace=False)
    ]


def _two_in_a_row(mesh: Mesh, rng: np.random.Generator) -> list[tuple]:
    return _rows(mesh, rng, min(2, mesh.columns))


def _row_all_gather(mesh: Mesh, rng: np.random.Generator) -> list[tuple]:
    return _rows(mesh, rng, mesh.columns)


def _four_broadcasts(mesh: Mesh, rng: np.random.Generator) -> list[tuple]:
    whole = (0, 0, mesh.columns - 1, mesh.rows - 1)
    return [(tile, whole) for tile in rng.choice(mesh.tiles, min(4, mesh.tiles), replace=False)]


def _rows_and_columns(mesh: Mesh, rng: np.random.Generator) -> list[tuple]:
    found = []
    for tile in range(mesh.tiles):
        x, y = tile % mesh.columns, tile // mesh.columns
        found.append(
            (tile, (0, y, mesh.columns - 1, y) if rng.random() < 0.5 else (x, 0, x, mesh.rows - 1))
        )
    return found


PATTERNS: dict[str, Callable[[Mesh, np.random.Generator], list[tuple]]] = {
    "two multicasts a row": _two_in_a_row,
    "row all-gather": _row_all_gather,
    "four broadcasts": _four_broadcasts,
    "rows and columns": _rows_and_columns,
}
"""Name to the senders of a run: (tile, rectangle)."""


def deadlock_runs(
    pattern: str, machine: Machine, runs: int, stall: float, rng: np.random.Generator
) -> list[tuple]:
    """Draw runs of a pattern: all senders start at once, each with packets of 1 to 16 flits, all of
    a run alike.
    """
    found = []
    for _ in range(runs):
        senders = PATTERNS[pattern](machine.mesh, rng) * PACKETS
        source = np.array([tile for tile, _ in senders])
        rectangle = np.array([rectangle for _, rectangle in senders])
        packets = Packets(source, rectangle, np.full(len(senders), rng.integers(1, LONGEST + 1)))
        found.append(
            data_run(packets, machine, rng, stall=stall, patience=PATIENCE[stall > 0], drain=24)
        )
    return found


def deadlock_set(
    pattern: str,
    runs: int,
    stall: float = 0.0,
    *,
    mesh: str = "4x4",
    seed: int = 1,
    router: Callable[[Machine], Router] | None = None,
    progress: Progress | None = None,
) -> dict:
    """Play a pattern `runs` times with sinks that refuse in a share `stall` of the cycles.

    `router` makes another router than the one of the machine. What arrives is checked, but for runs
    that hang. The pattern "illegal reduction order" is `tb.noc.orders.disagreements` about the
    order, and returns what that does.

    Returns
    -------
    dict
        ``runs``, ``hangs``, ``flits`` delivered, ``cycles`` of the longest run, and by length of
        packet how many hung.
    """
    if pattern == ILLEGAL:
        return disagreements("order", runs, stall, mesh=mesh, seed=seed, progress=progress)
    machine = machine_for(mesh)
    count = len(ends(machine.mesh.columns, machine.mesh.rows))
    prepared = deadlock_runs(pattern, machine, runs, stall, np.random.default_rng(seed))
    compiled = data_bench(machine) if router is None else build_bench(router(machine), machine)
    outcomes = play(compiled, count, [run for run, _ in prepared], seed=seed, progress=progress)
    verdicts = [
        (pattern, book.check(outcome))
        for (_, book), outcome in zip(prepared, outcomes, strict=True)
    ]
    refuse(verdicts, f"{mesh}, stall {stall}")
    lengths: dict[int, int] = {}
    for (run, _), outcome in zip(prepared, outcomes, strict=True):
        length = int(len(run.source) / PACKETS / len(np.unique(run.source)))
        lengths[length] = lengths.get(length, 0) + outcome.hung
    return {
        "runs": len(outcomes),
        "hangs": sum(outcome.hung for outcome in outcomes),
        "flits": sum(verdict.arrived for _, verdict in verdicts),
        "cycles": max(outcome.cycles for outcome in outcomes),
        "hangs_by_length": dict(sorted(lengths.items())),
    }
