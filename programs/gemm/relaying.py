"""Relayed mappings in the tiling rule: which there are, and what they are estimated to take.

One that passes A on along its rows is worth a try where channels are at the ends of tile columns
only: an answer of the HBM to a tile row goes along the channels' row and then up every column of
the group, so that the lowest link of each column carries all of A.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from isa.elementwise import larger, smaller
from isa.instructions import Format
from isa.machine import Machine
from programs.common.candidates import Batch
from programs.common.costs import REDUCE_START, matmul_cycles, vector_cycles
from programs.common.l1 import row_words
from programs.common.placement import channels_at
from programs.common.ranking import cuts
from programs.gemm.mapping import GemmMapping, elements_of_word
from programs.gemm.workload import Gemm

__all__ = ["estimate_relayed", "relayed_batches", "waiting", "worth_relaying"]

_SLOTS = (2, 3)
_WORDS = (1, 2, 4, 8, 16)
"""Words of a row of A that one tile multiplies of a panel."""
_START = 40
"""Cycles from a read's request to the channel, and from its last word to the product."""
_PASSING = 0.25
"""Share of words from channels anywhere that pass the middle of the channels' row one way."""
_WAITING = 0.6
"""Cycles that a word through the columns adds to the estimate; one on the channels' row adds 1."""
_QUEUED = 1.5
"""Panels' words that a channel sends, on average, from a request for one to its last word."""
_TURN = 56
"""Cycles from a product's last word by way of a semaphore to the next one's first result, beyond
what it takes to load and to drain the array.
"""


def worth_relaying(machine: Machine) -> bool:
    """Whether channels are at the ends of tile columns only, and columns and rows have several
    tiles.
    """
    ends = channels_at(machine, ("west", "east"))
    return not ends and machine.mesh.columns > 1 and machine.mesh.rows > 1


def waiting(machine: Machine, workload: Gemm, mapping: GemmMapping) -> float:
    """A guess of the cycles that links add to the estimate of a mapping that is not relayed, with
    all channels at one end of the columns, and each part of B in the channel of its column.
    """
    tile, fmt, across = machine.tile, workload.fmt, mapping.group[0] / machine.mesh.columns
    column_blocks, row_blocks = mapping.column_blocks(workload), mapping.row_blocks(workload)
    a = workload.batch * len(column_blocks) * workload.m * row_words(tile, workload.k, fmt)
    b = workload.batch * len(row_blocks) * workload.k * row_words(tile, workload.n, fmt)
    shared, own = (b, a) if mapping.cut == "rows" else (a, b)
    columns = shared * across + own / machine.mesh.columns
    return _WAITING * columns + shared * (_PASSING + (1 - _PASSING) * across)


