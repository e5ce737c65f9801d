"""Which experts tokens choose: shares, and how likely a token needs any of a set of experts."""

from dataclasses import dataclass
from functools import cache, cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError

__all__ = ["ExpertRouting", "zipf"]

SAMPLE = 16384
"""Tokens that are drawn where probabilities have no closed form."""


def zipf(experts: int, exponent: float, seed: int = 1) -> tuple[float, ...]:
    """Popularity of experts by Zipf's law, rank^-exponent, in a random order."""
    if exponent < 0:
        raise UserError(f"SKEW must be an exponent from 0 up, not {exponent:g}")
    weights = np.arange(1, experts + 1, dtype=float) ** -exponent
    return tuple(np.random.default_rng(seed).permutation(weights).tolist())


@dataclass(frozen=True)
class ExpertRouting:
    """Every token takes `chosen` of `experts`, from `groups_chosen` of `groups` equal groups.

    With even popularity, loads are exact, and without a limit to some groups so is all else.
    Otherwise a token takes the largest of affinities log(popularity) + Gumbel noise, in the groups
    whose two largest have the largest sum of sigmoids (the rule of DeepSeek-V3, arXiv 2412.19437);
    probabilities are shares among `SAMPLE` tokens, always the same ones.
    """

    experts: int
    chosen: int
    groups: int = 1
    groups_chosen: int = 1
    popularity: tuple[float, ...] = ()
    """Of each expert, of any sum; empty: even."""

    def __post_init__(self) -> None:
        if self.experts % self.groups:
            raise UserError(f"experts: {self.groups} groups must divide {self.experts} experts")
        if not 1 <= self.chosen <= self.groups_chosen * (self.experts // self.groups):
            raise UserError(f"experts: cannot choose {self.chosen} of {self.experts}")
        if self.popularity and len(self.popularity) != self.experts:
            raise UserError(
                f"popularity must have {self.experts} numbers, one for each expert, not "
                f"{len(self.popularity)}"
            )
        if any(weight <= 0 for weight in self.popularity):
            raise UserError("popularity must be above 0 for every expert")

    @property
    def even(self) -> bool:
        """Whether all experts are equally popular."""
        return not self.popularity

    def loads(self) -> NDArray[np.float64]:
        """Mean number of times that a token takes each expert; the sum is `chosen`."""
        if self.even:
            return np.full(self.experts, self.chosen / self.experts)
        return self._drawn.mean(axis=0)

    def reaches(self, parts: int, wanted: frozenset[int]) -> float:
        """Probability that a token takes at least one expert of the `wanted` ones among `parts`
        equal, consecutive parts.
        """
        if self.even and self.groups_chosen == self.groups:
            others = self.experts - len(wanted) * self.experts // parts
            return 1 - comb(others, self.chosen) / comb(self.experts, self.chosen)
        bits = np.zeros(parts, bool)
        bits[sorted(wanted)] = True
        return float((self._taken_parts(parts) & _words(bits)).any(axis=-1).mean())

    @cache  # noqa: B019  # routings are few
    def _taken_parts(self, parts: int) -> NDArray[np.uint64]:
        """Parts that each token of the sample takes experts of, a bit each."""
        taken: NDArray[np.bool_] = np.any(self._drawn.reshape(SAMPLE, parts, -1), axis=2)
        return _words(taken)

    @cached_property
    def _drawn(self) -> NDArray[np.bool_]:
        """Which experts each token of the sample takes: (SAMPLE, experts)."""
        rng = np.random.default_rng(1)
        popularity = np.array(self.popularity or (1.0,))
        scores = np.log(popularity) + rng.gumbel(size=(SAMPLE, self.experts))
        if self.groups_chosen < self.groups:
            by_group = scores.reshape(SAMPLE, self.groups, -1)
            best = np.sort(1 / (1 + np.exp(-by_group)), axis=2)[:, :, -2:].sum(axis=2)
            kept = np.argsort(-best, axis=1)[:, : self.groups_chosen]
            closed = np.ones((SAMPLE, self.groups), bool)
            np.put_along_axis(closed, kept, False, axis=1)
            by_group[closed] = -np.inf
        taken = np.argpartition(-scores, self.chosen - 1, axis=1)[:, : self.chosen]
        drawn = np.zeros((SAMPLE, self.experts), bool)
        np.put_along_axis(drawn, taken, True, axis=1)
        return drawn


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The last axis as bits of words."""
    missing = [(0, 0)] * (bits.ndim - 1) + [(0, -bits.shape[-1] % 64)]
    return np.packbits(np.pad(bits, missing), axis=-1).view(np.uint64)
