"""Software reductions in which all tiles exchange and add at the same time, in log2 n steps:
recursive doubling and halving.

Tiles are numbered along the rectangle's rows; the partner in step s is the tile whose number
differs in bit s. Both end in the same order of additions at every tile: neighbours first, then
pairs of neighbours, and so on.
"""

from typing import NamedTuple

from isa.errors import UserError
from isa.geometry import TileXY
from isa.instructions import Opcode, Queue, ReduceOp, SignalKind
from programs.collectives.collective import Collective, put_fields
from programs.common.code import Code

__all__ = ["double", "doubling_scratch", "halve", "halving_scratch"]


def doubling_scratch(tiles: int, words: int) -> int:
    """Words of receive buffers of recursive doubling over so many tiles."""
    return tiles.bit_length() * words


def halving_scratch(words: int) -> int:
    """Words of receive buffers of recursive halving: a half, a quarter and so on."""
    return words


def _halves(low: int, high: int, bit: bool) -> tuple[int, int, int, int]:
    """Split words [low, high) in two: those that the tile keeps, the low ones if its bit is 0, and
    those that it gives.
    """
    middle = (low + high + 1) // 2
    return (middle, high, low, middle) if bit else (low, middle, middle, high)


def double(code: Code, c: Collective) -> None:
    """Recursive doubling, an all-reduce: in every step all tiles exchange all they have.

    Tiles beyond the largest power of two hand their words to a partner first and get the result
    from it.
    """
    s, tiles = c.semaphores, c.rectangle.tiles()
    steps = len(tiles).bit_length() - 1
    power = 1 << steps
    _suffice(len(s.arrive), steps + 1, c)
    buffer = [c.scratch + step * c.words for step in range(steps + 1)]

    def add(tile: TileXY, step: int, a: int, d: int, **signals: int) -> None:
        sum_ = _Sum(a, buffer[step], d, c.words)
        _add(code, c, tile, sum_, waits=[(s.arrive[step], 1)], **signals)

    for index, tile in enumerate(tiles):
        paired = index + power < len(tiles)
        own: int = c.source
        waits: list[tuple[int, int]] = []
        if index >= power:
            code.add(
                tile,
                Queue.OUT,
                Opcode.PUT,
                bump=1,
                sem=s.arrive[steps],
                **put_fields(c, tiles[index - power], c.words, own, buffer[steps]),
            )
            continue
        if paired:
            add(tile, steps, own, buffer[steps], signal=s.ready)
            own, waits = buffer[steps], [(s.ready, 1)]
        for step in range(steps):
            last = step == steps - 1
            code.add(
                tile,
                Queue.OUT,
                Opcode.PUT,
                waits=waits,
                bump=1,
                sem=s.arrive[step],
                **put_fields(c, tiles[index ^ (1 << step)], c.words, own, buffer[step]),
            )
            result = c.target if last else buffer[step]
            both = (
                {"sig1_kind": int(SignalKind.LOCAL), "sig1_sem": s.ready} if last and paired else {}
            )
            add(tile, step, own, result, signal=s.done if last else s.ready, **both)
            own, waits = result, [(s.ready, 1)]
        if paired:
            fields = put_fields(c, tiles[index + power], c.words, own, c.target)
            code.add(tile, Queue.OUT, Opcode.PUT, waits=waits, bump=1, sem=s.done, **fields)


def halve(code: Code, c: Collective) -> None:
    """Recursive halving: in every step a tile gives one half of its words to its partner and adds
    what it gets to the other.

    After that each tile has a part of the result. The way back joins the parts, at the root
    (reduce) or everywhere (allreduce).
    """
    s, tiles = c.semaphores, c.rectangle.tiles()
    steps = len(tiles).bit_length() - 1
    if len(tiles) != 1 << steps:
        raise UserError(f"recursive halving takes a power of two of tiles, not {len(tiles)}")
    if c.words < len(tiles):
        raise UserError(
            f"recursive halving over {len(tiles)} tiles takes at least as many words, not {c.words}"
        )
    _suffice(len(s.arrive), 2 * steps, c)
    root = tiles.index(c.root)
    for index, tile in enumerate(tiles):
        low, high, own, base = 0, c.words, c.source, c.scratch
        waits: list[tuple[int, int]] = []
        ranges = []
        for step in range(steps):
            last = step == steps - 1
            ranges.append((low, high))
            keep, end, give, given = _halves(low, high, bool((index ^ root) >> step & 1))
            # The partner keeps what this tile gives, and has it in the same place.
            code.add(
                tile,
                Queue.OUT,
                Opcode.PUT,
                waits=waits,
                bump=1,
                sem=s.arrive[step],
                **put_fields(c, tiles[index ^ (1 << step)], given - give, own + give - low, base),
            )
            result = c.target + keep if last else base
            sum_ = _Sum(own + keep - low, base, result, end - keep)
            _add(code, c, tile, sum_, waits=[(s.arrive[step], 1)], signal=s.ready)
            own, waits, low, high = result, [(s.ready, 1)], keep, end
            base += (ranges[-1][1] - ranges[-1][0] + 1) // 2
        for step in reversed(range(steps)):
            upper = (index ^ root) >> step & 1
            partner = tiles[index ^ (1 << step)]
            semaphore = s.done if step == 0 and c.kind == "allreduce" else s.arrive[steps + step]
            if c.kind == "allreduce" or upper:
                fields = put_fields(c, partner, high - low, c.target + low, c.target + low)
                code.add(tile, Queue.OUT, Opcode.PUT, waits=waits, bump=1, sem=semaphore, **fields)
                waits = []
            if c.kind != "allreduce" and upper:
                break
            low, high = ranges[step]
            if step or c.kind != "allreduce":
                if len(waits) == 2:
                    code.add(tile, Queue.OUT, Opcode.SYNC, waits=waits)
                    waits = []
                waits = [*waits, (semaphore, 1)]
        else:
            if c.kind != "allreduce":
                code.add(tile, Queue.OUT, Opcode.SYNC, waits=waits, signal=s.done)


def _suffice(have: int, need: int, c: Collective) -> None:
    if have < need:
        raise UserError(
            f"recursive {c.method} over {len(c.rectangle.tiles())} tiles needs {need} semaphores, "
            f"has {have}"
        )


class _Sum(NamedTuple):
    """D = A + B, or the larger ones: three L1 words, and how many from there."""

    a: int
    b: int
    d: int
    words: int


def _add(code: Code, c: Collective, tile: TileXY, what: _Sum, **signals) -> None:
    code.add(
        tile,
        Queue.VECTOR,
        Opcode.ADDV if c.op == ReduceOp.SUM else Opcode.MAXV,
        d=what.d,
        a=what.a,
        b=what.b,
        m=1,
        n=what.words * code.machine.tile.word_bytes // 4,
        ldd=1,
        lda=1,
        **signals,
    )