def relayed_batches(
    machine: Machine,
    workload: Gemm,
    shapes: Sequence[tuple[int, int]],
    rows: int | None,
    columns: int | None,
) -> Iterator[Batch[GemmMapping]]:
    """All relayed mappings of groups of some shapes, with rows and columns of C where those are
    given.
    """
    tile = machine.tile
    word, kind = elements_of_word(tile, workload), 0
    for shape in shapes:
        for split in (s for s in range(1, shape[0] + 1) if shape[0] % s == 0):
            row_parts, column_parts = GemmMapping(shape, "grid", 1, 1, 1, 1, split=split).parts
            high = [rows] if rows else cuts(workload.m, row_parts, tile.matrix_rows)
            most = _up(-(-workload.n // column_parts), tile.matrix_columns)
            wide = [columns] if columns else cuts(workload.n, column_parts, 2 * tile.matrix_columns)
            sizes = sorted({min(_up(size, tile.matrix_columns), most) for size in wide})
            deepest = _up(-(-workload.k // split), word)
            inner = sorted({min(words * word, deepest) for words in _WORDS})
            r, c, d = (axis.reshape(-1) for axis in np.meshgrid(high, sizes, inner, indexing="ij"))
            halves = -(-c // (2 * word)) * word < c
            strips = (halves, ~halves & (r > tile.matrix_rows), ~halves & (r <= tile.matrix_rows))
            for slots in _SLOTS:
                for chosen in strips:
                    if chosen.any():
                        taken: dict[str, Any] = {
                            "rows": r[chosen],
                            "columns": c[chosen],
                            "depth": split * d[chosen],
                        }
                        mapping = GemmMapping(
                            shape,
                            "grid",
                            **taken,
                            slots=slots,
                            staggered=False,
                            relayed=True,
                            split=split,
                        )
                        order = (kind << 32) + np.arange(int(chosen.sum()))
                        kind += 1
                        yield Batch(order, mapping, ("rows", "columns", "depth"))


def _up(size: int, grain: int) -> int:
    return -(-size // grain) * grain


def estimate_relayed(machine: Machine, workload: Gemm, mapping: GemmMapping) -> Any:
    """Guess the cycles of a GEMM under a relayed mapping; every block counts as a full one. A
    number, or an array as `estimate_gemm` gives.
    """
    tile, hbm, fmt, o_fmt = machine.tile, machine.hbm, workload.fmt, workload.o_fmt
    across, up = mapping.group
    row_parts, column_parts = mapping.parts
    groups = machine.mesh.tiles // (across * up)
    row_blocks = -(-workload.m // (row_parts * mapping.rows))
    column_blocks = -(-workload.n // (column_parts * mapping.columns))
    rounds = -(-workload.batch * row_blocks * column_blocks // groups)
    panels = rounds * -(-workload.k // mapping.depth)
    strips = mapping.strips(tile, workload)
    products = [matmul_cycles(tile, s.rows.size, s.columns.size, mapping.inner) for s in strips]
    # A strip's next product begins when the last one's results are in L1.
    drains = [s.rows.size * -(-s.columns.size // tile.matrix_columns) for s in strips]
    again = (
        larger(*(p + d for p, d in zip(products, drains, strict=True)))
        if strips[1:]
        else (products[0] + drains[0])
    )
    again = again + tile.matrix_rows + tile.line_elements + _TURN
    # Words of a panel, and of a tile's part of C; and the channels' time for them.
    channels = len(channels_at(machine))
    rate = channels * hbm.bytes_per_cycle / tile.word_bytes
    a = mapping.rows * row_words(tile, mapping.depth, fmt)
    b = mapping.inner * row_words(tile, mapping.columns, fmt)
    c = mapping.rows * row_words(tile, mapping.columns, o_fmt)
    panel = groups * (row_parts * a + across * b) / rate
    block = machine.mesh.tiles * c / (mapping.split * rate)
    passing = a if across > 1 else 0
    trip = hbm.latency + _START + 3 * (machine.mesh.columns + machine.mesh.rows) / 2
    fill = trip + panel + passing
    moved = panel + block * rounds / panels
    turn = (sum(products) + trip + _QUEUED * moved + passing) / mapping.slots
    each = larger(sum(products), again, turn, moved)
    end = vector_cycles(tile, strips[-1].rows.size, strips[-1].columns.size) + block + hbm.latency
    if mapping.split > 1:
        end = (
            end
            + REDUCE_START * mapping.split
            + mapping.rows * row_words(tile, mapping.columns, Format.FP32)
        )
    crossing = _crossing(machine, workload, mapping, rounds)
    return larger(panels * each, crossing) + fill + end


def _crossing(machine: Machine, workload: Gemm, mapping: GemmMapping, rounds: Any) -> Any:
    """Words of A and B that groups read from the columns of another one, next to those columns: of
    groups that use the same, one is the owner.
    """
    tile, fmt, across = machine.tile, workload.fmt, machine.mesh.columns // mapping.group[0]
    row_parts, column_parts = mapping.parts
    row_blocks = -(-workload.m // (row_parts * mapping.rows))
    column_blocks = -(-workload.n // (column_parts * mapping.columns))
    a = -(-column_blocks // rounds)
    far_a = (a - -(-a // across)) * row_parts * mapping.rows * row_words(tile, workload.k, fmt)
    b = smaller(row_blocks, -(-row_blocks * column_blocks // rounds))
    far_b = (b - 1) * workload.k * column_parts * row_words(tile, mapping.columns, fmt)
    return rounds * (far_a + far_b * (across > 1))
