"""Instructions of every engine one behind the other, each with two signals, short ones and longer
ones: one begins as another one signals.
"""

from isa.geometry import Rectangle
from isa.instructions import Format, Opcode, Queue, SignalKind
from isa.machine import Machine
from verify.conformance.edge_bench import EdgeBench
from verify.conformance.tile_programs import TileProgram
from verify.conformance.tile_stores import at

__all__ = ["signal_program"]

_FIRST, _SECOND = 5, 9
"""Semaphores of the first and the second signal of each queue, which nobody takes."""
_SIZES, _ROW = 12, 3
"""Sizes from 1 on, and instructions of each in a row."""
_OWN = 64
"""Words of L1 that each queue has for itself."""


def signal_program(machine: Machine, seed: int, _: slice) -> TileProgram:
    """Programs of all tiles; same arguments: the same."""
    bench = EdgeBench(machine, seed)
    channel = machine.channels[0]
    for tile in bench.tiles:
        here = dict(zip(Rectangle._fields, (*tile, *tile), strict=True))
        for queue in Queue:
            add, place = bench.adder(tile, queue), _OWN * (2 + queue)
            for size in range(1, _SIZES + 1):
                opcode, fields = {
                    Queue.MATRIX: (Opcode.MATMUL, {
                        "a": 0, "b": 0, "c": place, "lda": 0, "ldb": 0, "ldc": 2, "m": size,
                        "n": 3, "k": 2, "fmt_a": int(Format.FP16), "fmt_b": int(Format.FP16),
                    }),
                    Queue.VECTOR: (Opcode.FILL, {"d": place, "ldd": 2, "m": size, "n": 3}),
                    Queue.LOAD: (Opcode.LOAD, {
                        "local": place, "remote": 0, "rows": 1, "words": size, **here,
                        **at(channel), "bump": 1, "sem": _FIRST - 1,
                    }),
                    Queue.OUT: (Opcode.PUT, {
                        "local": 0, "remote": place, "rows": 1, "words": size, **here,
                    }),
                }[queue]  # fmt: skip
                second = {"sig1_kind": int(SignalKind.LOCAL), "sig1_sem": _SECOND + queue}
                for _nth in range(_ROW):
                    add(opcode, **fields, signal=_FIRST + queue, **second)
    return TileProgram(*bench.finish())
