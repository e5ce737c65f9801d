"""Pages are made from the code and from kept results, completely or not at all."""

import json
import re

import pytest

from isa.errors import UserError
from publish import measure, pages, results
from publish.pages import FROM_CODE, FROM_RESULTS, render
from publish.results import kept
from tb.studies import tables

MAKERS = [*FROM_CODE, *(marker for makers in FROM_RESULTS.values() for marker in makers)]


def test_every_maker_has_one_place():
    found = [
        marker
        for page in pages.pages()
        for marker in re.findall("<!-- generated: (.+?) -->", page.read_text())
    ]
    assert sorted(found) == sorted(MAKERS)
    assert set(FROM_RESULTS) == set(measure.SETS)


def test_a_part_is_replaced_and_the_rest_stays():
    page = "a\n<!-- generated: formal table -->\nold\n<!-- end: formal table -->\nb\n"
    result = {"properties": 3, "proved": 2, "mutations": 1, "mutations_caught": 0}
    made = render(page, {"formal": result}.__getitem__)
    assert made.startswith("a\n<!-- generated: formal table -->\n| properties |")
    assert "| 3 | 2 | 1 | 0 |\n<!-- end: formal table -->\nb\n" in made and "old" not in made
    assert render("<!-- generated: formal table -->", {"formal": result}.__getitem__) == "\n".join(
        made.splitlines()[1:-1]
    )


def test_a_marker_that_nothing_makes_is_named():
    with pytest.raises(UserError, match=r"^nothing makes the generated part 'poem'"):
        render("<!-- generated: poem -->")


def test_a_wrong_bit_shows():
    rows = [{**row, "bit_exact": False, "mismatches": 5} for row in kept("tables")]
    for marker, make in FROM_RESULTS["tables"].items():
        assert "NO, 5 differ" in make(rows), marker
    assert not measure.right(rows) and measure.right(kept("tables"))


def test_results_are_of_the_listed_cases():
    assert [row["case"] for row in kept("tables")] == [name for name, _ in tables.cases()]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house with one page, and one kept result."""
    for module in (pages, results):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    for module in (measure, results):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "docs" / "results")
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("<!-- generated: formal table -->\n")
    return tmp_path


def test_a_measured_set_is_published(house, monkeypatch):
    result = {"properties": 3, "proved": 2, "mutations": 1, "mutations_caught": 0}
    monkeypatch.setitem(measure.SETS, "formal", lambda _: result)
    assert measure.measure("formal", None) == result
    assert json.loads((house / "docs/results/formal.json").read_text()) == result
    assert "| 3 | 2 | 1 | 0 |" in (house / "README.md").read_text()


def test_nothing_is_published_of_a_result_that_a_maker_rejects(house, monkeypatch):
    (house / "README.md").write_text("<!-- generated: window -->\n")
    wrong = kept_tour_with_a_mismatch()
    monkeypatch.setitem(measure.SETS, "tour", lambda _: wrong)
    with pytest.raises(UserError, match=r"^the tour: a word is missing"):
        measure.measure("tour", None)
    assert (house / "README.md").read_text() == "<!-- generated: window -->\n"
    assert not (house / "docs/results").exists()


def kept_tour_with_a_mismatch() -> dict:
    parts = ("one block", "faults")
    window = {"mismatches": 1, "problems": ["a word is missing"]}
    return {"tables": {name: {"rows": []} for name in parts}, "window": window}


def test_a_missing_result_says_what_makes_it(house):
    with pytest.raises(
        UserError,
        match=r"^there is no docs/results/formal.json: make measure SET=formal writes it$",
    ):
        pages.update()
