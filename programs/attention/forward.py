"""When a tile passes on slices that were read from HBM, where reads do not multicast.

A loading tile passes on what it has read: with one PUT to all that share it
(`AttentionMapping.reads` is ``forward``), or with one to each child in a tree, which pass it on in
turn (collectives in software). PUTs stand in the OUT queue, in order, among all that the tile sends
else, and wait for the slice to arrive. That nothing waits in a circle follows from where they
stand:

* Each turn has two phases: values (PV, sums of O), then scores (QK, the maximum and all that
  follows from it). A slice goes on after the first phase after which all its receivers may have
  room, for this slice and for those that its loader's LOAD queue asks for before it, since that
  queue is in order too; or after a later one, but before the one that uses the slice. All that the
  LOAD waits for then belongs to this phase or an earlier one.
* All tiles of a tree pass a slice on after the same phase, and what goes on after one phase in the
  same order: that of its use.

So there is one order of everything that a group does which the queues of all tiles follow, and in
which nothing waits for what comes later: phase by phase, and after each phase the slices that go
on, from the root of each tree to its leaves.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from isa.errors import UserError
from isa.geometry import TileXY
from isa.machine import Machine
from programs.attention.assignment import Forward, TileAssignment
from programs.attention.groups import Loaders, TileGroup
from programs.attention.hbm_timing import links_of
from programs.attention.layout import AttentionSemaphores
from programs.attention.mapping import AttentionMapping
from programs.attention.schedule import Turn
from programs.attention.workload import Attention

__all__ = ["arrivals", "forwarded", "forwarding"]

_ORDER = "vkq"
"""Slices that one turn begins to use, as LOAD queues ask for them."""


def forwarding(
    turns: Sequence[Turn],
    assignments: Mapping[TileXY, TileAssignment],
    loaders: Loaders,
    mapping: AttentionMapping,
    *,
    latent: bool,
) -> dict[TileXY, tuple[Forward, ...]]:
    """What each tile of a group passes on, in order; `assignments` are those of all its tiles, by
    column and row in the group.
    """
    if not mapping.forwards:
        return dict.fromkeys(assignments, ())
    sources = {
        (x, y) for x, column in enumerate(zip(loaders.k, loaders.v, strict=True)) for y in column
    }
    sources |= {(x, y) for y, x in enumerate(loaders.q)}
    loads = {tile: _loads(turns, assignments[tile], mapping, latent=latent) for tile in sources}

    def passed_on(x: int, y: int) -> tuple[Forward, ...]:
        loader = {"k": (x, loaders.k[x]), "v": (x, loaders.v[x]), "q": (loaders.q[y], y)}
        found = [
            forward
            for name in assignments[x, y].passes
            for forward in loads[loader[name]]
            if forward.name == name
        ]
        return tuple(
            sorted(
                found,
                key=lambda forward: (forward.after, forward.before, _ORDER.index(forward.name)),
            )
        )

    return {tile: passed_on(*tile) for tile in assignments}


def _loads(
    turns: Sequence[Turn], assignment: TileAssignment, mapping: AttentionMapping, *, latent: bool
) -> list[Forward]:
    """All that a tile loads, in order, with the phase after which it may go on."""
    loads: list[Forward] = []
    free: dict[tuple[str, int], int] = {}
    latest = -1

    def use(
        name: str, index: int, rows: int | None, phase: int, *, first: bool, last: bool
    ) -> None:
        nonlocal latest
        if not rows:
            return
        if first and name in assignment.loads:
            room = free.get((name, index), -1)
            # Behind the scores of that turn, if that leaves time: the row's maximum is more urgent.
            latest = max(latest, room + (room % 2 == 0 and room + 2 < phase))
            loads.append(Forward(latest, phase, name, index, rows))
        if last:
            free[name, index] = phase

    for number, (stream, values, scores) in enumerate(turns):
        for phase, name, visit in ((2 * number, "v", values), (2 * number + 1, "k", scores)):
            if visit:
                _, keys = assignment.extent(stream, visit)
                slot = visit.use % mapping.slots
                # A K that holds V too is in use from its first scores to its last values.
                first, last = (
                    visit.first_user and not (latent and name == "v"),
                    visit.last_user and not (latent and name == "k"),
                )
                use("k" if latent else name, slot, keys.columns, phase, first=first, last=last)
        if scores:
            rows = assignment.rows[scores.item][stream]
            use("q", stream, rows, 2 * number + 1, first=scores.first, last=scores.last)
    return loads


def arrivals(
    assignment: TileAssignment, mapping: AttentionMapping, semaphores: AttentionSemaphores
) -> dict[tuple[str, int], int]:
    """Semaphores for slices that a tile has read and passes on: numbers that mean something in
    other tiles only, or nowhere.
    """
    streams, slots = range(mapping.streams), range(mapping.slots)
    indices = {"k": slots, "v": slots, "q": streams}
    wanted = [(name, i) for name in sorted(assignment.passes) for i in indices[name]]
    # Only loaders are told that a buffer is free, and only roots that O is there.
    idle = [
        (f"{name}_free", i)
        for name in indices
        if name not in assignment.loads
        for i in indices[name]
    ]
    idle += [
        (name, s)
        for s in streams
        if s not in assignment.roots
        for name in ("o_full", "o_final", "stored")
    ]
    return semaphores.private(wanted, idle)


def forwarded(
    machine: Machine, workload: Attention, mapping: AttentionMapping
) -> AttentionMapping | None:
    """The same mapping where loading tiles pass on what they read, if links are a reason to and
    semaphores are enough.
    """
    if mapping.in_software or not links_of(machine, mapping, 1).queries:
        return None
    found = replace(mapping, reads="forward")
    loaders, duties = TileGroup(0, 0, 0, mapping.group).loaders, defaultdict[TileXY, set](set)
    for name in found.forwards - {"v" if workload.latent else ""}:
        for at, loader in enumerate(getattr(loaders, name)):
            duties[(loader, at) if name == "q" else (at, loader)].add(name)
    every = frozenset(range(mapping.streams))
    for names in set(map(frozenset, duties.values())):
        tile = TileAssignment(rows=(), keys=(), loads=names, roots=every, passes=names)
        try:
            arrivals(tile, found, AttentionSemaphores(machine, found))
        except UserError:
            return None
    return found
