"""The tiling rule: choose group, slices, streams and buffers for a workload, or complete what the
user fixed.

Every mapping that fits L1 gets rough cycles (`programs.attention.rough`); the best ones of each
dataflow and group are estimated by a walk through their schedule (`programs.attention.walk`). Among
those within 1 % of the smallest estimate, the least HBM traffic wins, then the widest group, then
two buffers for K and V over one. The estimate ranks mappings and does not replace the timing model.

Reads multicast, unless links at the channels would be full of them: then loading tiles pass on what
they have read, and the mapping takes about as long as if links were never full, which is what it is
ranked by.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.machine import Machine
from programs.attention.candidates import Fixed, attention_candidates
from programs.attention.forward import forwarded
from programs.attention.layout import AttentionLayout, AttentionSemaphores
from programs.attention.mapping import DATAFLOWS, SOFTWARE, AttentionMapping
from programs.attention.rough import rough_cycles
from programs.attention.walk import walk
from programs.attention.workload import Attention
from programs.common.candidates import Fitting, Ranking, that_fit
from programs.common.ranking import (
    Estimated,
    by_merit,
    check_sizes,
    parse_group,
)

__all__ = ["choose_attention", "estimate_attention", "merit_of", "rank_attention"]

_CLOSE = 6
"""Mappings of one dataflow, group, kind of streams and number of buffers that are estimated: the
best ones by rough cycles.
"""
_MOST_CLOSE = 120
_WORTH = 2.0
"""Rough cycles beyond this multiple of the least ones are not looked at more closely."""
_FORWARD_GAIN = 1.03
"""Estimated gain from which on loading tiles pass on what they have read."""


def estimate_attention(
    machine: Machine, workload: Attention, mapping: AttentionMapping, *, links: bool = True
) -> float:
    """Guess the cycles of a mapping; without `links` as if none were ever full."""
    # The walk knows no collectives in software.
    if mapping.in_software:
        return rough_cycles(machine, workload, mapping)
    return walk(machine, workload, mapping, links=links)


def choose_attention(
    machine: Machine, workload: Attention, dataflow: str | None = None, **fixed: Any
) -> AttentionMapping:
    """Find the best mapping that has what the user fixed: the first of `rank`."""
    return rank_attention(machine, workload, dataflow, **fixed)[0]


def rank_attention(
    machine: Machine,
    workload: Attention,
    dataflow: str | None = None,
    *,
    group: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
    forward: bool = True,
) -> Sequence[AttentionMapping]:
    """List the mappings that have what the user fixed and fit L1, the best first.

    Parameters
    ----------
    dataflow
        One of `DATAFLOWS`; None takes the best of them but for `SOFTWARE`.
    group
        ``COLUMNSxROWS`` tiles; it must divide the mesh.
    rows, columns
        Query rows (of each stream) and keys that a tile holds of a block.
    forward
        Whether loading tiles may pass on what they have read, where that seems to be faster.

    Raises
    ------
    UserError
        If a name or a size is not valid, or nothing fits.
    """
    if dataflow is not None and dataflow not in DATAFLOWS:
        raise UserError(f"DATAFLOW must be one of {', '.join(DATAFLOWS)}, not {dataflow!r}")
    check_sizes(rows=rows, columns=columns)
    fixed = Fixed(group, rows, columns)

    def layout_of(mapping: AttentionMapping) -> AttentionLayout:
        AttentionSemaphores(machine, mapping)
        return AttentionLayout(machine.tile, workload, mapping)

    dataflows = [dataflow] if dataflow else _eligible(machine, group)
    fitting = that_fit(
        machine.tile,
        chain.from_iterable(
            attention_candidates(machine, workload, name, fixed, place << 48)
            for place, name in enumerate(dataflows)
        ),
        layout_of,
        lambda mapping: rough_cycles(machine, workload, mapping),
        lambda words, mapping: _too_large(machine, workload, fixed, words, mapping),
    )
    found = _by_merit(machine, workload, fitting)
    if not forward:
        return found
    return found.finished(cache(lambda mapping: _with_reads(machine, workload, mapping)))


def _by_merit(
    machine: Machine, workload: Attention, fitting: Fitting[AttentionMapping]
) -> Ranking[AttentionMapping]:
    """Order mappings, given with rough cycles: those that deserve it by their estimate."""
    ranked = np.lexsort((fitting.order, fitting.words, fitting.cycles))
    worth = fitting.cycles[ranked] <= _WORTH * fitting.cycles[ranked[0]]
    deserving = np.flatnonzero(worth & (_place_in_kind(fitting.kind[ranked]) < _CLOSE))
    close: list[Estimated[AttentionMapping]] = []
    looked_at = 0
    refused: UserError | None = None
    for index in ranked[deserving]:
        if len(close) == _MOST_CLOSE:
            break
        looked_at += 1
        mapping = fitting.one(index)
        try:
            found = estimate_attention(machine, workload, mapping, links=False)
        except UserError as error:
            refused = error
        else:
            close.append(Estimated(found, int(fitting.words[index]), mapping))
    if not close:
        assert refused is not None
        raise refused

    others = np.delete(ranked, deserving[:looked_at])
    return Ranking(by_merit(close, merit_of(machine, workload)), fitting, others)


def merit_of(
    machine: Machine, workload: Attention
) -> Callable[[Estimated[AttentionMapping]], tuple[float, ...]]:
    """What orders mappings that take about as long, the least first."""

    def merit(entry: Estimated[AttentionMapping]) -> tuple[float, ...]:
        cycles, words, mapping = entry
        tiles = mapping.group[0] * mapping.group[1]
        blocks = -(-workload.skv // (mapping.group[0] * mapping.columns))
        # With two buffers, an odd number of blocks begins every other item in the other buffer: a
        # longer program.
        odd = blocks % mapping.slots
        traffic = sum(mapping.hbm_bytes(workload, machine.tile))
        return traffic, -tiles, -mapping.slots, odd, cycles, words

    return merit


def _with_reads(
    machine: Machine, workload: Attention, mapping: AttentionMapping
) -> AttentionMapping:
    """The mapping with the better reads."""
    if (forward := forwarded(machine, workload, mapping)) is None:
        return mapping
    cycles, other = (estimate_attention(machine, workload, one) for one in (mapping, forward))
    return forward if other * _FORWARD_GAIN < cycles else mapping


def _place_in_kind(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many before each are of its kind."""
    together = np.argsort(kinds, kind="stable")
    ordered = kinds[together]
    places = np.empty_like(together)
    places[together] = np.arange(len(kinds)) - np.searchsorted(ordered, ordered)
    return places


def _too_large(
    machine: Machine, workload: Attention, fixed: Fixed, words: int, mapping: AttentionMapping
) -> UserError:
    sizes = (("rows", fixed.rows), ("columns", fixed.columns))
    given = [f"{name}={value}" for name, value in sizes if value]
    least = "at least " if len(given) < 2 else ""
    return UserError(
        f"{mapping.dataflow} with {' and '.join(given) or f'D={workload.d}'} needs "
        f"{least}{words * machine.tile.word_bytes} bytes of L1 in each tile "
        f"({mapping.describe()}), the machine has {machine.tile.l1_bytes}"
    )


def _eligible(machine: Machine, group: str | None) -> list[str]:
    """Dataflows that the rule chooses from: those that can have the group that the user fixed."""
    alone = group is None or parse_group(machine, group) == (1, 1)
    # Without the network's collectives nothing is better than with them.
    names = [name for name in DATAFLOWS if name not in SOFTWARE]
    return [name for name in names if alone or not name.startswith("flash")]
