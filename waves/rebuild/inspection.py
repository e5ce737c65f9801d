"""What an inspection finds: collectives with their way through the mesh, and problems."""

from dataclasses import dataclass, field

from isa.geometry import Rectangle, TileXY
from programs.text.listing import Listing
from waves.read.recording import Link, Recording

__all__ = ["Hop", "Inspection", "Problem", "Transfer", "area"]


def area(rectangle: tuple[int, int, int, int]) -> str:
    """A rectangle of tiles in words."""
    x0, y0, x1, y1 = rectangle
    return f"({x0},{y0})" if (x0, y0) == (x1, y1) else f"({x0},{y0})-({x1},{y1})"


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be."""

    cycle: int
    tile: TileXY
    what: str
    transfer: int | None = None
    """Number of the transfer it belongs to, if that is known."""
    message: int | None = None
    """Number of the message it was found with, from which the transfer follows."""
    alike: str = ""
    """Problems of one transfer at one tile for which this is the same are told once; empty: each is
    told.
    """

    def __str__(self) -> str:
        return f"cycle {self.cycle}, tile ({self.tile[0]},{self.tile[1]}): {self.what}"


@dataclass
class Hop:
    """What a transfer did on one link."""

    link: Link
    flits: int = 0
    first: int = -1
    """Cycle in which its first flit was taken."""
    last: int = -1
    fork_wait: int = 0
    """Cycles that flits left later by this link than by the first of the other branches of their
    fork.
    """
    join_wait: int = 0
    """Cycles that flits waited at the end of this link for the others of their join."""
    blocked: int = 0
    """Cycles in which a flit was offered on this link and not taken."""
    offered: int = -1
    """Cycle in which its first flit was offered."""


@dataclass
class Transfer:
    """A transfer of one instruction (of one instruction per member, for a reduction).

    Attributes
    ----------
    number
        In the order of issue, from 0.
    kind
        ``load``, ``store``, ``put``, ``reduce``, ``allreduce`` for a reduction that turns, or
        ``signal`` for a count that goes to another tile's semaphore.
    op
        ``sum`` or ``max``; None for the others.
    root
        The receiving tile of a reduction, the sending tile of a put, the HBM channel's tile of a
        load or store.
    rectangle
        Receivers of a load or put, members of a reduction, the sender of a store.
    words
        Words that each member sends or receives.
    issued
        Cycle of issue by tile: of each member of a reduction, else of the one tile that asked.
    completed
        Cycle in which the last word left the network, by receiver: a tile of the rectangle, or the
        root of a reduction. For a store, the channel's tile, and the cycle of the last word that
        enters the channel.
    hops
        By link, in the order of first use.
    start
        Cycle from which the latency counts: of the issue of the last member; of a load, in which
        the channel offers the first word.
    bound
        Cycles that no network of this kind can beat: hops to the farthest tile, and a cycle a word
        (or what the HBM channel takes for a word); twice the hops for an all-reduce. `latency` over
        it is `rho`.
    begin, end
        First and last cycle of anything that belongs to it.
    cut
        An instruction of it was issued before the window.
    whole
        Everything of it lies in the window.
    """

    number: int
    tag: int
    kind: str
    op: str | None
    root: TileXY
    rectangle: Rectangle
    words: int
    bytes: int
    issued: dict[TileXY, int] = field(default_factory=dict)
    completed: dict[TileXY, int] = field(default_factory=dict)
    hops: list[Hop] = field(default_factory=list)
    start: int = -1
    bound: int = 0
    begin: int = -1
    end: int = -1
    cut: bool = False
    whole: bool = False

    @property
    def is_collective(self) -> bool:
        """Whether it is one to the user: a reduction, or a load or put to more than one tile."""
        return "reduce" in self.kind or (
            self.kind in ("load", "put") and len(self.rectangle.tiles()) > 1
        )

    @property
    def name(self) -> str:
        """What it is in words."""
        return f"{self.kind} {self.op or ''}".strip() + f" with tag {self.tag}"

    @property
    def latency(self) -> int:
        """Cycles from `start` to the last word, both included."""
        return self.end - self.start + 1

    @property
    def rho(self) -> float:
        """Latency over bound; 1 cannot be beaten. NaN if it is not whole."""
        return self.latency / self.bound if self.whole and self.bound else float("nan")


@dataclass
class Inspection:
    """A recording, what was moved in it, and what is wrong with it."""

    recording: Recording
    transfers: list[Transfer]
    problems: list[Problem]
    listing: Listing | None = None
    """The program text that was run, if it is known: semaphores and instructions have its names."""

    @property
    def collectives(self) -> list[Transfer]:
        """The transfers that are collectives."""
        return [transfer for transfer in self.transfers if transfer.is_collective]
