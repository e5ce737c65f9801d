"""The four queues of one tile, as traces.

Everything that orders two queues or two tiles is a semaphore; docs/dataflows.md lists them. What
needs none, and why:

* The matrix engine completes instructions in order. So the end of a QK tells that the PV before it
  has written O, and a QK may overwrite the scores that an earlier PV read.
* A maximum arrives only after this tile has contributed to it, hence after everything in its vector
  queue up to the ROWMAX that made the contribution: nobody will read the maximum it overwrites
  again.
* It arrives also after everything before that REDUCE in this tile's OUT queue has left the tile. So
  the EXP that waits for it may overwrite the running sums that the last item's reduction has sent.
* The sum of O arrives over the root's own part. Each of its words arrives only after the root has
  sent that word.
* A slice that its loader passes on arrives over itself there too, and changes nothing.
* A SYNC stands where an instruction would have no elements, with its waits and signals, so that
  counts stay balanced. With signals it waits for all earlier instructions of its queue, as they
  promise to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from isa.instructions import Opcode, Queue
from programs.attention.assignment import Keys, SliceAddress
from programs.attention.block_code import BlockCode
from programs.attention.schedule import Turn, Visit
from programs.attention.tile import TAGS
from programs.common.trace import Op, Ref, Signal

__all__ = ["TileQueues"]


@dataclass
class _Output:
    """An item whose O is on its way from L1 to HBM."""

    rows: int
    at: SliceAddress | None
    divided: bool = False


@dataclass
class _Stream:
    """What is under way in a stream."""

    output: _Output | None = None
    q_loads: int = 0
    stores: int = 0


class TileQueues(BlockCode):
    """Builds the traces of one tile, turn by turn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._state = [_Stream() for _ in range(self.mapping.streams)]
        self._forwards = {
            after: list(found)
            for after, found in groupby(self.assignment.forwards, key=lambda forward: forward.after)
        }
        self._loaded = {name: [0] * self.mapping.slots for name in "kv"}

    def build(self, turns: Sequence[Turn]) -> dict[Queue, list[Op]]:
        """Make the traces of a whole run."""
        if turns:
            # O is free at first. PV waits for it there like everywhere, so that the first item is
            # like the others.
            free = [Signal(self.semaphores("o_free", s)) for s in range(self.mapping.streams)]
            self._out(Opcode.SYNC, signals=free)
        self._forward(-1)
        for number, (stream, values, scores) in enumerate(turns):
            if values:
                self._values(stream, values)
            self._forward(2 * number)
            if scores:
                self._scores(stream, scores)
            elif not values:
                self._finish(stream)
            self._forward(2 * number + 1)
        for stream in range(self.mapping.streams):
            self._finish(stream)
        last = [
            (self.semaphores("stored", s), 1) for s, state in enumerate(self._state) if state.stores
        ]
        if last:
            # HALT then means that everything is in HBM.
            self._out(Opcode.SYNC, waits=last)
        return {queue: trace.ops for queue, trace in self.traces.items()}

    def _forward(self, after: int) -> None:
        """Pass on what goes on after a phase."""
        for forward in self._forwards.get(after, ()):
            self._collectives.pass_on(forward)

    def _piece(
        self, make: Callable[..., None], s: int, visit: Visit, rows: int, keys: Keys, *more: int
    ) -> None:
        """Add what ``make(s, visit, rows, keys, *more)`` adds to the queues, made once for all
        visits and tiles that are alike.
        """
        alike = visit._replace(item=0, block=0, use=visit.use % self.mapping.slots)
        key = (
            make.__name__,
            s,
            alike,
            rows,
            keys,
            more,
            self.assignment.loads,
            s in self.assignment.roots,
            self.assignment.sends_maximum,
            self.assignment.positions,
        )
        traces = [self.traces[queue].ops for queue in Queue]
        if (made := self.shared.pieces.get(key)) is None:
            before = [len(ops) for ops in traces]
            make(s, alike, rows, keys, *more)
            self.shared.pieces[key] = [
                ops[start:] for ops, start in zip(traces, before, strict=True)
            ]
        else:
            for ops, piece in zip(traces, made, strict=True):
                ops += piece

    # Scores and values.

    def _scores(self, s: int, visit: Visit) -> None:
        rows, keys = self.assignment.extent(s, visit)
        if keys.columns and visit.first_user:
            self._load_keys("k", visit, keys.columns, self.layout.k, self.layout.qk_pitch)
        if rows and visit.first:
            self._load_queries(s, visit, rows)
        output = self._state[s].output if rows else None
        divide = output.rows if output and not output.divided else 0
        self._piece(self._softmax, s, visit, rows, keys, divide)
        if output and divide:
            output.divided = True
        if rows:
            # Behind the maximum: a STORE that waits for the vector engine must not hold the other
            # tiles' maximum up.
            self._store(s)
        else:
            self._finish(s)

    def _values(self, s: int, visit: Visit) -> None:
        rows, keys = self.assignment.extent(s, visit)
        if keys.columns and visit.first_user and not self.workload.latent:
            self._load_keys("v", visit, keys.columns, self.layout.v, self.layout.v_pitch)
        self._piece(self._multiply_values, s, visit, rows, keys)
        if rows and visit.last and s in self.assignment.roots:
            self._state[s].output = _Output(rows, self.assignment.o[visit.item][s])

    def _store(self, s: int) -> None:
        state, sem = self._state[s], self.semaphores
        output = state.output
        if output is None or not output.divided:
            return
        # One STORE of a stream at a time is on its way to HBM, so that the count of arrivals stays
        # small.
        waits = [(sem("o_final", s), 1), (sem("stored", s), 1 if state.stores else 0)]
        assert output.at is not None
        self._out(
            Opcode.STORE,
            waits=waits,
            signals=[Signal(sem("o_free", s))],
            local=self.layout.streams[s].out,
            local_pitch=self.layout.acc_pitch,
            rows=output.rows,
            words=self.layout.o_pitch,
            remote_pitch=self.layout.o_pitch,
            **self._hbm(output.at),
            bump=1,
            sem=sem("stored", s),
            tag=TAGS["O"] + s,
        )
        state.stores += 1
        state.output = None

    def _finish(self, s: int) -> None:
        """Output what is left of a stream that has nothing else to do."""
        output = self._state[s].output
        if output and not output.divided:
            output.divided = True
            self._divide(s, output.rows)
        self._store(s)

    # Loads.

    def _load_keys(self, name: str, visit: Visit, rows: int, slots: list[int], pitch: int) -> None:
        """K or V of this tile's column, to all tiles of the column, or to this one, which passes it
        on.
        """
        if name not in self.assignment.loads:
            return
        slot, loaded = visit.use % self.mapping.slots, self._loaded[name]
        waits = (
            [(self.semaphores(f"{name}_free", slot), self.mapping.group[1])] if loaded[slot] else []
        )
        loaded[slot] += 1
        at = (self.assignment.k if name == "k" else self.assignment.v)[visit.use]
        assert at is not None
        self._load(
            Opcode.LOAD,
            waits=waits,
            local=slots[slot],
            local_pitch=pitch,
            remote_pitch=pitch,
            rows=rows,
            words=pitch,
            **self._hbm(at),
            **self._collectives.receivers(name, slot),
            tag=TAGS[name.upper()],
        )

    def _load_queries(self, s: int, visit: Visit, rows: int) -> None:
        """Q of this tile's row, to all tiles of the row, or to this one, which passes it on."""
        if "q" not in self.assignment.loads:
            return
        state, pitch = self._state[s], self.layout.qk_pitch
        waits = [(self.semaphores("q_free", s), self.mapping.group[0])] if state.q_loads else []
        state.q_loads += 1
        at = self.assignment.q[visit.item][s]
        assert at is not None
        self._load(
            Opcode.LOAD,
            waits=waits,
            local=self.layout.streams[s].q,
            local_pitch=pitch,
            remote_pitch=pitch,
            rows=rows,
            words=pitch,
            **self._hbm(at),
            **self._collectives.receivers("q", s),
            tag=TAGS["Q"] + s,
        )

    def _hbm(self, at: SliceAddress) -> dict[str, Any]:
        name = f"region{at.region}"
        return {
            "remote": Ref(f"{name}.base", at.offset),
            "target_x": Ref(f"{name}.x"),
            "target_y": Ref(f"{name}.y"),
            "edge": Ref(f"{name}.edge"),
        }
