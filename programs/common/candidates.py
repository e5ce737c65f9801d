"""Candidates of a tiling rule, thousands of them as arrays: what fits L1, and what it is estimated
to take.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.machine import Tile
from programs.common.l1 import L1Buffers

__all__ = ["Batch", "Fitting", "Ranking", "that_fit"]

M = TypeVar("M")


@dataclass(frozen=True)
class Batch(Generic[M]):
    """Candidates that differ in a few numbers only, as arrays."""

    order: NDArray[np.int64]
    """Place of each in the order in which candidates are tried: equals keep it."""
    mapping: M
    """All of them, with an array in place of each such number."""
    varied: tuple[str, ...]
    """The fields that are arrays."""

    def __len__(self) -> int:
        return len(self.order)

    def one(self, index: int) -> M:
        """One of them."""
        return self._with(lambda values: int(values[index]))

    def only(self, chosen: NDArray) -> "Batch[M]":
        """Those of a mask or of indices."""
        return Batch(self.order[chosen], self._with(lambda values: values[chosen]), self.varied)

    def _with(self, change: Callable[[NDArray], Any]) -> M:
        mapping: Any = self.mapping
        return replace(mapping, **{name: change(getattr(mapping, name)) for name in self.varied})


class Fitting(Generic[M]):
    """The candidates that fit L1: `words` and estimated `cycles` of each, its place in the `order`
    in which they are tried, and the number of its batch, its `kind`.
    """

    def __init__(
        self,
        batches: Sequence[Batch[M]],
        words: Sequence[NDArray[np.int64]],
        cycles: Sequence[NDArray[np.float64]],
    ):
        self._batches = batches
        self.kind = np.repeat(np.arange(len(batches)), [len(batch) for batch in batches])
        self._ends = np.cumsum([len(batch) for batch in batches])
        self.order = np.concatenate([batch.order for batch in batches])
        self.words, self.cycles = np.concatenate(words), np.concatenate(cycles)

    def __len__(self) -> int:
        return len(self.order)

    def one(self, index: int) -> M:
        """A candidate, by its place in the arrays."""
        number = int(self.kind[index])
        batch = self._batches[number]
        return batch.one(index - int(self._ends[number]) + len(batch))


class Ranking(Sequence[M]):
    """Mappings in order, the best first; those behind the closest ones are made when they are
    asked for.
    """

    def __init__(
        self,
        first: Sequence[M],
        fitting: Fitting[M],
        others: NDArray[np.int64],
        finish: Callable[[M], M] = lambda mapping: mapping,
    ):
        self._first, self._fitting, self._others = first, fitting, others
        self._finish = finish

    def finished(self, finish: Callable[[M], M]) -> "Ranking[M]":
        """The same order, with `finish` of each mapping when it is asked for."""
        return Ranking(self._first, self._fitting, self._others, finish)

    def __len__(self) -> int:
        return len(self._first) + len(self._others)

    @overload
    def __getitem__(self, index: int) -> M: ...
    @overload
    def __getitem__(self, index: slice) -> list[M]: ...
    def __getitem__(self, index: int | slice) -> M | list[M]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        place = range(len(self))[index] - len(self._first)
        one = self._first[place] if place < 0 else self._fitting.one(int(self._others[place]))
        return self._finish(one)


def that_fit(
    tile: Tile,
    batches: Iterable[Batch[M]],
    layout_of: Callable[[M], L1Buffers],
    cycles_of: Callable[[M], Any],
    too_large: Callable[[int, M], UserError],
) -> Fitting[M]:
    """The candidates that fit L1.

    Parameters
    ----------
    layout_of
        What a mapping takes; raises `UserError` where it is not possible at all.
    cycles_of
        The estimate of a mapping.
    too_large
        The error if none fits, made from the words and the mapping that come nearest.

    Raises
    ------
    UserError
        If there is none: `too_large`, or where no candidate is possible, why the last one is not.
    """
    kept: list[tuple[Batch[M], NDArray[np.int64], NDArray[np.float64]]] = []
    smallest: tuple[int, int, M] | None = None
    last: tuple[int, M] | None = None
    for batch in batches:
        if last is None or batch.order[-1] > last[0]:
            last = int(batch.order[-1]), batch.one(-1)
        try:
            layout = layout_of(batch.mapping)
        except UserError:
            continue
        batch, words = _possible(batch, layout)
        if not len(words):
            continue
        least = np.lexsort((batch.order, words))[0]
        nearest = int(words[least]), int(batch.order[least])
        if smallest is None or nearest < smallest[:2]:
            smallest = *nearest, batch.one(int(least))
        if (fits := words <= tile.l1_words).any():
            batch = batch.only(fits)
            cycles = np.broadcast_to(np.asarray(cycles_of(batch.mapping), float), len(batch))
            kept.append((batch, words[fits], cycles))
    if not kept:
        if smallest is None:
            assert last is not None
            layout_of(last[1])
            raise AssertionError("what arrays refuse, one mapping must refuse")
        raise too_large(smallest[0], smallest[2])
    found, words_of, cycles_of_each = zip(*kept, strict=True)
    return Fitting(found, words_of, cycles_of_each)


def _possible(batch: Batch[M], layout: L1Buffers) -> tuple[Batch[M], NDArray[np.int64]]:
    """What is possible of a batch, and its words."""
    possible = np.broadcast_to(layout.possible, len(batch))
    words = np.broadcast_to(layout.words, len(batch))
    return batch.only(possible), words[possible]
