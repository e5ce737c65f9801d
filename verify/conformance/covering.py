"""Covering designs: few combinations of levels in which any two (or three) levels of different
factors meet.

Greedy, one combination at a time, as in AETG (Cohen et al., IEEE TSE 23(7), 1997): of some
candidates, each built factor by factor in a random order from the level that covers the most new
tuples, take the best.
"""

import random
from collections.abc import Callable, Mapping, Sequence
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
    missing: set[frozenset] = {
        frozenset(zip(chosen, levels, strict=True))
        for chosen in combinations(names, strength)
        for levels in product(*(factors[name] for name in chosen))
        if allowed(dict(zip(chosen, levels, strict=True)))
    }
    rows = []
    while missing:
        first = min(missing, key=lambda tuple_: sorted(map(repr, tuple_)))
        best = max(
            (
                _candidate(rng, factors, names, strength, first, missing, allowed)
                for _ in range(_CANDIDATES)
            ),
            key=lambda c: c[0],
        )
        row = best[1]
        missing -= _tuples(row, names, strength)
        for name in loose:
            row[name] = rng.choice(
                [level for level in factors[name] if allowed(row | {name: level})]
            )
        rows.append({name: row[name] for name in factors})
    return rows


def _tuples(row: Mapping[str, object], names: Sequence[str], strength: int) -> set[frozenset]:
    there = [name for name in names if name in row]
    return {
        frozenset((name, row[name]) for name in chosen) for chosen in combinations(there, strength)
    }


def _candidate(
    rng: random.Random,
    factors: Mapping[str, Sequence],
    names: Sequence[str],
    strength: int,
    first: frozenset,
    missing: set[frozenset],
    allowed: Callable[[Mapping[str, object]], bool],
) -> tuple[int, dict[str, object]]:
    """Return a combination that holds `first`, and how many missing tuples it covers."""
    row = dict(first)
    rest = [name for name in names if name not in row]
    rng.shuffle(rest)
    for name in rest:
        levels = [level for level in factors[name] if allowed(row | {name: level})]
        rng.shuffle(levels)
        others = [(other, row[other]) for other in names if other in row]

        def gain(level: object, name: str = name, others: list = others) -> int:
            return sum(
                frozenset([*chosen, (name, level)]) in missing
                for chosen in combinations(others, strength - 1)
            )

        row[name] = max(levels, key=gain)
    return len(_tuples(row, names, strength) & missing), row
