"""Leave out as much as possible of something that fails, as long as it still fails."""

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["reduce_to"]

T = TypeVar("T")


def reduce_to(items: Sequence[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """What is left of `items`, in their order: without any single one of them it does not fail.

    Pieces are left out, all at first, then halves, quarters, down to single items, until no single
    one can go. Where `m` of `n` items matter, `fails` is called about ``2 m log2(n)`` times.
    """
    left, size = list(items), len(items)
    while size and left:
        before = len(left)
        at = 0
        while at < len(left):
            without = left[:at] + left[at + size :]
            if fails(without):
                left = without
            else:
                at += size
        size = min(size, len(left))
        if size > 1:
            size = -(-size // 2)
        elif before == len(left):
            return left
    return left
