"""What the pages for contributors name is there."""

import re
from pydoc import locate

import pytest

from tb.runner import ROOT

PAGES = (
    "CONTRIBUTING.md",
    "docs/architecture.md",
    *(f"docs/decisions/{name}.md" for name in ("0010-rooms", "0011-native-mesh")),
)
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
PLACES = (*ROOMS, "tests", "docs", "examples")


def missing(text: str) -> list[str]:
    """Names and paths in back quotes, from our rooms, that lead nowhere."""
    names = re.findall(rf"`((?:{'|'.join(ROOMS)})(?:\.\w+)+)`", text)
    paths = re.findall(rf"`((?:{'|'.join(PLACES)})/[\w./-]*)`", text)
    lost = [path for path in paths if not (ROOT / path).exists()]
    return lost + [name for name in names if locate(name) is None]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page):
    assert not missing((ROOT / page).read_text())


def test_a_name_that_leads_nowhere_is_found():
    text = "`isa.machine.load`, `isa.machine.load_machine`, `hw/nowhere.py`, `hw/tile`, `no.name`"
    assert missing(text) == ["hw/nowhere.py", "isa.machine.load"]
