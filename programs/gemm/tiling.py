"""The tiling rule of GEMM: choose group, cut, parts of C and panels, or complete what the user
fixed.

Every mapping that fits L1 gets an estimate in cycles from the laws of the array and of the HBM
channels. Among those within 1 % of the smallest, the least HBM traffic wins, then the fewest
buffers. Relayed mappings have an estimate of their own (`programs.gemm.relaying`), and come first
where the best one beats the others with what links add to them.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from isa.elementwise import larger, smaller
from isa.errors import UserError
from isa.machine import Machine
from programs.common.candidates import Batch, Ranking, that_fit
from programs.common.costs import matmul_cycles, vector_cycles
from programs.common.l1 import row_words
from programs.common.placement import channels_at
from programs.common.ranking import (
    Estimated,
    by_merit,
    check_sizes,
    close_to,
    cuts,
    group_shapes,
    parse_group,
)
from programs.gemm.layout import GemmLayout, GemmSemaphores
from programs.gemm.mapping import CUTS, GemmMapping, elements_of_word
from programs.gemm.relaying import estimate_relayed, relayed_batches, waiting, worth_relaying
from programs.gemm.workload import Gemm

__all__ = ["estimate_gemm", "rank_gemm"]

_SLOTS = (2, 3)
_DEPTHS = (1, 2, 4, 8)
"""Panels that are tried, in the lines that the matrix engine takes of A."""
_BINDING = 0.15
"""Share of what links add that other work does not hide even on a mesh of 4x4, by the model."""
_MOST_RELAYED = 8
_LOAD_START = 16
_HOP = 1
_ISSUE = 24
"""Cycles from an instruction's last word by way of two semaphores to the next one's start."""
_DRAIN = 40
"""Cycles of the array's first and last block that nothing hides."""


def rank_gemm(
    machine: Machine,
    workload: Gemm,
    dataflow: str | None = None,
    *,
    group: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
) -> Sequence[GemmMapping]:
    """List the mappings that have what the user fixed and fit L1, the best first.

    Parameters
    ----------
    dataflow
        summa, which None is too.
    group
        ``COLUMNSxROWS`` tiles; it must divide the mesh.
    rows, columns
        Rows and columns of C that a tile holds; columns are rounded up to whole words.

    Raises
    ------
    UserError
        If a size is not valid, or nothing fits.
    """
    check_sizes(rows=rows, columns=columns)

    def layout_of(mapping: GemmMapping) -> GemmLayout:
        layout = GemmLayout(machine.tile, workload, mapping)
        try:
            GemmSemaphores(machine, workload, mapping)
        except UserError as error:
            says = str(error)
            # What does not fit is told so first.
            layout.refuse(layout.words <= machine.tile.l1_words, lambda: says)
        return layout

    def too_large(words: int, mapping: GemmMapping) -> UserError:
        return UserError(
            f"summa needs at least {words * machine.tile.word_bytes} bytes of L1 in each tile "
            f"({mapping.describe()}), the machine has {machine.tile.l1_bytes}"
        )

    def merit(entry: Estimated[GemmMapping]) -> tuple[float, ...]:
        cycles, _, mapping = entry
        # A number of panels that the buffers divide makes all blocks alike: a shorter program.
        odd = len(mapping.panels(workload)) % mapping.slots
        return sum(mapping.hbm_bytes(workload, machine.tile)), mapping.slots, odd, cycles

    fitting = that_fit(
        machine.tile,
        _candidates(machine, workload, group, rows, columns),
        layout_of,
        lambda mapping: estimate_gemm(machine, workload, mapping),
        too_large,
    )
    ranked = np.lexsort((fitting.order, fitting.cycles))
    near = int(
        np.searchsorted(
            fitting.cycles[ranked], close_to(float(fitting.cycles[ranked[0]])), side="right"
        )
    )
    close = [
        Estimated(float(fitting.cycles[i]), int(fitting.words[i]), fitting.one(i))
        for i in np.sort(ranked[:near])
    ]
    first, relayed = by_merit(close, merit), []
    if worth_relaying(machine):
        relayed = _relayed(machine, workload, layout_of, (group, rows, columns))
    links = _BINDING * waiting(machine, workload, first[0])
    if relayed and relayed[0].cycles < float(fitting.cycles[ranked[0]]) + links:
        first = [entry.mapping for entry in relayed] + first
    return Ranking(first, fitting, ranked[near:])


