"""The timing of attention, turn by turn: when each queue of a tile would do what, if every group
did the same at the same time.

A walk through the schedule of the group with the most work. Each engine is a time at which it is
free, each semaphore a time at which it is given; an instruction begins at the latest of those it
waits for, and takes what its engine's law says. All tiles of a group are taken to be alike and as
large as the largest, every tile is a root, and channels serve all who ask in turn.
"""

from collections import defaultdict
from dataclasses import replace

from isa.instructions import Format
from isa.machine import Machine
from programs.attention.engine_cycles import EngineCycles
from programs.attention.groups import TileGroup, deal_attention
from programs.attention.hbm_timing import ChannelSet, find_sources
from programs.attention.mapping import AttentionMapping
from programs.attention.schedule import Turn, Visit, turns
from programs.attention.workload import Attention
from programs.common.costs import all_reduce_cycles, put_cycles, recip_cycles, vector_cycles
from programs.common.l1 import row_words

__all__ = ["walk"]

_ISSUE = 8
"""Cycles from the signal an instruction waits for to its start."""
_ROUNDS = 8
_MOST_TURNS = 160
"""Turns that are walked; the rest of the items are taken to last as long as the last ones that
were.
"""


def walk(
    machine: Machine, workload: Attention, mapping: AttentionMapping, *, links: bool = True
) -> float:
    """Cycles of a workload under a mapping; of one with very many items, from a part of them.
    Without `links` as if none of the network's were ever full.
    """
    part = _part(machine, workload, mapping)
    times = _items(workload, mapping) / _items(part, mapping)
    return times * _Walk(machine, part, mapping, links=links).cycles()


