"""Where the slices of attention come from, and how long the channels take that all ask: what a walk
knows of HBM.
"""

from collections.abc import Sequence
from typing import NamedTuple

from isa.machine import EDGES, Machine
from programs.attention.groups import TileGroup
from programs.attention.mapping import AttentionMapping
from programs.attention.placement import place_attention
from programs.attention.workload import Attention

__all__ = ["ChannelSet", "LinkLoads", "SliceSource", "SliceSources", "find_sources", "links_of"]

_MANY_SLICES = 1500
_SHARED = 0.7
"""Flits a cycle of a link that multicasts of many channels share, each of which waits for all of
its branches: 0.57 to 0.8 in the timing model.
"""
_REMEMBERED = 12
"""Latest transfers of a pipe that are known."""
_ENDS = {"all": EDGES, "columns": ("south", "north"), "rows": ("west", "east")}
"""Edges of the mesh at which the channels of a pipe are."""


class ChannelSet:
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


class SliceSource(NamedTuple):
    """Where a tensor's slices come from."""

    pipe: str
    """Name of the set of channels."""
    crowd: float
    """Slices that each of the channels is asked for at a time."""
    own: float
    """Slices of this tensor that one of the channels that have any is asked for at a time, or
    groups that want the same one.
    """
    links: float = 0.0
    """Slices that the busiest link on their way is asked for at a time; 0 where channels are
    always slower.
    """


class SliceSources(NamedTuple):
    """Where k, v and q come from."""

    of: dict[str, SliceSource]
    busiest: float
    """Words that the busiest channel moves; 0 where all move nearly the same."""


def find_sources(
    machine: Machine,
    workload: Attention,
    mapping: AttentionMapping,
    groups: Sequence[TileGroup],
    one: TileGroup,
) -> SliceSources:
    """What the placement of a mapping's slices means for group `one` of the groups."""
    working = sum(bool(group.items) for group in groups)
    edges = [channel.edge for channel in machine.channels]
    count = {pipe: sum(edge in ends for edge in edges) for pipe, ends in _ENDS.items()}
    slices = workload.kv_heads * (workload.rows / mapping.rows + workload.skv / mapping.columns)
    # With many slices all channels get nearly the same, and to place them takes time.
    placement = (
        place_attention(machine, workload, mapping, groups) if slices < _MANY_SLICES else None
    )
    # The placement counts all keys for every pass; a mask hides some.
    counted = mapping.passes(workload) * sum(
        workload.length(head) for head in range(workload.kv_heads)
    )
    hidden = mapping.keys_read(workload) / counted

    def uneven(ends: tuple[str, ...]) -> float:
        moved = (
            [words for words, edge in zip(placement.traffic, edges, strict=True) if edge in ends]
            if placement
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
        found = (
            [kept for kept in placement.slices.values() if kept.tensor == tensor]
            if placement
            else []
        )
        if not found:
            return sharing
        used = {kept.region.channel.index for kept in found}
        of_head = {kept.region.channel.index for kept in found if kept.head == one.heads[0]}
        return max(lanes / len(used), sharing * mapping.group[0] / len(of_head))

    links = links_of(machine, mapping, working)
    asked = working * mapping.group[1] / count[queries] * uneven(_ENDS[queries])
    return SliceSources(
        {
            "k": SliceSource(keys, crowd * uneven(_ENDS[keys]), own("k"), links.keys),
            "v": SliceSource(keys, crowd * uneven(_ENDS[keys]), own("v"), links.keys),
            "q": SliceSource(queries, asked, 1, links.queries),
        },
        max(placement.traffic) * hidden if placement else 0.0,
    )


class LinkLoads(NamedTuple):
    """`SliceSource.links` of k and v, and of q."""

    keys: float
    queries: float


def links_of(machine: Machine, mapping: AttentionMapping, working: int) -> LinkLoads:
    """What `working` groups ask of the lowest link of a column of tiles, where reads multicast and
    all channels are south or north.

    Data goes along the channels' row first, then up the columns (XY). K and V go up one column. A Q
    for a row of tiles goes up all columns of its group, and so through each of their lowest links,
    as do those of all rows and of all groups above each other. Where groups lie side by side, it
    crosses the channels' row to them: of channels and groups anywhere in it, a quarter of what has
    another column of groups to go to passes its middle in one direction. What a tile is to pass on
    goes up one column only, from the channel below it: the channel is slower.
    """
    ends = {channel.edge for channel in machine.channels}
    if ends & {"west", "east"} or mapping.group[0] == 1 or "q" in mapping.forwards:
        return LinkLoads(0.0, 0.0)
    beside = machine.mesh.columns // mapping.tiles[0]
    above = -(-working // beside) / len(ends)
    across = working * (1 - 1 / beside) / 4 / len(ends)
    return LinkLoads(above, mapping.group[1] * (above + across) / _SHARED)
