"""An FST holds what its VCD holds, whoever converts it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from isa.errors import UserError
from tests.waves.views.mesh_vcd import CONVERTER, write_vcd
from waves.views import to_fst

HEADERS = any(Path(folder, "lz4.h").exists() for folder in ("/usr/include", "/usr/local/include"))
needs_lz4 = pytest.mark.skipif(not HEADERS, reason="needs lz4.h")
needs_gtkwave = pytest.mark.skipif(
    not shutil.which("vcd2fst"), reason="needs vcd2fst and fst2vcd of GTKWave"
)


def without_gtkwave(monkeypatch):
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "vcd2fst" else found(name))


def changes(text: str) -> Iterator[tuple[str, str, str]]:
    """Time, path and value of every change: identifier codes and the order within a time are the
    converter's affair.
    """
    scopes, paths, values, time = [], {}, {}, ""
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "$scope":
            scopes.append(words[2])
        elif words[0] == "$upscope":
            scopes.pop()
        elif words[0] == "$var":
            paths.setdefault(words[3], []).append(".".join([*scopes, *words[4:-1]]))
        elif words[0].startswith("#"):
            time = words[0]
        elif line[0] in "01b" and paths:
            value, code = words if len(words) == 2 else (line[0], line[1:])
            value = value.lstrip("b").lstrip("0")
            if values.get(code) != value:
                values[code] = value
                yield from ((time, path, value) for path in paths[code])


@needs_gtkwave
@pytest.mark.parametrize("own", [False, pytest.param(True, marks=needs_lz4)])
def test_the_fst_holds_the_same_changes(tmp_path, monkeypatch, own):
    vcd = write_vcd(tmp_path / "waves.vcd", "2x1", first=500, cycles=40, above=("TOP", "mesh"))
    if own:
        without_gtkwave(monkeypatch)
    path = to_fst(vcd, **CONVERTER)
    assert path == tmp_path / "waves.fst" and path.stat().st_size < vcd.stat().st_size / 5
    back = subprocess.run(["fst2vcd", str(path)], capture_output=True, text=True, check=True).stdout
    assert "1ns" in back
    expected = set(changes(vcd.read_text()))
    assert len(expected) > 1000 and set(changes(back)) == expected


@needs_lz4
@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("b1010 ", "b10x0 ", "not two-state: 10x0"),
        ("$timescale 1ns", "$timescale 1 day", "unknown timescale"),
        ("\n#2\n", "\n#2\n1??\n", "undeclared"),
    ],
)
def test_a_vcd_that_cannot_be_converted(tmp_path, monkeypatch, old, new, says):
    vcd = write_vcd(tmp_path / "waves.vcd", "1x1")
    assert old in vcd.read_text()
    vcd.write_text(vcd.read_text().replace(old, new))
    without_gtkwave(monkeypatch)
    with pytest.raises(UserError, match=says):
        to_fst(vcd, **CONVERTER)
    assert [path.name for path in tmp_path.iterdir()] == ["waves.vcd"]


def test_without_any_converter_it_is_said_what_to_install(tmp_path, monkeypatch):
    without_gtkwave(monkeypatch)
    vcd = write_vcd(tmp_path / "waves.vcd", "1x1")
    with pytest.raises(UserError, match=r"vcd2fst .*liblz4-dev.*fstcpp") as raised:
        to_fst(vcd, headers=lambda: tmp_path, kept=tmp_path)
    assert "\n" not in str(raised.value) and not vcd.with_suffix(".fst").exists()
