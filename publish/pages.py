"""The parts of README and docs that are made from the code and from kept results.

A part stands between ``<!-- generated: marker -->`` and ``<!-- end: marker -->``.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from isa.errors import UserError
from publish import (
    ablation,
    attention,
    bench,
    conformance,
    conformance_cycles,
    formal,
    manual,
    paper,
    races,
    readme,
    rooms,
    tuning,
)
from publish.calibration import page as calibration
from publish.explore import report as explore
from publish.extrapolation import tables as extrapolation
from publish.noc import page as noc
from publish.results import kept
from publish.tour import page as tour
from publish.validation import page as validation
from publish.wafer import report as wafer
from tb.files import write
from tb.runner import ROOT
from verify.conformance import special_values

__all__ = ["FROM_CODE", "FROM_RESULTS", "PICTURES", "pages", "render", "update"]

FROM_CODE: dict[str, Callable[[], str]] = {
    "errors": manual.errors,
    "tables": manual.instructions,
    "special values": special_values.table,
    "conformance unseen": conformance_cycles.unseen_table,
}
"""Marker to the maker of what stands there."""

PICTURES: dict[str, Callable[[], str]] = {"docs/rooms.svg": rooms.picture}
"""File to the maker of all of it, from the code."""

FROM_RESULTS: dict[str, Mapping[str, Callable[[Any], str]]] = {
    "tables": {**attention.MAIN_TABLES, "make sim": readme.sim_output},
    "variants": {**attention.VARIANT_TABLES, "answer": readme.answer},
    "noc": {"noc table": noc.page_table},
    "formal": {"formal table": formal.page_table},
    "ablation": {"ablation table": ablation.page_table},
    "races": {
        "races table": lambda r: races.family_table(r).markdown(),
        "races removed": races.removed,
        "races said": races.said,
    },
    "conformance": {
        "conformance table": lambda r: conformance.summary_table(r).markdown(),
        "conformance mutations": lambda r: conformance.mutation_table(r).markdown(),
    },
    "cases": {"conformance cycles": lambda r: conformance_cycles.floor_table(r).markdown()},
    "tuning": {
        "tuned set": partial(tuning.page_table, listed=True),
        "tuned others": partial(tuning.page_table, listed=False),
    },
    "rule": {"rule estimates": tuning.estimate_table, "rule reads": tuning.reads_table},
    "tour": tour.MAKERS,
    "explore": {"explore table": explore.page_table},
    "extrapolation": extrapolation.MAKERS,
    **calibration.MAKERS,
    **validation.MAKERS,
    "paper": paper.MAKERS,
    "bench": {"speed table": bench.speed_table},
    "wafer": wafer.MAKERS,
}
"""Set to marker to maker, which takes the result of the set and rejects one that is wrong."""

_PART = re.compile(r"<!-- generated: ([^>]+) -->(?:.*?<!-- end: \1 -->)?", re.DOTALL)


def pages() -> list[Path]:
    """Every page that has a generated part."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if _PART.search(path.read_text())]


def render(page: str, results: Callable[[str], Any] = kept) -> str:
    """Bring all generated parts of a page up to date; `results` gives the result of a set.

    Raises
    ------
    UserError
        If nothing makes a marker, or a result is missing or wrong.
    """

    def part(found: re.Match) -> str:
        name = found[1]
        return f"<!-- generated: {name} -->\n{_make(name, results)}\n<!-- end: {name} -->"

    return _PART.sub(part, page)


def _make(marker: str, results: Callable[[str], Any]) -> str:
    if marker in FROM_CODE:
        return FROM_CODE[marker]()
    for name, makers in FROM_RESULTS.items():
        if marker in makers:
            return makers[marker](results(name))
    raise UserError(f"nothing makes the generated part {marker!r}: see publish/pages.py")


def update(results: Callable[[str], Any] = kept) -> dict[str, bool]:
    """Rewrite all pages and pictures, or none if anything is wrong: whether each, by name, has
    changed.
    """
    results = cache(results)
    made = {path: render(path.read_text(), results) for path in pages()}
    made |= {ROOT / name: make() for name, make in PICTURES.items()}
    changed = {path: not path.exists() or text != path.read_text() for path, text in made.items()}
    for path in filter(changed.get, made):
        write(path, made[path])
    return {str(path.relative_to(ROOT)): differs for path, differs in changed.items()}
