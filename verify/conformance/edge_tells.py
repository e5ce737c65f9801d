"""Words that come without a count: a signal behind them tells, or nothing does for a while."""

from isa.geometry import Rectangle, TileXY
from isa.instructions import Format, Opcode, Queue
from isa.machine import Machine
from verify.conformance.edge_bench import STORED, EdgeBench
from verify.conformance.extremes import Extent
from verify.conformance.tile_programs import TileProgram

__all__ = ["tell_program"]

_TOLD, _COPIED = 3, 4
"""Semaphores: that words have come, and that all is copied."""
_PAIRS, _GAP = 24, 1
"""Of two words, the second of which follows the first so many rounds of an empty loop later."""
_ROWS, _COLUMNS = 256, 64
"""FP32 elements that are copied meanwhile: longer than all pairs take."""


def tell_program(machine: Machine, seed: int, _: slice) -> TileProgram:
    """Each tile puts rows of one word up to two lines and one to the next one, and signals to it,
    which stores them at once. Then it puts pairs of words that follow each other after a while,
    without a count, while the other one copies in every cycle: each access of theirs costs it one.
    """
    bench, words = EdgeBench(machine, seed), machine.tile.l1_words
    bench.fill()
    bench.meet(Queue.OUT)
    following = dict(zip(bench.tiles, [*bench.tiles[1:], bench.tiles[0]], strict=True))
    line = machine.tile.l1_banks
    for tile, to in following.items():
        if tile == to:
            continue  # its signal would not come behind its words
        out = bench.adder(tile, Queue.OUT)
        for size in range(1, 2 * line + 2):
            place = words // 2 + 4 * line * size + size
            _put(bench, tile, to, place, size)
            out(Opcode.SYNC, tell=(_TOLD, to))
            bench.store(out, place, Extent(0, 1, size), waits=[(_TOLD, 1)])
        out(Opcode.SYNC, waits=[(STORED, 2 * line + 1)], signal=_TOLD + 2)
        bench.adder(tile, Queue.VECTOR)(
            Opcode.COPY, a=0, lda=0, d=words // 4, ldd=0, m=_ROWS, n=_COLUMNS,
            fmt_a=int(Format.FP32), fmt_d=int(Format.FP32),
            waits=[(_TOLD + 2, 1)], signal=_COPIED,
        )  # fmt: skip
        for pair in range(_PAIRS):
            for word in range(2):
                _put(bench, tile, to, 3 * words // 4 + 2 * line * pair + word, 1)
                out(Opcode.LOOP, imm=_GAP + 5 * word)
                out(Opcode.END)
        out(Opcode.SYNC, tell=(_TOLD, to))
        bench.store(
            out, 3 * words // 4, Extent(0, 1, 2 * line * _PAIRS), waits=[(_TOLD, 1), (_COPIED, 1)]
        )
        out(Opcode.SYNC, waits=[(STORED, 1)])
    return TileProgram(*bench.finish())


def _put(bench: EdgeBench, tile: TileXY, to: TileXY, remote: int, words: int) -> None:
    local = int(bench.rng.integers(0, bench.machine.tile.l1_words // 4))
    place = dict(zip(Rectangle._fields, (*to, *to), strict=True))
    bench.adder(tile, Queue.OUT)(
        Opcode.PUT, local=local, remote=remote, rows=1, words=words, tag=4, **place
    )
