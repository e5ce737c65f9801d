"""The window of a run in which a given collective happens."""

from isa.errors import UserError
from waves.rebuild.inspection import Inspection, Transfer

__all__ = ["MARGIN", "find", "parse_collective", "window_of"]

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
    if not (
        tag.isdecimal()
        and int(tag) < 256
        and (number.isdecimal() and int(number) > 0 if ":" in text else True)
    ):
        raise UserError(
            "COLLECTIVE must be a tag from 0 to 255, or TAG:NUMBER with numbers from 1 up, not "
            f"{text!r}"
        )
    return int(tag), int(number or 1)


def find(inspection: Inspection, tag: int, number: int) -> Transfer:
    """The `number`-th transfer with a tag, in the order of issue, signals apart.

    Raises
    ------
    UserError
        If nothing has this tag, or not so often.
    """
    moves = [transfer for transfer in inspection.transfers if transfer.kind != "signal"]
    mine = [transfer for transfer in moves if transfer.tag == tag]
    if not mine:
        tags = ", ".join(map(str, sorted({transfer.tag for transfer in moves})))
        raise UserError(
            f"COLLECTIVE={tag}: nothing here has the tag {tag}; there are {tags or 'none at all'}"
        )
    if number > len(mine):
        raise UserError(
            f"COLLECTIVE={tag}:{number}: only {len(mine)} transfers here have the tag {tag}"
        )
    return mine[number - 1]


def window_of(transfer: Transfer) -> tuple[int, int]:
    """First and last cycle to show of a transfer, with a margin."""
    return max(0, transfer.begin - MARGIN), transfer.end + MARGIN
