"""SUMMA by the papers' costs: A goes along rows, B along columns, C stays (arXiv 2604.02110)."""

from itertools import chain

from isa.machine import Machine
from model.paper.costs import PaperCosts
from model.paper.graph import MATRIX, GroupProgram, Part, Side
from model.paper.mapping import PaperMapping, burst_of, costs_for, loaders
from model.paper.steps import Blocks
from programs.gemm.workload import Gemm

__all__ = ["mapped_gemm", "summa"]


def mapped_gemm(machine: Machine, work: Gemm) -> PaperMapping:
    """The whole mesh is one group; a tile has at most a slice of C at a time, and steps as deep.

    `Blocks` has m and n of C's slice, d the depth of a step, dv the columns of C's slice.
    """
    mesh, costs = machine.mesh, costs_for(machine, work)
    m = min(costs.slice, -(-work.m // mesh.rows))
    n = min(costs.slice, -(-work.n // mesh.columns))
    depth = min(costs.slice, work.k)
    west, south = loaders(machine, mesh.columns, mesh.rows)
    blocks = Blocks(
        mesh.columns,
        mesh.rows,
        m,
        n,
        depth,
        n,
        outer=work.batch * -(-work.m // (m * mesh.rows)) * -(-work.n // (n * mesh.columns)),
        inner=-(-work.k // depth),
        channels=(len(set(west[0])), len(set(south[0]))),
        burst=burst_of(costs, (m * depth, n * depth, m * n)),
        diagonal=not machine.hbm.west_pitch,
    )
    bases = {Side.WEST: [west[0][0]], Side.SOUTH: [south[0][0]]}
    return PaperMapping(costs, blocks, bases, mesh.columns // len(set(chain(*south))) or 1)


def summa(costs: PaperCosts, blocks: Blocks, program: GroupProgram) -> None:
    """A product of one step, while the slices of the next are loaded and multicast."""
    with program.loop(blocks.outer):
        _fetch(costs, blocks, program)
        if blocks.inner > 1:
            with program.loop(blocks.inner - 1):
                program.start(MATRIX, costs.product(blocks.m, blocks.n, blocks.d))
                _fetch(costs, blocks, program)
                program.join(MATRIX)
        program.run(MATRIX, costs.product(blocks.m, blocks.n, blocks.d))
        program.work(Part.HBM, costs.dma_start)
        size = blocks.m * blocks.n * costs.element_bytes
        program.store(Side.WEST, blocks.channels[0], words_of(blocks, Side.WEST, size))


def words_of(blocks: Blocks, side: Side, size: int) -> int:
    """Bursts of each channel of a side for `size` bytes of every loader there."""
    loading = blocks.rows if side == Side.WEST else blocks.columns
    return -(-loading * size // blocks.channels[side] // blocks.burst)


def _fetch(costs: PaperCosts, blocks: Blocks, program: GroupProgram) -> None:
    """Slices of A and B, loaded at once, and multicast at once."""
    lines = (
        (Side.WEST, blocks.m, blocks.columns),
        (Side.SOUTH, blocks.n, blocks.rows),
    )
    program.work(Part.HBM, costs.dma_start)
    sizes = [rows * blocks.d * costs.element_bytes for _, rows, _ in lines]
    asked = [
        program.ask(side, range(blocks.channels[side]), words_of(blocks, side, size))
        for (side, _, _), size in zip(lines, sizes, strict=True)
    ]
    for (side, _, _), count in zip(lines, asked, strict=True):
        program.answers(side, count)
    program.work(Part.OTHER, costs.barrier(blocks.columns, blocks.rows))
    ways = [costs.multicast(line[2], size) for line, size in zip(lines, sizes, strict=True)]
    program.work(Part.MULTICAST, max(ways))
    program.work(Part.OTHER, costs.barrier(blocks.columns, blocks.rows))
