"""How the papers cut a layer of attention: slices, groups, turns, and channels of loaders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from isa.errors import UserError
from isa.formats import FORMATS
from isa.machine import Machine
from model.paper.costs import PaperCosts
from model.paper.graph import Side
from model.paper.steps import Blocks
from programs.attention.workload import Attention
from programs.gemm.workload import Gemm

__all__ = ["PAPER_DATAFLOWS", "PaperMapping", "costs_for", "groups_of", "mapped"]

PAPER_DATAFLOWS = ("flash2", "flash3", "flat-seq", "flat", "flat-async")
_TWO_SETS = ("flash3", "flat-async")
_ALONE = ("flash2", "flash3")
_MACS = 32 * 16
_LEAST_BURST = 512
"""Bytes below which what is moved is rounded up."""


@dataclass(frozen=True)
class PaperMapping:
    """How a layer is cut."""

    costs: PaperCosts
    blocks: Blocks
    bases: dict[Side, list[int]]
    """first channel of each group that has work"""
    streams: int
    """tiles that take turns at a channel"""


def costs_for(machine: Machine, work: Attention | Gemm) -> PaperCosts:
    """The published costs on a machine's channels, for the elements of a workload."""
    return replace(
        PaperCosts(),
        channel_bytes=machine.hbm.bytes_per_cycle,
        element_bytes=FORMATS[work.fmt].bytes,
        transpose=not machine.hbm.west_pitch,
    )


def groups_of(machine: Machine, work: Attention, dataflow: str) -> list[tuple[int, int]]:
    """Groups that the papers choose from: squares, and of few queries single rows of tiles."""
    if dataflow in _ALONE:
        return [(1, 1)]
    sides = [side for side in (2, 4, 8, 16, 32, 64) if not machine.mesh.columns % side]
    if work.rows <= PaperCosts.slice:
        return [(side, 1) for side in sides]
    return [(side, side) for side in sides if not machine.mesh.rows % side]


def mapped(
    machine: Machine, work: Attention, dataflow: str, group: tuple[int, int]
) -> PaperMapping:
    """Cut a layer for groups of columns x rows tiles; of flash each tile is one.

    Raises
    ------
    UserError
        If the papers have no such dataflow, mask, group or channels.
    """
    _checked(machine, work, dataflow, group)
    mesh, costs = machine.mesh, costs_for(machine, work)
    columns, rows = (1, 1) if dataflow in _ALONE else group
    groups = mesh.tiles // (columns * rows)
    sharers = _sharers(machine, work) if dataflow in _ALONE else 1
    sets = 2 if dataflow in _TWO_SETS else 1
    m, n = _slice(costs, work, -(-work.rows // (rows * sharers)), -(-work.skv // columns), sets)
    west, south = loaders(machine, columns, rows)
    slices = (m * work.d, m * work.dv, n * work.d, n * work.dv)
    turns = -(-work.kv_heads * sharers // groups)
    active = min(groups, work.kv_heads * sharers)
    blocks = Blocks(
        columns,
        rows,
        m,
        n,
        work.d,
        work.dv,
        outer=turns * -(-work.rows // (m * rows * sharers)),
        inner=-(-work.skv // (n * columns)),
        shared=work.latent,
        channels=(len(set(west[0])), len(set(south[0]))),
        groups=active,
        burst=burst_of(costs, slices),
        diagonal=not machine.hbm.west_pitch,
    )
    return PaperMapping(
        costs,
        blocks,
        {
            Side.WEST: [one[0] for one in west[:active]],
            Side.SOUTH: [one[0] for one in south[:active]],
        },
        max(1, active * columns // len(set(chain(*south)))),
    )


def _sharers(machine: Machine, work: Attention) -> int:
    """Tiles that share a head where each is by itself: in prefill a row of tiles, as the traffic of
    [25] says, in decode as many as fill the mesh.
    """
    most = machine.mesh.columns
    if work.sq < work.skv:
        most = min(most, -(-machine.mesh.tiles // work.kv_heads))
    return min(most, work.rows)


def _checked(machine: Machine, work: Attention, dataflow: str, group: tuple[int, int]) -> None:
    mesh = machine.mesh
    if dataflow not in PAPER_DATAFLOWS:
        raise UserError(
            f"DATAFLOW must be one of {', '.join(PAPER_DATAFLOWS)} with the papers' costs, not "
            f"{dataflow!r}"
        )
    if work.masked:
        raise UserError("workload: the papers' schedule has no causal mask: leave causal out")
    if min(group) < 1 or mesh.columns % group[0] or mesh.rows % group[1]:
        raise UserError(
            f"GROUP {group[0]}x{group[1]}: must divide the mesh of {mesh.columns}x{mesh.rows} tiles"
        )


def _slice(costs: PaperCosts, work: Attention, rows: int, keys: int, sets: int) -> tuple[int, int]:
    """The largest slice that fits the L1 `sets` times: Q, K, V, O and the scores."""
    m, n = min(costs.slice, rows), min(costs.slice, keys)
    while True:
        values = 0 if work.latent else n * work.dv
        elements = m * (work.d + work.dv + n) + n * work.d + values
        if sets * elements * costs.element_bytes <= costs.l1_bytes or max(m, n) <= 16:
            return m, n
        m, n = (m, -(-n // 2)) if n >= m else (-(-m // 2), n)


def burst_of(costs: PaperCosts, slices: Sequence[int]) -> int:
    """Bytes that are moved at a time, for slices of so many elements."""
    return max(_LEAST_BURST, min(costs.burst_bytes, min(slices) * costs.element_bytes))


def loaders(machine: Machine, columns: int, rows: int) -> tuple[list[list[int]], list[list[int]]]:
    """Channels of each group's row loaders and column loaders.

    In [25] rows load from the west and columns from the south; in [26] all channels are south, and
    loaders are on the diagonal.

    Raises
    ------
    UserError
        If the machine has other tiles, or no channels there.
    """
    mesh, hbm, tile = machine.mesh, machine.hbm, machine.tile
    if tile.matrix_rows * tile.matrix_columns != _MACS:
        raise UserError(
            f"machine {machine.name}: the papers' costs are those of a tile of 32x16 MACs, not of "
            f"{tile.matrix_rows}x{tile.matrix_columns}"
        )
    if not hbm.south_pitch:
        raise UserError(f"machine {machine.name}: the papers' costs need channels in the south")
    wests = mesh.rows // hbm.west_pitch if hbm.west_pitch else 0
    found: tuple[list[list[int]], list[list[int]]] = ([], [])
    for y in range(0, mesh.rows, rows):
        for x in range(0, mesh.columns, columns):
            down = [wests + (x + i) // hbm.south_pitch for i in range(columns)]
            left = [(y + i) // hbm.west_pitch for i in range(rows)] if wests else down[:rows]
            found[0].append(left)
            found[1].append(down)
    return found
