"""A rough idea of the cycles of attention, for thousands of mappings at once: which of them deserve
a closer look.

From the engines' work per block and what cannot overlap; every block counts as a full one, but for
the last keys, and where items see different numbers of keys, each counts as the average one.
`programs.attention.walk` looks closer.
"""

from typing import Any

from isa.elementwise import larger
from isa.instructions import Format
from isa.machine import Machine
from programs.attention.mapping import SOFTWARE, AttentionMapping
from programs.attention.workload import Attention
from programs.common.costs import (
    REDUCE_START,
    all_reduce_cycles,
    matmul_cycles,
    put_cycles,
    vector_cycles,
)
from programs.common.l1 import row_words
from programs.common.placement import channels_at

__all__ = ["rough_cycles"]

_LOAD_START = 16
_ADDED_WORD = 2
"""Cycles for each word that the vector engine adds, beside a busy matrix engine; measured on mesh4.
"""
_MASKED_BANDWIDTH = 0.8
"""Share of the HBM bandwidth to count on under a causal mask; a run on mesh4 that it limited
reached 0.74.
"""


def rough_cycles(machine: Machine, workload: Attention, mapping: AttentionMapping) -> Any:
    """Guess the cycles a workload takes under a mapping, rather too few than too many: a number, or
    an array if the mapping has arrays of rows and columns.
    """
    return _Rough(machine, workload, mapping).cycles()


