"""The window of a run in which a given collective happens."""

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.status import Event

__all__ = ["MARGIN", "parse_collective", "window_of"]

MARGIN = 20
"""Cycles to show before the first and after the last sign of a collective."""


def parse_collective(text: str) -> tuple[int, int]:
    """Tag and number of ``TAG`` or ``TAG:NUMBER``; the first has the number 1.

    Raises
    ------
    UserError
        If it is neither.
    """
    tag, _, number = text.partition(":")
    if not (tag.isdecimal() and int(tag) < 256 and (number.isdecimal() and int(number) > 0 if ":" in text else True)):
        raise UserError(f"COLLECTIVE must be a tag from 0 to 255, or TAG:NUMBER with numbers from 1 up, not {text!r}")
    return int(tag), int(number or 1)


def window_of(events: NDArray, tag: int, number: int) -> tuple[int, int]:
    """First and last cycle of what the tiles do for the `number`-th time with a tag, with a margin.

    The same tag may be in use in several places of the mesh at once: all of them are in the window. A tile that issues it
    again begins the next time.

    Parameters
    ----------
    events
        All events of the run (`tb.mesh.EVENTS`).

    Raises
    ------
    UserError
        If nothing has this tag, or not so often.
    """
    issues = events[np.isin(events["kind"], (Event.ISSUE_LOAD, Event.ISSUE_OUT))]
    mine = issues[issues["tag"] == tag]
    if not len(mine):
        there = ", ".join(map(str, np.unique(issues["tag"])))
        raise UserError(f"COLLECTIVE={tag}: nothing in this run has the tag {tag}; there are {there or 'none at all'}")
    begins, seen = [], set()
    for cycle, *tile in zip(mine["cycle"].tolist(), mine["x"].tolist(), mine["y"].tolist(), strict=True):
        if not begins or tuple(tile) in seen:
            begins.append(cycle)
            seen.clear()
        seen.add(tuple(tile))
    if number > len(begins):
        raise UserError(f"COLLECTIVE={tag}:{number}: tag {tag} is used {len(begins)} times in this run")
    first = begins[number - 1]
    until = begins[number] if number < len(begins) else np.iinfo(np.int64).max
    signs = events["cycle"][(events["tag"] == tag) & (events["cycle"] >= first) & (events["cycle"] < until)]
    return max(0, first - MARGIN), int(signs.max()) + MARGIN
