"""Multicast, reduction and all-reduce as tile programs: by the network's own collectives, or in
software by unicast PUTs.

Hardware is one PUT to a rectangle, or one REDUCE per member. Software methods run a forwarding tree
in segments (`programs.collectives.tree_code`); reductions also work by exchanges
(`programs.collectives.exchange`). The vector engine adds and
compares for them. Every transfer bumps a semaphore at its receiver.
"""

from typing import Any

from isa.errors import UserError
from isa.instructions import Opcode, Queue
from isa.machine import Machine
from programs.collectives.collective import (
    KINDS,
    Collective,
    exchange_words,
    methods_of,
    put_fields,
    segment_words,
)
from programs.collectives.exchange import double, doubling_scratch, halve, halving_scratch
from programs.collectives.tree_code import Buffers, broadcast, combine
from programs.collectives.trees import tree_of
from programs.common.code import Code

__all__ = ["emit", "scratch_words"]


def scratch_words(machine: Machine, c: Collective) -> int:
    """Words of receive buffers that the collective needs in each member's L1."""
    if c.method == "hardware" or c.kind == "multicast":
        return 0
    if c.method == "halving":
        return halving_scratch(c.words)
    if c.method == "doubling":
        return doubling_scratch(len(c.rectangle.tiles()), c.words)
    widest = max(map(len, tree_of(c.method, c.rectangle, c.root).children.values()))
    return widest * Buffers(c, segment_words(machine, c)).words


def emit(code: Code, c: Collective) -> None:
    """Append the collective to the programs of the tiles that take part.

    Raises
    ------
    UserError
        If there is no such kind or method, the rectangle or the root is not in the mesh, the words
        do not fit L1, or the method cannot do it with the semaphores it has.
    """
    _check(code.machine, c)
    if c.method == "hardware":
        _hardware(code, c)
    elif c.rectangle.tiles() == [c.root]:
        # Nobody to talk to: the tile hands the words to itself.
        code.add(
            c.root,
            Queue.OUT,
            Opcode.PUT,
            **put_fields(c, c.root, c.words, c.source, c.target),
            bump=1,
            sem=c.semaphores.done,
        )
    elif c.method == "doubling":
        double(code, c)
    elif c.method == "halving":
        halve(code, c)
    else:
        tree, size = tree_of(c.method, c.rectangle, c.root), segment_words(code.machine, c)
        if c.kind == "multicast":
            broadcast(code, c, tree, size)
        else:
            combine(code, c, tree, size, pass_on=c.kind == "allreduce")
            if c.kind == "allreduce":
                broadcast(code, c, tree, size, result=True)


def _check(machine: Machine, c: Collective) -> None:
    if c.kind not in KINDS:
        raise UserError(f"collective must be one of {', '.join(KINDS)}, not {c.kind!r}")
    if c.method not in methods_of(c.kind):
        raise UserError(
            f"method of a {c.kind} must be one of {', '.join(methods_of(c.kind))}, not {c.method!r}"
        )
    mesh, (x0, y0, x1, y1) = machine.mesh, c.rectangle
    if not (0 <= x0 <= x1 < mesh.columns and 0 <= y0 <= y1 < mesh.rows):
        raise UserError(
            f"rectangle {c.rectangle} must be in the {mesh.columns}x{mesh.rows} mesh and not empty"
        )
    if not (0 <= c.root[0] < mesh.columns and 0 <= c.root[1] < mesh.rows):
        raise UserError(f"root {c.root} must be in the {mesh.columns}x{mesh.rows} mesh")
    inside = c.kind == "allreduce" or (c.kind, c.method) == ("reduce", "halving")
    if c.method != "hardware" and inside and c.root not in c.rectangle:
        what = "software all-reduce" if c.kind == "allreduce" else "reduce by halving"
        raise UserError(f"root {c.root} of a {what} must be in its rectangle {c.rectangle}")
    if c.slots not in (None, 1, 2, 4):
        raise UserError(
            f"receive buffers per child must be 1, 2, 4 or one per segment, not {c.slots}"
        )
    end = max(c.source + c.words, c.target + c.words, c.scratch + scratch_words(machine, c))
    if c.words < 1 or end > machine.tile.l1_words:
        raise UserError(
            f"a collective of {c.words} words needs L1 up to word {end}, there are "
            f"{machine.tile.l1_words}"
        )
    most = exchange_words(machine, c.method)
    if c.words > most:
        raise UserError(f"recursive {c.method} takes at most {most} words at a time, not {c.words}")
    segments = -(-c.words // segment_words(machine, c))
    if c.method != "hardware" and segments >= 1 << machine.tile.semaphore_bits:
        raise UserError(
            f"{segments} segments overflow a semaphore of {machine.tile.semaphore_bits} bits: use "
            "longer ones"
        )


def _hardware(code: Code, c: Collective) -> None:
    x0, y0, x1, y1 = c.rectangle
    fields: dict[str, Any] = {
        "local": c.source,
        "remote": c.target,
        "rows": 1,
        "words": c.words,
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "bump": 1,
        "sem": c.semaphores.done,
        "tag": c.tag,
    }
    if c.kind == "multicast":
        code.add(c.root, Queue.OUT, Opcode.PUT, **fields)
        return
    fields |= {
        "target_x": c.root[0],
        "target_y": c.root[1],
        "op": c.op,
        "fmt": c.fmt,
        "turn": int(c.kind == "allreduce"),
    }
    for tile in c.rectangle.tiles():
        code.add(tile, Queue.OUT, Opcode.REDUCE, **fields)
