"""Specs of workloads: ``key=value,...`` after the kind, whole numbers all."""

import re
from collections.abc import Iterable, Sequence

from isa.errors import UserError

__all__ = ["MOST", "whole_numbers"]

MOST = 1 << 24
"""Largest size of anything in a workload."""


def whole_numbers(
    where: str,
    items: Iterable[str],
    keys: Sequence[str],
    example: str,
    *,
    flags: Sequence[str] = (),
) -> dict[str, int]:
    """Read items like ``S=512``: numbers from 1 to `MOST`, or 0 and 1 for `flags`.

    Raises
    ------
    UserError
        One line that begins with `where` and says what is wrong with which item.
    """
    values: dict[str, int] = {}
    for item in items:
        match = re.fullmatch(r"\s*(\w+)\s*=\s*([0-9]{1,8})\s*", item, re.ASCII)
        if not match:
            raise UserError(f"{where}: {item!r} must be KEY=WHOLE NUMBER ({example})")
        key, value = match[1], int(match[2])
        if key not in keys:
            raise UserError(f"{where}: unknown key {key!r}; keys are {', '.join(keys)}")
        if key in values:
            raise UserError(f"{where}: {key} is given twice")
        if key in flags and value > 1:
            raise UserError(f"{where}: {key} must be 0 or 1, not {value}")
        if key not in flags and not 1 <= value <= MOST:
            raise UserError(f"{where}: {key} must be from 1 to {MOST}, not {value}")
        values[key] = value
    return values
