"""Ranges of rows or columns, and ways to cut them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Range", "blocks", "share", "share_whole"]


class Range(NamedTuple):
    """`size` rows (or columns) from `start`."""

    start: int
    size: int


@lru_cache(maxsize=256)
def blocks(total: int, size: int) -> Sequence[Range]:
    """Cut `total` into ranges of `size`; the last one may be smaller."""
    return tuple(Range(start, min(size, total - start)) for start in range(0, total, size))


@lru_cache(maxsize=4096)
def share(whole: Range, parts: int, grain: int = 1) -> Sequence[Range]:
    """Cut a range, whole grains, into `parts` that differ by one grain at most, the larger ones
    first; parts may be empty.
    """
    each, more = divmod(whole.size // grain, parts)
    starts = [whole.start + (each * i + min(i, more)) * grain for i in range(parts + 1)]
    return tuple(Range(start, starts[i + 1] - start) for i, start in enumerate(starts[:-1]))


@lru_cache(maxsize=4096)
def share_whole(whole: Range, parts: int, grain: int) -> Sequence[Range]:
    """Cut a range into `parts` of whole grains, but for the end of the last one that is not empty,
    as `share` does.
    """
    end = whole.start + whole.size
    cut = share(Range(0, -(-whole.size // grain)), parts)
    starts = [min(whole.start + part.start * grain, end) for part in cut]
    return tuple(Range(a, b - a) for a, b in zip(starts, [*starts[1:], end], strict=True))
