"""Time of attention by the papers' schedule and costs."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain

from isa.errors import UserError
from isa.machine import Machine
from model.engine.run import CoreOutcome
from model.paper.costs import PaperCosts
from model.paper.dataflows import Blocks, asynchronous, synchronous
from model.paper.graph import MATRIX, GroupProgram, Part, Side, laws_of_papers, simulate_groups
from programs.attention.workload import Attention

__all__ = ["PAPER_DATAFLOWS", "PaperRun", "paper_breakdown", "run_paper"]

PAPER_DATAFLOWS = ("flash2", "flash3", "flat-seq", "flat", "flat-async")
SLICE = 128
"""Rows and keys of the largest slice that fits the L1 with its double [25], [26]"""


@dataclass(frozen=True)
class PaperRun:
    """What the papers' model says of a layer."""

    cycles: float
    matrix_active: float
    """cycles of the matrix engines of a tile"""
    hbm_bytes: int
    bandwidth: float
    """share of all channels'"""
    events: int
    seconds: float


@dataclass(frozen=True)
class PaperMapping:
    """How a layer is cut."""

    blocks: Blocks
    bases: dict[Side, list[int]]
    """first channel of each group"""
    streams: int
    """tiles that take turns at a channel"""


def mapped(machine: Machine, work: Attention, dataflow: str, group: tuple[int, int]) -> PaperMapping:
    """Cut a layer for groups of columns x rows tiles; of flash only a tile each is a group."""
    mesh, costs = machine.mesh, PaperCosts()
    alone = dataflow in ("flash2", "flash3")
    columns, rows = (1, 1) if alone else group
    if mesh.columns % columns or mesh.rows % rows:
        raise UserError(
            f"GROUP {columns}x{rows}: must divide the mesh of {mesh.columns}x{mesh.rows} tiles"
        )
    groups = mesh.tiles // (columns * rows)
    heads, stacked = work.kv_heads, work.rows
    sharers = min(mesh.columns, stacked) if alone else 1  # a head for a row of tiles
    m = min(SLICE, -(-stacked // (rows * sharers)))
    n = min(SLICE, -(-work.skv // columns))
    at_once = groups // sharers
    turns = -(-heads // at_once)
    outer = turns * -(-stacked // (m * rows * sharers))
    west, south = _channels(machine, columns, rows)
    slices = (m * work.d, m * work.dv, n * work.d, n * work.dv)
    burst = min(costs.burst_bytes, *(size * costs.element_bytes for size in slices))
    blocks = Blocks(
        columns,
        rows,
        m,
        n,
        work.d,
        work.dv,
        outer,
        -(-work.skv // (n * columns)),
        work.latent,
        (len(set(west[0])), len(set(south[0]))),
        groups,
        burst,
        not machine.hbm.west_pitch,
    )
    streams = groups * columns // len(set(chain(*south)))
    return PaperMapping(
        blocks, {Side.WEST: [one[0] for one in west], Side.SOUTH: [one[0] for one in south]}, streams
    )


def _channels(
    machine: Machine, columns: int, rows: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Channels of each group's row loaders and column loaders.

    Of [25] rows have those of the west, columns those of the south; of [26] all are south, and
    loaders are on the diagonal.
    """
    mesh, hbm = machine.mesh, machine.hbm
    wests = mesh.rows // hbm.west_pitch if hbm.west_pitch else 0
    found: tuple[list[list[int]], list[list[int]]] = ([], [])
    for y in range(0, mesh.rows, rows):
        for x in range(0, mesh.columns, columns):
            down = [wests + (x + i) // hbm.south_pitch for i in range(columns)]
            left = [(y + i) // hbm.west_pitch for i in range(rows)] if wests else down
            found[0].append(left)
            found[1].append(down)
    return found


def run_paper(
    machine: Machine,
    work: Attention,
    dataflow: str,
    group: tuple[int, int],
    kept: Collection[Part] = tuple(Part),
) -> PaperRun:
    """Run a layer in the core; parts that are not `kept` take no time."""
    started = time.perf_counter()
    costs, mapping = PaperCosts(), mapped(machine, work, dataflow, group)
    program = GroupProgram(kept)
    if dataflow in ("flash3", "flat-async"):
        asynchronous(costs, mapping.blocks, program)
    else:
        synchronous(costs, mapping.blocks, program, software=dataflow == "flat-seq")
    burst = mapping.blocks.burst
    channels = len(machine.channels)
    seen: CoreOutcome = simulate_groups(
        program, mapping.bases, channels, laws_of_papers(costs, burst, mapping.streams)
    )
    moved = int((seen.words_read.sum() + seen.words_written.sum()) * burst)
    return PaperRun(
        seen.cycles,
        float(seen.work_active[MATRIX::4].mean()),
        moved,
        moved / seen.cycles / (channels * costs.channel_bytes),
        seen.events,
        time.perf_counter() - started,
    )


def paper_breakdown(
    machine: Machine, work: Attention, dataflow: str, group: tuple[int, int]
) -> dict[Part, float]:
    """Cycles that each part adds when it is given its time after those before it."""
    found, before = {}, 0.0
    for i, part in enumerate(Part):
        total = run_paper(machine, work, dataflow, group, tuple(Part)[: i + 1]).cycles
        found[part], before = total - before, total
    return found
