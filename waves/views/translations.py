"""Names for numbers: what a viewer shows instead of an opcode, a state or a flit's kind. Made from
the enums themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from isa.instructions import OPCODES_OF, EdgePort, Format, Opcode, Queue, ReduceOp
from isa.packets import FlitKind
from isa.status import L1_CLIENTS, QueueState

__all__ = ["TRANSLATIONS", "Entry", "Translation"]

ENGINE_COLOURS = {
    Queue.MATRIX: "royalblue",
    Queue.VECTOR: "seagreen",
    Queue.LOAD: "chocolate",
    Queue.OUT: "mediumpurple",
}
STATE_COLOURS = {
    QueueState.FETCH: "steelblue",
    QueueState.WAIT0: "firebrick",
    QueueState.WAIT1: "indianred",
    QueueState.ENGINE: "darkgoldenrod",
    QueueState.DRAIN: "mediumpurple",
    QueueState.HALTED: "dimgray",
    QueueState.ERROR: "red",
}
KIND_COLOURS = {
    FlitKind.WRITE: "seagreen",
    FlitKind.PROGRAM: "dimgray",
    FlitKind.SIGNAL: "darkgoldenrod",
}
REDUCE_COLOURS = {ReduceOp.SUM: "royalblue", ReduceOp.MAX: "chocolate"}


@dataclass(frozen=True)
class Entry:
    """One value's name, and the X11 colour it is drawn in (None: the viewer's own)."""

    value: int
    text: str
    colour: str | None = None


@dataclass(frozen=True)
class Translation:
    """Names of the values of a kind of signal."""

    name: str
    entries: tuple[Entry, ...]


def _of(name: str, members: type[Enum], colours: Mapping[Any, str] | None = None) -> Translation:
    return Translation(
        name,
        tuple(Entry(member.value, member.name, (colours or {}).get(member)) for member in members),
    )


def _l1_waits() -> Translation:
    """Every set of L1 clients, as the bits of ``waits`` show them."""
    sets = (
        [client for bit, client in enumerate(L1_CLIENTS) if value >> bit & 1]
        for value in range(1 << len(L1_CLIENTS))
    )
    return Translation(
        "l1_waits",
        tuple(
            Entry(value, "+".join(s) or "-", "firebrick" if s else None)
            for value, s in enumerate(sets)
        ),
    )


TRANSLATIONS: dict[str, Translation] = {
    one.name: one
    for one in (
        _of("queue_state", QueueState, STATE_COLOURS),
        _of(
            "opcode",
            Opcode,
            {code: ENGINE_COLOURS[queue] for queue, codes in OPCODES_OF.items() for code in codes},
        ),
        _of("flit_kind", FlitKind, KIND_COLOURS),
        _of("reduce_op", ReduceOp, REDUCE_COLOURS),
        _of("format", Format),
        _of("edge_port", EdgePort),
        _l1_waits(),
    )
}
"""By name."""
