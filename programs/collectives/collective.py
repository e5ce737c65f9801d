"""What a collective is: kinds, methods, semaphores, and the words it moves."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from isa.geometry import Rectangle, TileXY
from isa.instructions import Format, ReduceOp
from isa.machine import Machine
from programs.collectives.trees import TREES

__all__ = [
    "KINDS",
    "METHODS",
    "Collective",
    "CollectiveSemaphores",
    "exchange_words",
    "methods_of",
    "put_fields",
    "segment_words",
    "vector_words",
]

KINDS = ("multicast", "reduce", "allreduce")
METHODS = ("hardware", *TREES, "doubling", "halving")
"""Of these, doubling is for all-reduces, and halving for them and for reductions."""
_MOST_ELEMENTS = 4095


def methods_of(kind: str) -> tuple[str, ...]:
    """Methods that can do a kind of collective."""
    exchanges = {"multicast": (), "reduce": ("halving",), "allreduce": ("doubling", "halving")}
    return ("hardware", *TREES, *exchanges[kind])


class CollectiveSemaphores(NamedTuple):
    """Semaphores that a collective uses, the same in every tile. Each is back at its count of
    before when all is done.
    """

    done: int = 0
    """One count at each tile that receives the result, once it is in L1 (a tile that passes it on:
    once it has done so).
    """
    data: int = 1
    """Segments that have arrived and are to be passed on."""
    ready: int = 2
    """Segments that the vector engine has combined and the out engine is to send."""
    credit: int = 3
    """Receive buffers that are free again; used with `slots` only."""
    arrive: tuple[int, ...] = tuple(range(4, 20))
    """Segments that have come from each child to be combined."""


@dataclass(frozen=True)
class Collective:
    """What is to be done, by which method.

    The root's words at `source` go to `target` of all other members (multicast); every member's
    words at `source` are combined at `target` of the root (reduce) or of all members (allreduce).
    In hardware a multicast also writes `target` of a root that is a member; halving leaves parts of
    the result at `target` of all members. `source` is only read.
    """

    kind: str
    method: str
    rectangle: Rectangle
    root: TileXY
    words: int
    source: int
    target: int
    scratch: int = 0
    """First of `scratch_words` words of receive buffers (software reductions)."""
    tag: int = 0
    semaphores: CollectiveSemaphores = field(default_factory=CollectiveSemaphores)
    segment: int | None = None
    """Words that a software method passes on at a time; all at once by default."""
    slots: int | None = None
    """Receive buffers per child in a reduction (1, 2 or 4), given back by signals; one per segment
    by default.
    """
    op: ReduceOp = ReduceOp.SUM
    fmt: Format = Format.FP32
    """Format of a hardware reduction; in software it is FP32."""


def vector_words(machine: Machine) -> int:
    """Words that one ADDV or MAXV can take as a row."""
    return _MOST_ELEMENTS // (machine.tile.word_bytes // 4)


def exchange_words(machine: Machine, method: str) -> int:
    """Most words of a collective by an exchange, whose additions are one instruction each; no limit
    for other methods.
    """
    return {"doubling": vector_words(machine), "halving": 2 * vector_words(machine)}.get(
        method, machine.tile.l1_words
    )


def segment_words(machine: Machine, c: Collective) -> int:
    """Words in a segment."""
    size = min(c.segment or c.words, c.words)
    if c.kind != "multicast":
        size = min(size, vector_words(machine))
    return size


def put_fields(
    c: Collective, to: TileXY, words: int, local: int, remote: int, register: int = 0
) -> dict[str, Any]:
    """Operands of a unicast PUT of one row."""
    return {
        "local": local,
        "remote": remote,
        "local_reg": register,
        "remote_reg": register,
        "rows": 1,
        "words": words,
        "x0": to[0],
        "y0": to[1],
        "x1": to[0],
        "y1": to[1],
        "tag": c.tag,
    }