class _Rough:
    def __init__(self, machine: Machine, workload: Attention, mapping: AttentionMapping):
        self._machine, self._tile, self._hbm = machine, machine.tile, machine.hbm
        self._workload, self._mapping = workload, mapping
        self._groups = machine.mesh.tiles // (mapping.group[0] * mapping.group[1])
        self._k_words = row_words(self._tile, workload.d, workload.fmt)
        self._o_words = row_words(self._tile, workload.dv, workload.o_fmt)
        self._v_words = 0 if workload.latent else row_words(self._tile, workload.dv, workload.fmt)

    def cycles(self) -> Any:
        """Give the estimate."""
        workload, mapping = self._workload, self._mapping
        across = mapping.group[0]
        keys = mapping.keys_read(workload) // (workload.kv_heads * mapping.passes(workload))
        columns = -(-keys // (across * mapping.columns))
        rest = keys - (columns - 1) * across * mapping.columns
        heads = (
            workload.kv_heads
            if mapping.paired or mapping.streams == 1
            else -(-workload.kv_heads // mapping.streams)
        )
        items = heads * mapping.passes(workload)
        full = self._step(mapping.columns)
        item = larger(
            (columns - 1) * full + self._step(-(-rest // across)) + self._late(), self._item_floor()
        )
        rounds = -(-items // self._groups)
        return rounds * item + self._start() + self._end()

    def _step(self, n: Any) -> Any:
        """Cycles from one column block to the next, of `n` keys a tile."""
        mapping, workload = self._mapping, self._workload
        m = mapping.rows
        scores, values = self._matmul(m, n, workload.d), self._matmul(m, workload.dv, n)
        softmax = 2 * self._vector(m, n) + self._vector(m, workload.dv) + 3 * self._vector(1, m)
        chain = 2 * self._vector(m, n) + self._vector(m, workload.dv) + self._vector(1, m)
        if mapping.group[0] > 1:
            chain += self._all_reduce(m)
        alone = scores + chain + values + _LOAD_START
        k_load, v_load = self._shared_load(n * self._k_words), self._shared_load(n * self._v_words)
        sources = 1 if mapping.paired or mapping.streams == 1 else mapping.streams
        channels = self._bandwidth() / self._machine.tile.word_bytes
        traffic = (
            sources
            * self._groups
            * mapping.group[0]
            * n
            * (self._k_words + self._v_words)
            / channels
        )
        stream = traffic + 2 * _LOAD_START
        # A slot for K is in use from its first stream's scores to the last one's, then loaded anew;
        # V likewise.
        sharing = mapping.streams // sources
        k_turn = sharing * scores + (sharing - 1) * values + k_load
        v_turn = sharing * values + (sharing - 1) * scores + v_load
        if workload.latent:
            # One buffer for both.
            k_turn, v_turn = sharing * (scores + values) + k_load, 0.0
        turn = larger(k_turn, v_turn) * sources / mapping.slots
        passed_on = self._pass_on(n * max(self._k_words, self._v_words), mapping.group[1])
        return larger(
            mapping.streams * (scores + values),
            mapping.streams * softmax,
            alone,
            stream,
            turn,
            passed_on,
        )

    def _item_floor(self) -> Any:
        """Least cycles of an item: what its Q, its reduction of O and its output take, one after
        the other on each.
        """
        mapping, workload, m = self._mapping, self._workload, self._mapping.rows
        out = m * self._fp32_words(workload.dv) if mapping.group[0] > 1 else 0
        rows = m * (self._k_words + self._o_words) * mapping.group[1] * self._groups
        return mapping.streams * larger(out, rows * self._tile.word_bytes / self._bandwidth())

    def _start(self) -> Any:
        return (
            self._shared_load(self._mapping.columns * self._k_words)
            + self._load(self._mapping.rows * self._k_words) / 2
        )

    def _end(self) -> Any:
        m, dv = self._mapping.rows, self._workload.dv
        reduce = m * self._fp32_words(dv) + REDUCE_START if self._mapping.group[0] > 1 else 0
        return reduce + self._vector(m, dv) + self._load(m * self._o_words)

    def _matmul(self, m: Any, n: Any, k: Any) -> Any:
        return matmul_cycles(self._tile, m, n, k)

    def _vector(self, m: Any, n: Any) -> Any:
        return vector_cycles(self._tile, m, n)

    def _load(self, words: Any) -> Any:
        return self._hbm.latency + words * self._tile.word_bytes / self._hbm.bytes_per_cycle

    def _shared_load(self, words: Any) -> Any:
        """A load of K or V for a column of tiles."""
        return self._load(words) + self._pass_on(words, self._mapping.group[1])

    def _late(self) -> Any:
        """What a sum of O in software, and the V behind it in the OUT queue, take longer than the
        next item's first scores.
        """
        mapping, workload = self._mapping, self._workload
        out = _ADDED_WORD * mapping.rows * self._fp32_words(workload.dv)
        sent = self._pass_on(out, mapping.group[0]) + self._pass_on(
            mapping.columns * self._v_words, mapping.group[1]
        )
        return larger(0, sent - self._matmul(mapping.rows, mapping.columns, workload.d))

    def _all_reduce(self, m: Any) -> Any:
        words, tiles = self._fp32_words(m), self._mapping.group[0]
        if not self._mapping.in_software:
            return all_reduce_cycles(self._mapping.tiles) + words
        return 2 * self._pass_on(words, tiles) + self._rounds(tiles) * self._vector(1, m)

    def _pass_on(self, words: Any, tiles: int) -> Any:
        """Cycles that a multicast in software takes, or a reduction without its additions; none if
        the network does it.
        """
        return self._rounds(tiles) * put_cycles(words) if self._mapping.in_software else 0

    def _rounds(self, tiles: int) -> int:
        """Transfers that a collective in software makes one after the other."""
        return (
            tiles - 1 if SOFTWARE[self._mapping.dataflow] == "unicast" else (tiles - 1).bit_length()
        )

    def _bandwidth(self) -> Any:
        """Bytes a cycle of the channels that hold K and V."""
        every = len(channels_at(self._machine))
        used: Any = len(channels_at(self._machine, ("south", "north"))) or every
        if self._mapping.group[1] == 1:
            used = every
        else:
            used += (every - used) * self._mapping.reads_anywhere(self._workload, self._machine)
        # Rows of blocks of different lengths do not keep all channels busy all the time.
        return (
            used * self._hbm.bytes_per_cycle * (_MASKED_BANDWIDTH if self._workload.masked else 1)
        )

    def _fp32_words(self, n: Any) -> Any:
        return row_words(self._tile, n, Format.FP32)
