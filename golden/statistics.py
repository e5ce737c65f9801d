"""What a run of the golden machine counted."""

from collections import Counter
from dataclasses import dataclass, field

from isa.geometry import Rectangle
from isa.instructions import Opcode

__all__ = ["CollectiveRecord", "Statistics"]


@dataclass(frozen=True, slots=True)
class CollectiveRecord:
    """A multicast or a reduction, in the order in which they happened to be served.

    `root` is the receiving tile of a reduction, the sending tile of a put, and the HBM channel's
    tile of a load.
    """

    tag: int
    kind: str
    """load, put, reduce, or allreduce for a reduction that turns."""
    op: str | None
    """sum or max; None for a multicast."""
    root: tuple[int, int]
    rectangle: Rectangle
    words: int
    """Words each member sends (reduction) or receives."""


@dataclass(slots=True)
class Statistics:
    """Totals of a run."""

    macs: int = 0
    """Useful multiply-accumulates: the sum of m*n*k."""
    hbm_words_read: list[int] = field(default_factory=list)
    """Words read from each channel; a multicast reads a word once."""
    hbm_words_written: list[int] = field(default_factory=list)
    """Words written to each channel."""
    instructions: Counter[Opcode] = field(default_factory=Counter)
    """Instructions executed, by opcode."""
    collectives: list[CollectiveRecord] = field(default_factory=list)
    """Every reduction, and every load and put to more than one tile."""
