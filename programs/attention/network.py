"""Collectives of one tile in hardware: reads and PUTs to a rectangle, and reductions that combine
on their way.
"""

from typing import Any

from isa.instructions import Format, Opcode, Queue, ReduceOp
from programs.attention.assignment import Forward
from programs.attention.forward import arrivals
from programs.attention.schedule import Visit
from programs.attention.tile import TAGS, TileCode
from programs.common.trace import Ref, Signal

__all__ = ["NetworkCollectives"]

_MOST_WORDS = (1 << 12) - 1


class NetworkCollectives:
    """Adds collectives to a tile's traces, with the network's own;
    `programs.attention.software.Software` does the same without.
    """

    def __init__(self, tile: TileCode):
        self._tile = tile
        self._out = tile.traces[Queue.OUT].add
        self._arrived = arrivals(tile.assignment, tile.mapping, tile.semaphores)

    # A slice of k, v or q, to all tiles that share it.

    def receivers(self, name: str, index: int) -> dict[str, Any]:
        """Where a LOAD delivers, and what it bumps there."""
        if name in self._tile.mapping.forwards:
            return {**self._tile.here(), "bump": 1, "sem": self._arrived[name, index]}
        return {
            **self._tile.sharers(name),
            "bump": 1,
            "sem": self._tile.semaphores(f"{name}_full", index),
        }

    def pass_on(self, forward: Forward) -> None:
        """Send a slice that has been read on to all that share it, this tile included, which tells
        it like the others.
        """
        tile, (name, index) = self._tile, (forward.name, forward.slot)
        at, pitch = tile.buffer(name, index)
        self._out(
            Opcode.PUT,
            waits=[(self._arrived[name, index], 1)],
            local=at,
            local_pitch=pitch,
            remote=at,
            remote_pitch=pitch,
            rows=forward.rows,
            words=pitch,
            **tile.sharers(name),
            bump=1,
            sem=tile.semaphores(f"{name}_full", index),
            tag=TAGS[name.upper()] + (index if name == "q" else 0),
        )

    # The maximum of each row, to all tiles of the row.

    def own_maximum(self, s: int) -> list[Signal]:
        """Signals of the instruction that makes this tile's part."""
        return [Signal(self._tile.semaphores("max_local", s))]

    def share_maximum(self, s: int, rows: int) -> None:
        """All-reduce, from `local_maximum` to `maximum`."""
        tile, sem, stream = self._tile, self._tile.semaphores, self._tile.layout.streams[s]
        words, turn = tile.vector_words(rows), not tile.mapping.through_memory
        self._out(
            Opcode.REDUCE,
            waits=[(sem("max_local", s), 1)],
            local=stream.local_maximum,
            remote=stream.maximum,
            rows=1,
            words=words,
            **tile.row(),
            target_x=Ref("max_x"),
            target_y=Ref("max_y"),
            op=ReduceOp.MAX,
            fmt=Format.FP32,
            turn=turn,
            bump=1,
            sem=sem("max_full" if turn else "max_root", s),
            tag=TAGS["MAX"] + s,
        )
        if tile.assignment.sends_maximum:
            # Over the receivers' maxima, this tile's included, and with the same order as a turn
            # has.
            self._out(
                Opcode.PUT,
                waits=[(sem("max_root", s), 1)],
                local=stream.maximum,
                remote=stream.maximum,
                rows=1,
                words=words,
                **tile.row(),
                bump=1,
                sem=sem("max_full", s),
                tag=TAGS["MAX"] + s,
            )

    def shared_maximum(self, s: int) -> list[tuple[int, int]]:
        """What the vector engine waits for before it uses `maximum`."""
        return [(self._tile.semaphores("max_full", s), 1)]

    # The sum of O and of the row sums, at the root.

    def sum_out(self, s: int, visit: Visit, rows: int) -> None:
        """Sum O and the row sums, which lie directly below it, over the row: in one REDUCE if its
        fields can say so.
        """
        tile, sem, layout, root = (
            self._tile,
            self._tile.semaphores,
            self._tile.layout,
            s in self._tile.assignment.roots,
        )
        start, end = layout.running_sums(s, rows), layout.streams[s].out
        words, pitch = rows * layout.acc_pitch, layout.acc_pitch
        pieces = [(start, 1, end - start + words, 0, TAGS["SUM"])]
        if end - start + words > _MOST_WORDS:
            pieces = [
                (start, 1, end - start, 0, TAGS["SUM_L"]),
                (end, rows, pitch, pitch, TAGS["SUM"]),
            ]
        for i, (at, high, wide, step, tag) in enumerate(pieces):
            last = i == len(pieces) - 1
            self._out(
                Opcode.REDUCE,
                waits=[(sem("o_local", s), 1 if visit.first else 2)] if i == 0 else [],
                signals=[Signal(sem("o_free", s))] if last and not root else [],
                local=at,
                local_pitch=step,
                remote=at,
                remote_pitch=step,
                rows=high,
                words=wide,
                **tile.row(),
                target_x=Ref(f"sum_x{s}"),
                target_y=Ref(f"sum_y{s}"),
                op=ReduceOp.SUM,
                fmt=Format.FP32,
                tag=tag + s,
                **({"bump": 1, "sem": sem("o_full", s)} if last else {}),
            )

    def summed_out(self, s: int) -> list[tuple[int, int]]:
        """What the root's vector engine waits for before it divides."""
        return [(self._tile.semaphores("o_full", s), 1)]