def _relayed(
    machine: Machine,
    workload: Gemm,
    layout_of: Callable[[GemmMapping], GemmLayout],
    fixed: tuple[str | None, int | None, int | None],
) -> list[Estimated[GemmMapping]]:
    """The best relayed mapping of each group and split, the best first; none if none fits."""
    group, rows, columns = fixed
    shapes = [parse_group(machine, group)] if group else group_shapes(machine.mesh)
    try:
        fitting = that_fit(
            machine.tile,
            relayed_batches(machine, workload, shapes, rows, columns),
            layout_of,
            lambda mapping: estimate_relayed(machine, workload, mapping),
            lambda words, mapping: UserError(f"{mapping.describe()} needs {words} words of L1"),
        )
    except UserError:
        return []
    found: dict[tuple, Estimated[GemmMapping]] = {}
    for i in np.lexsort((fitting.order, fitting.kind, fitting.cycles)):
        mapping = fitting.one(int(i))
        entry = Estimated(float(fitting.cycles[i]), int(fitting.words[i]), mapping)
        found.setdefault((mapping.group, mapping.split), entry)
        if len(found) == _MOST_RELAYED:
            break
    return list(found.values())


def _candidates(
    machine: Machine, workload: Gemm, group: str | None, rows: int | None, columns: int | None
) -> Iterator[Batch[GemmMapping]]:
    tile, mesh = machine.tile, machine.mesh
    kinds = count()
    word = elements_of_word(tile, workload)
    shapes = group_shapes(mesh)
    depths = sorted({min(lines * tile.line_elements, _up(workload.k, word)) for lines in _DEPTHS})
    if group is not None:
        shapes = [parse_group(machine, group)]
        if shapes[0][0] > mesh.columns:
            raise UserError(
                f"group must be at most {mesh.columns} columns wide for summa (it is not folded), "
                f"not {group!r}"
            )
    for shape in shapes:
        # On a line of tiles two cuts are the same.
        same = {"columns"} if shape[1] == 1 else {"rows"} if shape[0] == 1 else set()
        for cut in [cut for cut in CUTS if cut not in same and (shape != (1, 1) or cut == "grid")]:
            row_parts, column_parts = GemmMapping(shape, cut, 1, 1, 1, 1).parts
            r_max = -(-workload.m // row_parts)
            c_max = _up(-(-workload.n // column_parts), word)
            high = [min(rows, r_max)] if rows else cuts(workload.m, row_parts, tile.matrix_rows)
            wide = cuts(workload.n, column_parts, tile.matrix_columns * tile.mac_latency)
            sizes = sorted({min(_up(c, word), c_max) for c in ([columns] if columns else wide)})
            r, c, depth = (
                axis.reshape(-1) for axis in np.meshgrid(high, sizes, depths, indexing="ij")
            )
            # Rows, columns and depths first, then buffers.
            order = (next(kinds) << 32) + 2 * len(_SLOTS) * np.arange(len(r))
            # All of a batch have one strip of rows, or two: what is staggered has two.
            two = r > tile.matrix_rows
            for number, slots in enumerate(_SLOTS):
                for chosen, staggered in ((two, True), (two, False), (~two, False)):
                    if chosen.any():
                        taken: dict[str, Any] = {
                            "rows": r[chosen],
                            "columns": c[chosen],
                            "depth": depth[chosen],
                        }
                        mapping = GemmMapping(shape, cut, **taken, slots=slots, staggered=staggered)
                        place = order[chosen] + 2 * number + (not staggered)
                        yield Batch(place, mapping, ("rows", "columns", "depth"))


def _up(size: int, grain: int) -> int:
    return -(-size // grain) * grain


def estimate_gemm(machine: Machine, workload: Gemm, mapping: GemmMapping) -> Any:
    """Guess the cycles of a GEMM under a mapping; every block counts as a full one. A number, or
    an array if the mapping has arrays of rows, columns and depths.
    """
    if mapping.relayed:
        return estimate_relayed(machine, workload, mapping)
    tile, hbm, fmt = machine.tile, machine.hbm, workload.fmt
    row_parts, column_parts = mapping.parts
    groups = machine.mesh.tiles // (mapping.group[0] * mapping.group[1])
    row_blocks = -(-workload.m // (row_parts * mapping.rows))
    column_blocks = -(-workload.n // (column_parts * mapping.columns))
    rounds = -(-workload.batch * row_blocks * column_blocks // groups)
    strips = [strip.rows.size for strip in mapping.strips(tile, workload)]
    products = [matmul_cycles(tile, size, mapping.columns, mapping.depth) for size in strips]
    product: Any = sum(products)
    channels = [len(mapping.channels(machine, tensor)) for tensor in "ab"]
    rate = hbm.bytes_per_cycle / tile.word_bytes
    # What the channels move, all of them together and those of A or of B.
    k, n = row_words(tile, workload.k, fmt), row_words(tile, workload.n, fmt)
    words = [
        workload.batch * column_blocks * workload.m * k,
        workload.batch * row_blocks * workload.k * n,
    ]
    streams = [amount / (count * rate) for amount, count in zip(words, channels, strict=True)]
    c = workload.m * row_words(tile, workload.n, workload.o_fmt)
    streams.append((sum(words) + workload.batch * c) / (len(channels_at(machine)) * rate))
    # How long the parts of a panel take to arrive: all lanes ask for them at about the same time.
    parts = (
        mapping.rows * row_words(tile, mapping.depth, fmt),
        mapping.depth * row_words(tile, mapping.columns, fmt),
    )
    crowds = [
        max(1, lanes * groups / count) for lanes, count in zip(mapping.parts, channels, strict=True)
    ]
    # Groups that work on the same rows (columns) of C ask one channel for the same panel at a time.
    same_rows = smaller(groups, column_blocks)
    crowds = [
        larger(crowd, same)
        for crowd, same in zip(
            crowds, (same_rows, smaller(groups // same_rows, row_blocks)), strict=True
        )
    ]
    queued = [part * crowd for part, crowd in zip(parts, crowds, strict=True)]
    if mapping.channels(machine, "a") == mapping.channels(machine, "b"):
        # What a channel is asked for stands behind what it was asked for before, and has not yet
        # sent.
        since = products if mapping.staggered else [0, 0]
        queued = [
            own + larger(0.0, other - time * rate)
            for own, other, time in zip(queued, queued[::-1], since, strict=True)
        ]
    # A credit, a request and the data each cross half the mesh.
    trip = hbm.latency + _LOAD_START + 3 * _HOP * (machine.mesh.columns + machine.mesh.rows) / 2
    fill_a, fill_b = (trip + amount / rate for amount in queued)
    # A strip's next product begins when the last one has been written, and reads its first lines.
    again = (
        larger(*products)
        + (tile.matrix_rows * tile.column_groups)
        + tile.matrix_rows
        + tile.line_elements
        + _ISSUE
    )
    turns = [(product + fill_b) / mapping.slots, again]
    if mapping.staggered:
        turns.append((products[0] + fill_a) / (mapping.slots - 1))
    else:
        turns.append((product + fill_a) / mapping.slots)
        # Words that arrive in turn go to L1 one by one, and each takes a cycle from the matrix
        # engine.
        product = product + 2 * smaller(*parts) / larger(*crowds)
    last = strips[-1] * row_words(tile, mapping.columns, workload.o_fmt)
    out = larger(last, groups * row_parts * column_parts * last / len(channels_at(machine))) / rate
    end = vector_cycles(tile, strips[-1], mapping.columns) + out + hbm.latency
    panels = rounds * -(-workload.k // mapping.depth)
    working = larger(panels * larger(product, *turns), *streams)
    return working + larger(fill_a, fill_b) + end + _DRAIN
