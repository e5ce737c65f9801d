"""The one exception a user of flatmesh is meant to see."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["UserError", "meant"]


class UserError(ValueError):
    """Bad input: one line that says what is wrong, where, and what would be right."""


def meant(word: str, known: Iterable[str]) -> str:
    """What would be right instead of an unknown word: the nearest one, or all there are."""
    words = list(known)
    near = get_close_matches(word, words, 1)
    return f"did you mean {near[0]!r}?" if near else f"must be one of {', '.join(words) or 'none'}"
