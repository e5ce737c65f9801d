"""The kept results, from which pages are made: ``docs/results/<set>.json``."""

import json
from typing import Any

from isa.errors import UserError
from tb.runner import ROOT

__all__ = ["RESULTS", "kept"]

RESULTS = ROOT / "docs" / "results"


def kept(name: str) -> Any:
    """The result of a set.

    Raises
    ------
    UserError
        If there is none.
    """
    path = RESULTS / f"{name}.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f"there is no {path.relative_to(ROOT)}: make measure SET={name} writes it"
        ) from None
