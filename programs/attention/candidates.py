"""The mappings that the tiling rule chooses from."""

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.machine import Machine, Tile
from programs.attention.mapping import DATAFLOWS, AttentionMapping
from programs.attention.workload import Attention
from programs.common.candidates import Batch
from programs.common.ranking import cuts, group_shapes, parse_group

__all__ = ["Fixed", "attention_candidates"]


class Fixed(NamedTuple):
    """What the user fixed; see `programs.attention.tiling.rank_attention`."""

    group: str | None
    rows: int | None
    columns: int | None


def attention_candidates(
    machine: Machine, workload: Attention, dataflow: str, fixed: Fixed, place: int
) -> Iterator[Batch[AttentionMapping]]:
    """All candidates of a dataflow; their places in the order count from `place` on."""
    streams = DATAFLOWS[dataflow]
    kinds = count()
    for shape in _groups(machine, workload, dataflow, fixed.group):
        fold = max(1, shape[0] // machine.mesh.columns)
        for paired in (True, False) if streams > 1 else (False,):
            # In one buffer the second stream would wait for the first one, which holds it until
            # its next turn.
            both = streams == 1 or (paired and not workload.latent)
            rows, columns = _slices(machine.tile, workload, shape, fixed)
            # Slices first, then buffers.
            order = place + (next(kinds) << 32) + 2 * np.arange(len(rows))
            # A pair needs two row blocks, and two heads need two heads, or the second stream is
            # idle.
            one_block = shape[1] * rows >= workload.rows
            if streams == 1 or (not paired and workload.kv_heads > 1):
                useful = np.ones_like(one_block)
            else:
                useful = ~one_block if paired else one_block
            sizes: tuple[Any, Any] = rows[useful], columns[useful]
            for slots in ((2, 1) if both else (2,)) if useful.any() else ():
                mapping = AttentionMapping(
                    dataflow, shape, *sizes, streams, paired, slots, fold=fold
                )
                yield Batch(order[useful] + (slots == 1), mapping, ("rows", "columns"))


def _slices(
    tile: Tile, workload: Attention, shape: tuple[int, int], fixed: Fixed
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Query rows and keys of a tile that are tried in a group of this shape, every pair."""
    rows = [fixed.rows] if fixed.rows else cuts(workload.rows, shape[1], tile.matrix_rows)
    if workload.masked and not fixed.rows:
        rows = sorted({_whole(workload, r) for r in rows}, reverse=True)
    columns = (
        [fixed.columns]
        if fixed.columns
        else cuts(workload.skv, shape[0], tile.matrix_columns * tile.mac_latency)
    )
    most_rows = _whole(workload, -(-workload.rows // shape[1]))
    most_columns = -(-workload.skv // shape[0])
    return (
        np.repeat(np.minimum(rows, most_rows), len(columns)),
        np.tile(np.minimum(columns, most_columns), len(rows)),
    )


def _whole(workload: Attention, rows: int) -> int:
    """Rows of whole positions, or as many as divide those of one: see `AttentionMapping.grain`."""
    each = workload.sharing if workload.masked else 1
    return (
        -(-rows // each) * each
        if rows >= each
        else max(r for r in range(1, rows + 1) if each % r == 0)
    )


def _groups(
    machine: Machine, workload: Attention, dataflow: str, group: str | None
) -> list[tuple[int, int]]:
    mesh = machine.mesh
    flash = dataflow.startswith("flash")
    if group is not None:
        shape = parse_group(machine, group)
        if flash and shape != (1, 1):
            raise UserError(f"group must be 1x1 for {dataflow} (each tile alone), not {group!r}")
        return [shape]
    if flash:
        return [(1, 1)]
    shapes = [(x, y) for x, y in group_shapes(mesh) if x <= workload.skv and y <= workload.rows]
    # Without a second column there is nothing to reduce, without a second row nothing to share:
    # that is not flat any more. But rows that one array takes at a time are not cut up: decode has
    # groups of one row.
    few = workload.rows <= machine.tile.matrix_rows or mesh.rows == 1
    both = [
        shape for shape in shapes if (shape[0] > 1 or mesh.columns == 1) and (shape[1] > 1 or few)
    ]
    if workload.rows < machine.tile.matrix_rows * mesh.rows:
        # Cut over all rows of tiles, such rows would leave the arrays partly idle: cut the keys
        # over them instead.
        both += [
            (mesh.columns * fold, 1)
            for fold in range(2, mesh.rows + 1)
            if mesh.rows % fold == 0 and mesh.columns * fold <= workload.skv
        ]
    return both or shapes