def _items(workload: Attention, mapping: AttentionMapping) -> int:
    at_once = 1 if mapping.paired else mapping.streams
    return -(-workload.kv_heads // at_once) * mapping.passes(workload)


def _part(machine: Machine, workload: Attention, mapping: AttentionMapping) -> Attention:
    """Fewer heads, and fewer rows where all rows see the same, so that groups still have `_ROUNDS`
    items each.
    """
    enough = _ROUNDS * machine.mesh.tiles // (mapping.group[0] * mapping.group[1])
    if _items(workload, mapping) <= 2 * enough or workload.lengths:
        return workload
    at_once = 1 if mapping.paired else mapping.streams
    heads = min(workload.kv_heads, at_once * -(-enough // mapping.passes(workload)))
    part = replace(workload, heads=heads * workload.sharing, kv_heads=heads)
    if (rest := _items(part, mapping)) > 2 * enough and not workload.masked:
        part = replace(part, sq=-(-workload.sq * enough // rest))
    return part


class _Walk:
    def __init__(
        self, machine: Machine, workload: Attention, mapping: AttentionMapping, *, links: bool
    ):
        self._machine, self._tile, self._workload, self._mapping = (
            machine,
            machine.tile,
            workload,
            mapping,
        )
        self._links = links
        self._groups = deal_attention(machine, workload, mapping)
        self._group = max(self._groups, key=self._work)
        self._drain = machine.tile.matrix_rows * machine.tile.column_groups
        self._word = machine.tile.word_bytes / machine.hbm.bytes_per_cycle
        self._free: dict[str, float] = defaultdict(float)
        """When an engine, or the queue of a loader, is free."""
        self._pipes: dict[str, ChannelSet] = defaultdict(ChannelSet)
        self._given: dict[tuple[str, int], float] = defaultdict(float)
        """When a semaphore is given, by name and stream or slot."""
        self._pending: dict[int, int] = {}
        """Rows of an output that is still to be divided, by stream."""
        self._blocks: dict[tuple[int, int], tuple[int, list[int]]] = {}
        """Rows of a tile, and keys in each block, by item and stream."""
        self._sources, busiest = find_sources(machine, workload, mapping, self._groups, self._group)
        self._busiest = busiest * self._word
        self._k_words = row_words(self._tile, workload.d, workload.fmt)
        self._o_words = row_words(self._tile, workload.dv, workload.o_fmt)
        self._v_words = row_words(self._tile, workload.dv, workload.fmt)
        self._engines = EngineCycles(self._tile, workload, mapping)

    def _work(self, group: TileGroup) -> int:
        seen = self._mapping.seen_blocks
        return sum(
            len(seen(self._workload, block)) for item in group.items for block in item if block
        )

    def cycles(self) -> float:
        """Walk, and go on at the pace of the last items."""
        order = turns(self._group.items, self._mapping, self._workload)
        begun: list[float] = []
        for number, turn in enumerate(order):
            if turn.scores and turn.scores.first and turn.stream == 0:
                if number > _MOST_TURNS and len(begun) > 3:
                    rest = len(self._group.items) - turn.scores.item
                    pace = (self._free["matrix"] - begun[len(begun) // 2]) / (
                        len(begun) - len(begun) // 2
                    )
                    self._finish_all()
                    return max(max(self._free.values()) + rest * pace, self._busiest)
                begun.append(self._free["matrix"])
            self._turn(turn)
        self._finish_all()
        return (
            max(*self._free.values(), *self._given.values(), self._busiest)
            + self._machine.hbm.latency
        )

    def _finish_all(self) -> None:
        for s in range(self._mapping.streams):
            self._divide(s)
            self._store(s)

    def _turn(self, turn: Turn) -> None:
        s, values, scores = turn
        if values:
            self._values(s, values)
        if scores:
            self._scores(s, scores)
        elif not values:
            self._divide(s)
            self._store(s)

    def _extent(self, s: int, visit: Visit) -> tuple[int, int]:
        """Most rows and keys of a tile."""
        place = visit.item, s
        if place not in self._blocks:
            block = self._group.items[visit.item][s]
            assert block is not None
            rows = -(-block.rows.size // self._mapping.group[1])
            keys = [part.size for part in self._mapping.seen_blocks(self._workload, block)]
            self._blocks[place] = rows, [-(-size // self._mapping.group[0]) for size in keys]
        rows, columns = self._blocks[place]
        return rows, columns[visit.block]

    # Engines.

    def _run(self, engine: str, cycles: float, *waits: float) -> float:
        """When an instruction that begins when the engine is free, and after `waits`, is
        through.
        """
        start = (
            max(self._free[engine], *(wait + _ISSUE for wait in waits))
            if waits
            else self._free[engine]
        )
        self._free[engine] = start + cycles
        return start + cycles

    def _load(self, tensor: str, words: int, *waits: float) -> float:
        """When a slice has arrived that is asked for after `waits`."""
        pipe, crowd, own, links = self._sources[tensor]
        # A tile alone loads everything, in order.
        queue = "load" if self._mapping.group == (1, 1) else f"load {tensor}"
        asked = self._run(queue, _ISSUE, *waits)
        shared = self._pipes[pipe].reserve(asked, words * crowd * self._word)
        alone = self._pipes[tensor].reserve(asked, words * own * self._word)
        found = max(shared, alone, asked + words * self._word)
        if links and self._links:
            found = max(found, self._pipes["links"].reserve(asked, words * links))
        found += self._machine.hbm.latency
        return found + put_cycles(words) if tensor in self._mapping.forwards else found

    # What a turn does, in the order of the queues.

    def _values(self, s: int, visit: Visit) -> None:
        m, n = self._extent(s, visit)
        workload, slot, given = self._workload, visit.use % self._mapping.slots, self._given
        if visit.first_user and not workload.latent:
            given["v_full", slot] = self._load("v", n * self._v_words, given["v_free", slot])
        waits = [given["p_full", s], given["v_full", slot]]
        if visit.first:
            waits.append(given["o_free", s])
        done = self._run("matrix", self._engines.values(m, n), *waits) + self._drain
        if visit.last_user:
            given["k_free" if workload.latent else "v_free", slot] = done
        if visit.last:
            self._pending[s] = m
            given["o_full", s] = max(done, given["sums", s])
            if self._mapping.group[0] > 1:
                words = m * row_words(self._tile, workload.dv, Format.FP32) + row_words(
                    self._tile, m, Format.FP32
                )
                sent = self._run("out", words, given["o_full", s])
                given["o_free", s] = sent
                given["o_full", s] = sent + all_reduce_cycles(self._mapping.tiles)

    def _scores(self, s: int, visit: Visit) -> None:
        m, n = self._extent(s, visit)
        tile, workload, slot, given = (
            self._tile,
            self._workload,
            visit.use % self._mapping.slots,
            self._given,
        )
        if visit.first_user:
            given["k_full", slot] = self._load("k", n * self._k_words, given["k_free", slot])
        waits = [given["k_full", slot]]
        if visit.first:
            given["q_full", s] = self._load("q", m * self._k_words, given["q_free", s])
            waits.append(given["q_full", s])
        done = self._run("matrix", self._engines.scores(m, n), *waits) + self._drain
        if visit.last_user and not workload.latent:
            given["k_free", slot] = done
        if self._mapping.streams == 1:
            self._divide(s)
        local = self._run("vector", self._engines.vector(m, n, 4, 0), done)
        if visit.last:
            given["q_free", s] = local
        if self._mapping.group[0] > 1:
            words = row_words(tile, m, Format.FP32)
            full = self._run("out", words + self._passed_on(n), local)
            full += all_reduce_cycles(self._mapping.tiles)
        else:
            full = local
        if self._mapping.streams > 1:
            self._divide(s)
        self._exponentials(s, visit, m, n, full)
        self._store(s)

    def _passed_on(self, n: int) -> int:
        """Words that a loader sends on before a maximum: a K or a V, if it is not in time."""
        return n * max(self._k_words, self._v_words) if self._mapping.forwards & {"k", "v"} else 0

    def _exponentials(self, s: int, visit: Visit, m: int, n: int, full: float) -> None:
        vector, dv = self._tile, self._workload.dv
        if not visit.first:
            self._run("vector", vector_cycles(vector, 1, m), full)
        ready = self._run("vector", self._engines.vector(m, n, 4, 2), full)
        if not visit.first:
            ready = self._run("vector", self._engines.vector(m, dv, 4, 4))
            self._run("vector", 2 * vector_cycles(vector, 1, m))
        self._given["p_full", s] = ready
        self._given["sums", s] = self._free["vector"]
        if not visit.last:
            self._run("vector", vector_cycles(vector, 1, m))

    def _divide(self, s: int) -> None:
        if (m := self._pending.get(s)) and ("o_final", s) not in self._given:
            self._run("vector", recip_cycles(self._tile, m), self._given["o_full", s])
            self._given["o_final", s] = self._run(
                "vector", self._engines.vector(m, self._workload.dv, 4, 2)
            )

    def _store(self, s: int) -> None:
        if (final := self._given.pop(("o_final", s), None)) is None:
            return
        words = self._pending.pop(s) * self._o_words
        pipe, crowd, *_ = self._sources["q"]
        moved = self._pipes[pipe].reserve(final, words * crowd * self._word)
        self._free["out"] = max(moved, self._run("out", words, final))
        self._given["o_free", s] = self._free["out"]
