"""Where the slices of attention come from, and how long the channels take that all ask: what a walk
knows of HBM.
"""

from collections.abc import Sequence
from typing import NamedTuple

from isa.machine import EDGES, Machine
from programs.attention.mapping import Mapping
from programs.attention.placement import place
from programs.attention.work import Group
from programs.attention.workload import Workload

__all__ = ["Pipe", "Source", "Sources", "find_sources"]

_MANY_SLICES = 1500
_REMEMBERED = 12
"""Latest transfers of a pipe that are known."""
_ENDS = {"all": EDGES, "columns": ("south", "north"), "rows": ("west", "east")}
"""Edges of the mesh at which the channels of a pipe are."""


class Pipe:
    """A set of channels: what it is asked for later may still come earlier, where it has time."""

    def __init__(self) -> None:
        self._busy: list[tuple[float, float]] = []

    def reserve(self, at: float, cycles: float) -> float:
        """When something that takes so many cycles, from `at` on, is through."""
        start, index = at, len(self._busy)
        for i, (begin, end) in enumerate(self._busy):
            if end <= start:
                continue
            if begin >= start + cycles:
                index = i
                break
            start = end
        self._busy.insert(index, (start, start + cycles))
        del self._busy[:-_REMEMBERED]
        return start + cycles


class Source(NamedTuple):
    """Where a tensor's slices come from."""

    pipe: str
    """Name of the set of channels."""
    crowd: float
    """Slices that each of the channels is asked for at a time."""
    own: float
    """Slices of this tensor that one of the channels that have any is asked for at a time, or
    groups that want the same one.
    """


class Sources(NamedTuple):
    """Where k, v and q come from."""

    of: dict[str, Source]
    busiest: float
    """Words that the busiest channel moves; 0 where all move nearly the same."""


def find_sources(
    machine: Machine, workload: Workload, mapping: Mapping, groups: Sequence[Group], one: Group
) -> Sources:
    """What the placement of a mapping's slices means for group `one` of the groups."""
    working = sum(bool(group.items) for group in groups)
    edges = [channel.edge for channel in machine.channels]
    count = {pipe: sum(edge in ends for edge in edges) for pipe, ends in _ENDS.items()}
    slices = workload.kv_heads * (workload.rows / mapping.rows + workload.skv / mapping.columns)
    # With many slices all channels get nearly the same, and to place them takes time.
    plan = place(machine, workload, mapping, groups) if slices < _MANY_SLICES else None
    # The plan counts all keys for every pass; a mask hides some.
    counted = mapping.passes(workload) * sum(
        workload.length(head) for head in range(workload.kv_heads)
    )
    hidden = mapping.keys_read(workload) / counted

    def uneven(ends: tuple[str, ...]) -> float:
        moved = (
            [words for words, edge in zip(plan.traffic, edges, strict=True) if edge in ends]
            if plan
            else []
        )
        return max(moved) * len(moved) / max(1, sum(moved)) if moved else 1.0

    anywhere = mapping.group[1] == 1 or mapping.reads_anywhere(workload, machine)
    keys = "columns" if not anywhere and count["columns"] else "all"
    queries = "rows" if keys == "columns" and mapping.group[0] > 1 and count["rows"] else "all"
    sharing = min(working, -(-mapping.passes(workload) // max(1, len(one.items))))
    lanes = working * mapping.group[0]
    crowd = lanes / count[keys]

    def own(tensor: str) -> float:
        pieces = [piece for piece in plan.pieces.values() if piece.tensor == tensor] if plan else []
        if not pieces:
            return sharing
        used = {piece.unit.channel.index for piece in pieces}
        of_head = {piece.unit.channel.index for piece in pieces if piece.head == one.heads[0]}
        return max(lanes / len(used), sharing * mapping.group[0] / len(of_head))

    return Sources(
        {
            "k": Source(keys, crowd * uneven(_ENDS[keys]), own("k")),
            "v": Source(keys, crowd * uneven(_ENDS[keys]), own("v")),
            "q": Source(
                queries, working * mapping.group[1] / count[queries] * uneven(_ENDS[queries]), 1
            ),
        },
        max(plan.traffic) * hidden if plan else 0.0,
    )
