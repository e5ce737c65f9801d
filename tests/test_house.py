"""The house keeps its rules: who may import whom, and that generated documents are up to date."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from publish.pages import PICTURES, pages, render
from publish.rooms import imported

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "isa",
    "hw",
    "golden",
    "programs",
    "model",
    "tb",
    "verify",
    "waves",
    "publish",
    "scripts",
    "tests",
)
MAY_IMPORT = {
    "isa": {"isa"},
    "hw": {"hw", "isa"},
    "golden": {"golden", "isa"},
    "programs": {"programs", "isa"},
    "model": {"model", "isa", "programs"},
    "tb": {"tb", "isa", "hw", "golden", "programs"},
    "verify": {"verify", "tb", "isa", "hw", "golden", "programs"},
    "waves": {"waves", "isa", "golden", "programs"},
    "publish": set(ROOMS) - {"scripts", "tests"},
    "scripts": set(ROOMS) - {"tests"},
    "tests": set(ROOMS),
}


TWICE = {"Instruction", "Mesh", "Tile"}
"""Names of two classes: what the contract describes, and the hardware that is it. No others may
be.
"""


@pytest.mark.parametrize("room", [room for room in ROOMS if (ROOT / room).is_dir()])
def test_a_room_imports_only_what_it_may(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    wrong = {
        str(path.relative_to(ROOT)): extra
        for path in files
        if (extra := imported(path) & set(ROOMS) - MAY_IMPORT[room])
    }
    assert not wrong


def test_the_import_rule_sees_a_breach(tmp_path):
    path = tmp_path / "breach.py"
    path.write_text("def f():\n    from golden.machine import GoldenMachine\n")
    assert imported(path) == {"golden"}


def classes(path: Path) -> set[str]:
    """Public classes that a file defines."""
    body = ast.parse(path.read_text()).body
    return {node.name for node in body if isinstance(node, ast.ClassDef) and node.name[0] != "_"}


def test_a_class_name_means_one_thing():
    rooms = [ROOT / room for room in ROOMS if room != "tests"]
    found = Counter(name for room in rooms for path in room.rglob("*.py") for name in classes(path))
    assert {name for name, count in found.items() if count > 1} == TWICE


def imported_parts(part: str) -> set[str]:
    """Parts of `programs` that one of them imports, itself included."""
    found = set()
    for path in (ROOT / "programs" / part).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name.split(".")[1] for name in names if name.startswith("programs.")}
    return found


def test_kinds_of_workloads_do_not_know_each_other():
    # Attention still takes forwarding trees from collectives, and common the members of them.
    assert imported_parts("attention") <= {"attention", "common", "collectives"}
    assert imported_parts("gemm") <= {"gemm", "common"}
    assert imported_parts("common") <= {"common", "collectives"}


def test_generated_tables_are_up_to_date():
    for page in pages():
        assert render(page.read_text()) == page.read_text(), "run make docs"
    for name, make in PICTURES.items():
        assert (ROOT / name).read_text() == make(), "run make docs"


def test_isa_knows_no_hardware():
    for path in (ROOT / "isa").rglob("*.py"):
        assert "amaranth" not in path.read_text(), path
