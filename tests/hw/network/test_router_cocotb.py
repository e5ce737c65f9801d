"""Whole data networks on Verilator: exactly once, in order, no hang, at the stated rates and
latencies.
"""

import numpy as np
import pytest

from isa.machine import Machine
from tb.noc import random_traffic
from tb.noc.campaign import LIMIT, data_bench, machine_for
from tb.noc.play import Outcome, play
from tb.noc.traffic import Packets, data_run, mixed_packets
from tb.units.network import ends

SLOW = [pytest.param(mesh, marks=pytest.mark.slow) for mesh in ("4x4", "3x2", "1x4", "4x1")]
"""Meshes whose routes test_route has tested."""


@pytest.fixture(scope="module", params=["3x3", *SLOW])
def machine(request) -> Machine:
    return machine_for(request.param)


def delivered(machine: Machine, *several: Packets) -> list[tuple[Outcome, np.ndarray]]:
    """Play a run of each, which must be right; its outcome, and the flits' numbers by arrival."""
    rng = np.random.default_rng(1)
    runs = [data_run(packets, machine, rng, limit=LIMIT) for packets in several]
    count = len(ends(machine.mesh.columns, machine.mesh.rows))
    outcomes = play(data_bench(machine), count, [run for run, _ in runs])
    assert not any(
        book.check(outcome).faults for (_, book), outcome in zip(runs, outcomes, strict=True)
    )
    return [
        (outcome, book.identify(outcome.flits))
        for (_, book), outcome in zip(runs, outcomes, strict=True)
    ]


def streams(sources, rectangles, length: int) -> Packets:
    """A packet of `length` flits from each source to its rectangle."""
    count = len(sources)
    return Packets(np.array(sources), np.array(rectangles), np.full(count, length))


def test_every_copy_arrives_once_and_in_order(machine):
    """Every kind of traffic, under every back-pressure, some sinks asleep."""
    mesh = f"{machine.mesh.columns}x{machine.mesh.rows}"
    assert random_traffic(mesh, flits=100_000, quick=True)["hangs"] == 0


def test_a_hop_is_a_cycle(machine):
    """Without load a flit takes a cycle a router, from every end; so does a copy of a multicast."""
    where = np.array([(x, y) for x, y, _ in ends(machine.mesh.columns, machine.mesh.rows)])
    packets = mixed_packets(
        "rectangles", machine.mesh, 100, np.random.default_rng(1), longest=1, copies=500
    )
    packets.source = np.arange(len(packets.source)) % len(where)
    packets.birth = 50 * np.arange(len(packets.source))
    ((outcome, number),) = delivered(machine, packets)
    hops = np.abs(where[packets.source[number]] - where[outcome.target]).sum(axis=1) + 1
    assert (outcome.cycle - outcome.entered[number] == hops).all()


def test_links_carry_a_flit_every_cycle(machine):
    """Along a broadcast, into tiles that a whole row sends to, and between neighbours."""
    columns, rows = machine.mesh.columns, machine.mesh.rows
    tiles = [(x, y) for y in range(rows) for x in range(columns)]
    east = [(source, (x + 1, y) * 2) for source, (x, y) in enumerate(tiles) if x + 1 < columns]
    kinds = [
        (streams([0], [(0, 0, columns - 1, rows - 1)], 100), 100 + columns + rows),
        (
            streams(range(len(tiles)), [(0, y, columns - 1, y) for _, y in tiles], 40),
            1.2 * 40 * columns + 10,
        ),
    ]
    kinds += [(streams(*zip(*east, strict=True), 100), 100 + 3)] if east else []
    played = delivered(machine, *(packets for packets, _ in kinds))
    assert all(
        outcome.cycles <= most for (outcome, _), (_, most) in zip(played, kinds, strict=True)
    )


def test_uniform_traffic_reaches_half_of_what_the_links_allow(machine):
    columns, rows = machine.mesh.columns, machine.mesh.rows
    rng = np.random.default_rng(1)
    source = np.repeat(np.arange(columns * rows), 300)
    x, y = rng.integers(columns, size=len(source)), rng.integers(rows, size=len(source))
    uniform = Packets(source, np.stack([x, y, x, y]).T, np.ones_like(source))
    ((outcome, _),) = delivered(machine, uniform)
    # In the steady state: not the beginning, and not the end, when some sources have finished.
    arrived = ((outcome.cycle >= 50) & (outcome.cycle < 300)).sum() / 250 / machine.mesh.tiles
    assert arrived >= 0.5 * min(1.0, 4 / max(columns, rows))
