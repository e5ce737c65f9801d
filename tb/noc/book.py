"""The scoreboard: what has to arrive where, against what did. Exactly once, nowhere else, in order,
bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tb.noc.play import Outcome

__all__ = ["Book", "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a run: counts, all 0 if nothing is."""

    arrived: int
    oldest: int
    """Cycles of the longest way from the source's port to a sink."""
    missing: int = 0
    """Copies that did not arrive."""
    extra: int = 0
    """Arrivals that nobody expected: a copy too many, or at the wrong end."""
    reordered: int = 0
    """Arrivals at another place in the sequence of their source."""
    corrupted: int = 0
    """Arrivals whose bits are not those that were expected."""
    broken: int = 0
    """Ends at which an offer was changed or taken back."""
    left: int = 0
    """Reduction routers that still held a flit when everything had arrived."""
    hung: int = 0
    mismatches: int = 0
    """Reduction routers that reported an error."""
    first: str = ""
    """What the first wrong thing is."""

    @property
    def faults(self) -> dict[str, int]:
        """What is not as it has to be."""
        names = (
            "missing",
            "extra",
            "reordered",
            "corrupted",
            "broken",
            "left",
            "hung",
            "mismatches",
        )
        return {name: count for name in names if (count := getattr(self, name))}

    def __str__(self) -> str:
        return (
            ", ".join(f"{count} {name}" for name, count in self.faults.items()) + f": {self.first}"
            if self.faults
            else "ok"
        )


@dataclass
class Book:
    """What has to arrive: numbered items, each at a set of ends, those of one source in the order
    of their numbers.
    """

    source: NDArray
    """By item: who sends it (an end, or a collective)."""
    flits: NDArray[np.uint32]
    """By item: the bits that arrive."""
    item: NDArray
    target: NDArray
    """By copy: the item, and the end at which it has to arrive."""
    identify: Callable[[NDArray[np.uint32]], NDArray]
    """Reads the numbers of items from flits."""

    def check(self, outcome: Outcome, *, entered: NDArray | None = None) -> Verdict:
        """Compare with what arrived. `entered`: by item, the cycle in which it entered the network,
        for its age.
        """
        count = len(self.source)
        number = self.identify(outcome.flits)
        known = (number >= 0) & (number < count)
        number = np.where(known, number, 0)
        wrong = ~known | (outcome.flits != self.flits[number]).any(axis=1)
        oldest = 0
        if entered is not None and len(number):
            oldest = int((outcome.cycle - entered[number])[known].max(initial=0))
        # Both sorted by (target, source), stably: then each sequence has to be the same, item by
        # item.
        expected = np.lexsort((self.item, self.source[self.item], self.target))
        want = np.stack([self.target[expected], self.item[expected]])
        got = np.lexsort((self.source[number], outcome.target))
        have = np.stack([outcome.target[got], number[got]])
        others = {
            "corrupted": int(wrong.sum()),
            "broken": outcome.broken.bit_count(),
            "hung": int(outcome.hung),
            "mismatches": outcome.mismatch.bit_count(),
            "left": 0 if outcome.hung else outcome.waiting.bit_count(),
        }
        if want.shape == have.shape and (want == have).all():
            first = (
                f"item {number[wrong][0]} at end {outcome.target[wrong][0]}" if wrong.any() else ""
            )
            return Verdict(len(number), oldest, **others, first=first)
        keys = [target * count + item for target, item in (want, have)]
        values, index = np.unique(np.concatenate(keys), return_inverse=True)
        wanted, found = (
            np.bincount(part, minlength=len(values)) for part in np.split(index, [len(keys[0])])
        )
        missing, extra = np.maximum(wanted - found, 0), np.maximum(found - wanted, 0)
        # Order: among the arrivals that are as they have to be, the places that change when they
        # are sorted.
        once = np.flatnonzero(((wanted == 1) & (found == 1))[index[len(keys[0]) :]])
        target, item = have[:, once]
        right = np.lexsort((item, self.source[item], target))
        reordered = int((item[right] != item).sum())
        first = next(
            f"{what} item {values[found_at[0]] % count} of "
            f"{self.source[values[found_at[0]] % count]} at end {values[found_at[0]] // count}"
            for what, found_at in (
                ("missing", np.flatnonzero(missing)),
                ("extra", np.flatnonzero(extra)),
                ("reordered", np.searchsorted(values, keys[1][once][item[right] != item])),
            )
            if len(found_at)
        )
        return Verdict(
            len(number),
            oldest,
            int(missing.sum()),
            int(extra.sum()),
            reordered,
            **others,
            first=first,
        )
