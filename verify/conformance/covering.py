"""Covering designs: few combinations of levels in which any two (or three) levels of different
factors meet.

Greedy, one combination at a time, as in AETG (Cohen et al., IEEE TSE 23(7), 1997): of some
candidates, each built factor by factor in a random order from the level that covers the most new
tuples, take the best.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

__all__ = ["covering"]

_CANDIDATES = 12


def covering(
    factors: Mapping[str, Sequence],
    strength: int,
    seed: int,
    *,
    loose: Sequence[str] = (),
    allowed: Callable[[Mapping[str, object]], bool] = lambda row: True,
) -> list[dict[str, Any]]:
    """Combinations in which every `strength` levels of different factors occur together; `loose`
    factors are drawn at random.

    What is not `allowed`, a function of some or all levels of a combination, does not occur: every
    allowed part of a combination must have a level of each other factor that is allowed with it.
    The same arguments give the same design.
    """
    rng = random.Random(seed)
    names = [name for name in factors if name not in loose]
    design = _Design(factors, names, strength, allowed)
    missing = design.all_tuples()
    rows = []
    while missing:
        first = min(missing, key=lambda tuple_: sorted(map(repr, tuple_)))
        best = max(
            (design.candidate(rng, first, missing) for _ in range(_CANDIDATES)), key=lambda c: c[0]
        )
        row = best[1]
        missing -= design.tuples(row)
        for name in loose:
            row[name] = rng.choice(
                [level for level in factors[name] if allowed(row | {name: level})]
            )
        rows.append({name: row[name] for name in factors})
    return rows


@dataclass(frozen=True)
class _Design:
    """What must occur together, see `covering`."""

    factors: Mapping[str, Sequence]
    names: Sequence[str]
    """Of the factors that are not loose."""
    strength: int
    allowed: Callable[[Mapping[str, object]], bool]

    def all_tuples(self) -> set[frozenset]:
        return {
            frozenset(zip(chosen, levels, strict=True))
            for chosen in combinations(self.names, self.strength)
            for levels in product(*(self.factors[name] for name in chosen))
            if self.allowed(dict(zip(chosen, levels, strict=True)))
        }

    def tuples(self, row: Mapping[str, object]) -> set[frozenset]:
        """Those in a combination."""
        there = [name for name in self.names if name in row]
        return {
            frozenset((name, row[name]) for name in chosen)
            for chosen in combinations(there, self.strength)
        }

    def candidate(
        self, rng: random.Random, first: frozenset, missing: set[frozenset]
    ) -> tuple[int, dict[str, object]]:
        """Return a combination that holds `first`, and how many missing tuples it covers."""
        row = dict(first)
        rest = [name for name in self.names if name not in row]
        rng.shuffle(rest)
        for name in rest:
            levels = [level for level in self.factors[name] if self.allowed(row | {name: level})]
            rng.shuffle(levels)
            others = [(other, row[other]) for other in self.names if other in row]

            def gain(level: object, name: str = name, others: list = others) -> int:
                return sum(
                    frozenset([*chosen, (name, level)]) in missing
                    for chosen in combinations(others, self.strength - 1)
                )

            row[name] = max(levels, key=gain)
        return len(self.tuples(row) & missing), row
