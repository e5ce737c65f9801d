"""The picture of the rooms tells what the sources import."""

import xml.etree.ElementTree as ElementTree

import pytest

from publish.rooms import imports, picture, purpose, thinned

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def house(tmp_path):
    """Three rooms, of which the last imports both others."""
    for room, says, code in (
        ("low", "Holds the rest. Imports nothing.", "import os\n"),
        ("middle", "Lies < between: `low` and high.\n\nMore of it.", "import low.a\n"),
        ("top", "Looks down.", "def f():\n    from middle.b import c\n    import low\n"),
    ):
        (tmp_path / room / "inner").mkdir(parents=True)
        (tmp_path / room / "__init__.py").write_text(f'"""{says}"""\n')
        (tmp_path / room / "inner" / "code.py").write_text(code)
    return tmp_path


def test_imports_are_found_wherever_they_stand(house):
    assert imports(house) == {"low": set(), "middle": {"low"}, "top": {"low", "middle"}}


def test_an_arrow_that_a_longer_way_stands_for_is_left_out(house):
    assert thinned(imports(house)) == {"low": set(), "middle": {"low"}, "top": {"middle"}}


def test_a_purpose_is_one_sentence(house):
    assert [purpose(room, house) for room in ("low", "middle")] == [
        "Holds the rest",
        "Lies < between: low and high",
    ]


def test_the_picture_has_a_box_for_each_room_and_its_arrows(house):
    drawn = ElementTree.fromstring(picture(house))
    names = [text.text for text in drawn.iter(f"{SVG}text") if text.get("class") == "room"]
    assert names == ["low", "middle", "top"]
    assert len(drawn.findall(f"{SVG}path")) == 2
    assert picture(house) == picture(house)


def test_a_room_stands_above_what_it_imports(house):
    boxes = ElementTree.fromstring(picture(house)).findall(f"{SVG}rect[@rx]")
    low, middle, top = (float(box.get("y")) for box in boxes)
    assert top < middle < low
